// What a pool counts, in exact numbers.
import { describe, expect, test } from '@jest/globals'
import { NUMBERS } from '../../../packages/adapter/src/observe/metrics.js'
import { Counters } from '../../../packages/adapter/src/pool/stats.js'
import { settle } from '../../support/manual-clock.js'
import {
  acquireAll,
  codeOf,
  makePool,
  MODES,
  openPool,
  outcomesOf,
  SECOND,
  track,
  useOnce,
  work,
} from './support.js'

describe.each(MODES)('of %s', (_, mode) => {
  const min = (size: number) => mode.minSize ?? size

  test('the gauges tell how many connections there are, how many are idle, and who waits', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 4, ...mode })
    const sizes = { poolMin: min(2), poolMax: 4 }
    expect(rig.pool.getStats()).toMatchObject({
      ...sizes,
      poolSize: min(2),
      poolAvailable: min(2),
      requestsWaiting: 0,
    })
    rig.connector.openMs = 10
    const few = Array.from({ length: 3 }, () => work(rig, 200))
    await rig.clock.advance(100)
    expect(rig.pool.getStats()).toMatchObject({ ...sizes, poolSize: 3, poolAvailable: 0, requestsWaiting: 0 })
    await rig.clock.advance(SECOND)
    const many = Array.from({ length: 7 }, () => work(rig, 200))
    await rig.clock.advance(100)
    expect(rig.pool.getStats()).toMatchObject({ ...sizes, poolSize: 4, poolAvailable: 0, requestsWaiting: 3 })
    await rig.clock.advance(SECOND)
    expect(new Set([...few, ...many].map(({ state }) => state))).toEqual(new Set(['fulfilled']))
  })

  test('the counters tell how many requests there were, how long they waited, and how long they held', async () => {
    const rig = await openPool({ minSize: 3, maxSize: 3, timeout: 300, ...mode })
    const jobs = Array.from({ length: 7 }, () => work(rig, 200))
    await rig.clock.advance(SECOND)
    expect(outcomesOf(jobs)).toEqual([
      ...Array<unknown>(3).fill(['fulfilled', 200]),
      ...Array<unknown>(3).fill(['fulfilled', 400]),
      ['rejected', 300],
    ])
    expect(rig.pool.getStats()).toMatchObject({
      requestsNum: 7,
      // A null pool's every request waits, if only for its own connection.
      requestsQueued: 7 - min(3),
      // Three waited 200 ms, and one 300 in vain.
      requestsWaitMs: 900,
      longestWaitMs: 300,
      requestsErrors: 1,
      usageMs: 1_200,
      returnsBad: 0,
    })
  })

  test('a connection that comes back broken is counted, and the counters can begin anew', async () => {
    const counters = new Counters()
    const rig = await openPool({ minSize: 1, maxSize: 1, ...mode }, { counters })
    await useOnce(rig)
    const lease = await rig.pool.acquire()
    lease.connection.condition = 'broken'
    await lease.release()
    await settle()
    expect(rig.pool.getStats()).toMatchObject({ requestsNum: 2, returnsBad: 1 })
    counters.reset()
    await useOnce(rig)
    expect(rig.pool.getStats()).toMatchObject({ requestsNum: 1, returnsBad: 0 })
  })
})

test('attempts to connect are counted with the time that those which succeeded took, and losses', async () => {
  const rig = makePool({ minSize: 3, maxSize: 3 })
  rig.connector.openMs = 200
  rig.pool.open()
  await rig.clock.advance(200)
  const full = { connectionsNum: 3, connectionsErrors: 0, connectionsLost: 0, connectionsMs: 600 }
  expect(rig.pool.getStats()).toMatchObject(full)
  rig.connector.openError = new Error('away')
  for (const { id } of rig.connector.opened) rig.connector.dead.add(id)
  await rig.pool.check()
  await rig.clock.advance(200)
  expect(rig.pool.getStats()).toMatchObject({
    connectionsNum: 6,
    connectionsErrors: 3,
    connectionsLost: 3,
    connectionsMs: 600,
  })
})

