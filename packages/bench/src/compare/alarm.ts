/** An alarm clock that is exact to some hundredths of a millisecond, and costs nothing while it waits. */
import { Worker } from 'node:worker_threads'
import type { AlarmData } from './alarm-thread.js'

export class Alarm {
  readonly #data: AlarmData = {
    moment: new BigInt64Array(new SharedArrayBuffer(8)),
    signal: new Int32Array(new SharedArrayBuffer(4)),
  }

  constructor(onRing: () => void) {
    const thread = new Worker(new URL('./alarm-thread.mjs', import.meta.url), { workerData: this.#data })
    thread.on('message', onRing)
    thread.unref()
  }

  /** Rings once at this moment, in nanoseconds of `process.hrtime`; not again before it has rung. */
  set(moment: bigint): void {
    Atomics.store(this.#data.moment, 0, moment)
    Atomics.add(this.#data.signal, 0, 1)
    Atomics.notify(this.#data.signal, 0)
  }
}
