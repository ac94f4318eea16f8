/**
 * The thread of an alarm clock: sleeps until the moment that it is told, then wakes the other thread. The timers of
 * Node know whole milliseconds alone; a thread that does nothing else may sleep for as long as it likes.
 */
import { parentPort, workerData } from 'node:worker_threads'

const { moment, signal } = workerData as AlarmData

/** What both threads have. */
export interface AlarmData {
  /** When to wake, in nanoseconds of `process.hrtime`. */
  readonly moment: BigInt64Array
  /** Counts how often it has been set. */
  readonly signal: Int32Array
}

const never = new Int32Array(new SharedArrayBuffer(4))

let seen = 0
for (;;) {
  Atomics.wait(signal, 0, seen)
  const set = Atomics.load(signal, 0)
  // Who sets it counts first and wakes us then: it may be counted, and have rung, before that wakes us once more.
  if (set === seen) continue
  seen = set
  const remainingMs = Number(Atomics.load(moment, 0) - process.hrtime.bigint()) / 1e6
  if (remainingMs > 0) Atomics.wait(never, 0, 0, remainingMs)
  parentPort?.postMessage(undefined)
}