test('requests that got nothing are told apart by why', async () => {
  const rig = await openPool({ minSize: 1, maxSize: 1, maxWaiting: 2, timeout: 100 })
  const lease = await rig.pool.acquire()
  const abort = new AbortController()
  const late = track(rig.clock, rig.pool.acquire())
  const aborted = track(rig.clock, rig.pool.acquire({ signal: abort.signal }))
  const rejected = track(rig.clock, rig.pool.acquire())
  abort.abort()
  await rig.clock.advance(100)
  await lease.release()
  expect([late, aborted, rejected].map(({ state }) => state)).toEqual(Array(3).fill('rejected'))
  expect(rig.pool.getStats()).toMatchObject({
    requestsErrors: 3,
    requestsTimeouts: 1,
    requestsCancelled: 1,
    requestsRejected: 1,
  })
  const closed = rig.pool.close()
  await codeOf(rig.pool.acquire())
  await closed
  expect(rig.pool.getStats()).toMatchObject({ requestsErrors: 4, requestsTimeouts: 1, requestsCancelled: 1 })
})

test('connections that were closed are counted once they are, those that were too old or idle also by themselves', async () => {
  const rig = await openPool({ minSize: 1, maxSize: 2, maxLifetime: 10 * SECOND, maxIdle: SECOND })
  const both = await acquireAll(rig, 2)
  await Promise.all(both.map((lease) => lease.release()))
  await rig.clock.advance(2 * SECOND)
  expect(rig.pool.getStats()).toMatchObject({ poolSize: 1, connectionsClosed: 1, connectionsIdleClosed: 1 })
  await rig.clock.advance(8 * SECOND)
  expect(rig.pool.getStats()).toMatchObject({ connectionsClosed: 2, connectionsExpired: 1 })
  await rig.pool.close()
  expect(rig.pool.getStats()).toMatchObject({ poolSize: 0, connectionsClosed: 3, connectionsIdleClosed: 1 })
})

test('the histograms have each wait, each use and each connect', async () => {
  const rig = makePool({ minSize: 1, maxSize: 1, timeout: 300 })
  rig.connector.openMs = 80
  rig.pool.open()
  await rig.clock.advance(80)
  const jobs = [work(rig, 200), work(rig, 200), work(rig, 200)]
  await rig.clock.advance(SECOND)
  expect(outcomesOf(jobs).map(([state]) => state)).toEqual(['fulfilled', 'fulfilled', 'rejected'])
  const { waitTimes, useTimes, connectTimes } = rig.pool.getStats()
  // Whoever was served at once waited for no time; whoever timed out obtained nothing.
  expect(waitTimes).toMatchObject({ count: 2, sumMs: 200 })
  expect(waitTimes.counts[0]).toBe(1)
  expect(useTimes).toMatchObject({ count: 2, sumMs: 400 })
  expect(connectTimes).toMatchObject({ count: 1, sumMs: 80 })
})

test('the numbers agree with one another at every moment', async () => {
  const rig = await openPool({
    minSize: 1,
    maxSize: 3,
    maxWaiting: 5,
    timeout: 40,
    maxIdle: 200,
    maxLifetime: 300,
  })
  rig.connector.openMs = 7
  for (let moment = 0; moment < 600; moment++) {
    if (moment % 5 < 2) work(rig, 3 + (moment % 31))
    await rig.clock.advance(1)
    const stats = rig.pool.getStats()
    const { waitTimes, useTimes, connectTimes } = stats
    expect(waitTimes.count).toBe(stats.requestsNum - stats.requestsErrors - stats.requestsWaiting)
    expect(stats.connectionsUsed).toBe(waitTimes.count - useTimes.count)
    const opened = stats.connectionsNum - stats.connectionsErrors
    expect(connectTimes.count).toBe(opened)
    expect(stats.poolSize).toBe(opened - stats.connectionsClosed + stats.connectionsPreparing)
    expect(Math.round(useTimes.sumMs)).toBe(stats.usageMs)
  }
  // Of everything that is counted here, something has happened.
  const { requestsTimeouts, requestsRejected, connectionsExpired } = rig.pool.getStats()
  for (const count of [requestsTimeouts, requestsRejected, connectionsExpired])
    expect(count).toBeGreaterThan(0)
})

