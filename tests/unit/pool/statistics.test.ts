// What a pool counts, in exact numbers.
import { describe, expect, test } from '@jest/globals'
import { Counters } from '../../../packages/adapter/src/pool/stats.js'
import { settle } from '../../support/manual-clock.js'
import { makePool, MODES, openPool, outcomesOf, SECOND, useOnce, work } from './support.js'

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
