/**
 * What requests cost that must wait because no connection is free: to be queued, and to be settled in each of
 * the ways there are. Per waiter the figures of a thousand and of a hundred thousand should be the same.
 */
import { setMaxListeners } from 'node:events'
import type { FakeConnection } from '../../../tests/support/fake-connector.js'
import { ManualClock } from '../../../tests/support/manual-clock.js'
import { type Clock, systemClock } from '../../adapter/src/pool/clock.js'
import type { Lease } from '../../adapter/src/pool/lease.js'
import type { Pool } from '../../adapter/src/pool/pool.js'
import type { AcquireOptions } from '../../adapter/src/pool/types.js'
import type { Benchmark, Column, Row } from './benchmark.js'
import { openFakePool } from './fake-pool.js'
import { memoryInUse } from './memory-use.js'
import { interleave, spreadOf } from './rounds.js'
import { type Spent, startStopwatch } from './stopwatch.js'

const WARM_UP = 2
const FEWEST = 1_000
const LONG_MS = 60_000

/** Requests that wait, and what settles them. */
interface Crowd {
  readonly pool: Pool<FakeConnection>
  /** The only connection, lent. */
  readonly lease: Lease<FakeConnection>
  readonly queued: Spent
  readonly settled: Promise<void>
}

interface Times {
  readonly queued: Spent
  readonly settled: Spent
}

interface Ending {
  readonly what: string
  /** Queues so many requests and settles them all. */
  readonly run: (count: number) => Promise<Times>
}

const ENDINGS: readonly Ending[] = [
  {
    what: 'timed out',
    async run(count) {
      const timeout = 1
      const crowd = await queue(count, () => ({ timeout }))
      // All are overdue before the event loop comes to them, so that no waiting is measured.
      const end = performance.now() + timeout
      while (performance.now() <= end);
      return settle(crowd)
    },
  },
  {
    what: 'timed out, manual clock',
    async run(count) {
      const clock = new ManualClock()
      const crowd = await queue(count, () => ({ timeout: LONG_MS }), clock)
      return settle(crowd, () => void clock.advance(LONG_MS))
    },
  },
  {
    what: 'served',
    async run(count) {
      const crowd = await queue(count, () => ({ timeout: LONG_MS }))
      return settle(crowd, () => void crowd.lease.release())
    },
  },
  {
    what: 'aborted, a signal each',
    async run(count) {
      const controllers = Array.from({ length: count }, () => new AbortController())
      const crowd = await queue(count, (index) => ({ timeout: LONG_MS, signal: controllers[index]?.signal }))
      return settle(crowd, () => {
        for (const controller of controllers) controller.abort('enough')
      })
    },
  },
  {
    what: 'aborted, one signal for all',
    async run(count) {
      const controller = new AbortController()
      setMaxListeners(0, controller.signal)
      const crowd = await queue(count, () => ({ timeout: LONG_MS, signal: controller.signal }))
      return settle(crowd, () => controller.abort('enough'))
    },
  },
]

async function queue(
  count: number,
  optionsOf: (index: number) => AcquireOptions,
  clock: Clock = systemClock,
): Promise<Crowd> {
  const pool = await openFakePool(1, clock)
  const lease = await pool.acquire()
  let pending = count
  const watch = startStopwatch()
  const settled = new Promise<void>((resolve) => {
    const done = (): void => {
      pending--
      if (pending === 0) resolve()
    }
    const use = (granted: Lease<FakeConnection>): void => {
      void granted.release()
      done()
    }
    for (let index = 0; index < count; index++) void pool.acquire(optionsOf(index)).then(use, done)
  })
  return { pool, lease, queued: watch(), settled }
}

/** `begin` is what settles them, unless time does. */
async function settle(crowd: Crowd, begin = () => {}): Promise<Times> {
  const watch = startStopwatch()
  begin()
  await crowd.settled
  const settled = watch()
  await crowd.pool.close({ timeout: 0 })
  return { queued: crowd.queued, settled }
}

export const waiters: Benchmark<'most' | 'rounds'> = {
  title: 'requests that wait: queued, then timed out, served or aborted',
  options: {
    most: {
      fallback: 100_000,
      min: FEWEST,
      max: 10_000_000,
      help: `how many wait, from ${FEWEST} times ten up`,
    },
    rounds: {
      fallback: 9,
      min: 1,
      max: 1_000,
      help: `how often each is measured, after ${WARM_UP} times more`,
    },
  },
  async run({ most, rounds }, progress) {
    const times: Row[] = []
    const held: Row[] = []
    for (let count = FEWEST; count <= most; count *= 10) {
      progress(`${WARM_UP + rounds} rounds of ${ENDINGS.length} × ${count} waiters`)
      const results = await interleave(ENDINGS, { rounds, warmUp: WARM_UP }, ({ run }) => run(count))
      times.push(...[...results].map(([{ what }, measured]) => timesRow(what, count, measured)))
      held.push(await heldBy(count))
    }
    return {
      tables: [
        { key: 'times', title: 'CPU time', columns: TIME_COLUMNS, rows: times },
        { key: 'held', title: 'held while they wait', columns: HELD_COLUMNS, rows: held },
      ],
    }
  },
}

const TIME_COLUMNS: readonly Column[] = [
  { key: 'what', title: 'what' },
  { key: 'waiters', title: 'waiters' },
  { key: 'queueNs', title: 'to queue, ns each' },
  { key: 'settleNs', title: 'to settle, ns each' },
  { key: 'cpuMs', title: 'all, ms', digits: 1 },
  { key: 'wallMs', title: 'by the clock, ms', digits: 1 },
]

function timesRow(what: string, count: number, measured: readonly Times[]): Row {
  const medianOf = (valueOf: (times: Times) => number): number => spreadOf(measured.map(valueOf)).median
  return {
    what,
    waiters: count,
    queueNs: medianOf(({ queued }) => (queued.cpuMs * 1e6) / count),
    settleNs: medianOf(({ settled }) => (settled.cpuMs * 1e6) / count),
    cpuMs: medianOf(({ queued, settled }) => queued.cpuMs + settled.cpuMs),
    wallMs: medianOf(({ queued, settled }) => queued.wallMs + settled.wallMs),
  }
}

const HELD_COLUMNS: readonly Column[] = [
  { key: 'waiters', title: 'waiters' },
  { key: 'bytes', title: 'bytes each' },
  { key: 'timers', title: 'timers' },
]

/** What so many waiters hold; in a run of its own, since a collection of garbage would be measured with the rest. */
async function heldBy(count: number): Promise<Row> {
  const timers = timersSet()
  const before = await memoryInUse()
  const crowd = await queue(count, () => ({ timeout: LONG_MS }))
  const row = {
    waiters: count,
    bytes: ((await memoryInUse()) - before) / count,
    timers: timersSet() - timers,
  }
  await settle(crowd, () => void crowd.pool.close({ timeout: 0 }))
  return row
}

function timersSet(): number {
  return process.getActiveResourcesInfo().filter((type) => type === 'Timeout').length
}
