// The clock of the proxy that makes a server far away: it rings once for each time that it is set, whoever wakes it.
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { expect, test } from '@jest/globals'
import { eventually } from '../support/eventually.js'

const THREAD = join(__dirname, '../../packages/bench/dist/alarm-thread.mjs')

test('to be woken without having been set is no reason to ring', async () => {
  const moment = new BigInt64Array(new SharedArrayBuffer(8))
  const signal = new Int32Array(new SharedArrayBuffer(4))
  const thread = new Worker(THREAD, { workerData: { moment, signal } })
  let rings = 0
  thread.on('message', () => rings++)
  const wake = () => eventually(() => expect(Atomics.notify(signal, 0)).toBe(1))
  try {
    // As when the thread sees the count before it is woken for it, and sleeps again by then.
    await wake()
    await wake()
    Atomics.add(signal, 0, 1)
    await wake()
    await eventually(() => expect(rings).toBe(1))
    await wake()
    await delay(20)
    expect(rings).toBe(1)
  } finally {
    await thread.terminate()
  }
})