test('a connection is in the gauge of what is done with it', async () => {
  const rig = await openPool({ minSize: 2, maxSize: 3, checkIdleAfter: SECOND })
  const gauges = () => {
    const { poolAvailable, connectionsUsed, connectionsReserved, connectionsPreparing, connectionsClosing } =
      rig.pool.getStats()
    return [poolAvailable, connectionsUsed, connectionsReserved, connectionsPreparing, connectionsClosing]
  }
  rig.connector.openMs = rig.connector.restoreMs = rig.connector.checkMs = rig.connector.closeMs = 10
  expect(gauges()).toEqual([2, 0, 0, 0, 0])
  const lease = await rig.pool.acquire()
  const other = await rig.pool.acquire()
  const third = track(rig.clock, rig.pool.acquire())
  expect(gauges()).toEqual([0, 2, 0, 1, 0])
  await rig.clock.advance(10)
  lease.connection.condition = 'unclean'
  void lease.release()
  expect(gauges()).toEqual([0, 2, 1, 0, 0])
  await rig.clock.advance(10)
  expect(gauges()).toEqual([1, 2, 0, 0, 0])
  void other.destroy()
  expect(gauges()).toEqual([1, 1, 0, 0, 1])
  await rig.clock.advance(SECOND)
  void third.value?.release()
  void rig.pool.check()
  const { poolSize } = rig.pool.getStats()
  expect(gauges()).toEqual([0, 0, poolSize, 0, 0])
})

test('at every moment of a load every connection is in one gauge, and in one state that is exported', async () => {
  const rig = await openPool({ minSize: 2, maxSize: 5, timeout: 60, maxLifetime: 90, checkIdleAfter: 3 })
  rig.connector.openMs = 7
  rig.connector.restoreMs = 4
  rig.connector.checkMs = 2
  rig.connector.closeMs = 5
  const { read } = NUMBERS.find(({ name }) => name === 'db.client.connection.count')!
  const sum = (numbers: Iterable<number>) => [...numbers].reduce((one, other) => one + other, 0)
  const seen = { idle: 0, used: 0, reserved: 0, creating: 0, closing: 0 }
  const soil = async () => {
    const lease = await rig.pool.acquire()
    lease.connection.condition = 'unclean'
    await lease.release()
  }
  for (let moment = 0; moment < 900; moment++) {
    if (moment % 300 < 150 && moment % 4 === 0) work(rig, 3 + (moment % 23))
    if (moment % 7 === 0) void soil().catch(() => {})
    if (moment % 301 === 300) void rig.pool.drain()
    await rig.clock.advance(1)
    const stats = rig.pool.getStats()
    const states = read(stats) as Record<string, number>
    expect(sum(Object.values(states))).toBe(stats.poolSize)
    // Those that are really there, whatever is counted.
    expect(rig.connector.alive).toHaveLength(stats.poolSize - stats.connectionsPreparing)
    expect(states['used']).toBe(stats.connectionsUsed + stats.connectionsReserved)
    seen.idle += stats.poolAvailable
    seen.used += stats.connectionsUsed
    seen.reserved += stats.connectionsReserved
    seen.creating += stats.connectionsPreparing
    seen.closing += stats.connectionsClosing
  }
  for (const times of Object.values(seen)) expect(times).toBeGreaterThan(0)
})
