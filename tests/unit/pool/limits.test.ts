// A server that can serve fewer connections than the pool may have, as a connection finds out when it opens.
import { describe, expect, test } from '@jest/globals'
import { settle } from '../../support/manual-clock.js'
import {
  acquireAll,
  expectNothingLeft,
  makePool,
  MODES,
  openPool,
  outcomesOf,
  type Rig,
  SECOND,
  work,
} from './support.js'

/** A pool whose connections take 10 ms to open. */
function slowRig(settings: Parameters<typeof makePool>[0]): Rig {
  const rig = makePool(settings)
  rig.connector.openMs = 10
  return rig
}

describe('a server that serves one connection', () => {
  test.each(MODES)('gets one from %s, and the callers take turns', async (_name, mode) => {
    const rig = slowRig({ maxSize: 4, ...mode })
    rig.connector.limit = () => 1
    rig.pool.open()
    const jobs = [1, 2, 3, 4].map(() => work(rig, 100))
    await rig.clock.advance(SECOND)
    expect(outcomesOf(jobs)).toEqual([110, 210, 310, 410].map((at) => ['fulfilled', at]))
    expect(rig.pool.getStats()).toMatchObject({ poolMax: 1, connectionsErrors: 0 })
    await expectNothingLeft(rig)
  })

  test('gets no second one for minSize', async () => {
    const rig = slowRig({ minSize: 3, maxSize: 4 })
    rig.connector.limit = () => 1
    rig.pool.open()
    await rig.clock.advance(SECOND)
    await rig.pool.wait()
    expect(rig.pool.getStats()).toMatchObject({ poolMin: 1, poolMax: 1, poolSize: 1, poolAvailable: 1 })
    expect(rig.connector.alive.map(({ id }) => id)).toEqual([1])
    await expectNothingLeft(rig)
  })

  test('gets no further attempts for the connections that it refuses', async () => {
    const rig = makePool({ minSize: 2, maxSize: 4 })
    rig.connector.limit = () => 1
    rig.pool.open()
    await settle()
    rig.connector.openError = new Error('too many connections')
    await rig.clock.advance(60 * SECOND)
    expect(rig.connector.attempts).toHaveLength(2)
    expect(rig.pool.getStats()).toMatchObject({ poolSize: 1, connectionsErrors: 0 })
    await expectNothingLeft(rig)
  })

  test('keeps the first connection when the second detects the limit', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 4 })
    rig.connector.limit = ({ id }) => (id > 1 ? 1 : undefined)
    const jobs = [1, 2, 3].map(() => work(rig, 100))
    await rig.clock.advance(SECOND)
    expect(outcomesOf(jobs)).toEqual([100, 200, 300].map((at) => ['fulfilled', at]))
    expect(rig.connector.alive.map(({ id }) => id)).toEqual([1])
    await expectNothingLeft(rig)
  })

  test('gets no more by resize', async () => {
    const rig = await openPool({ minSize: 0, maxSize: 4 })
    rig.connector.limit = () => 1
    await (await rig.pool.acquire()).release()
    rig.pool.resize({ minSize: 3, maxSize: 8 })
    await settle()
    expect(rig.pool.getStats()).toMatchObject({ poolMin: 1, poolMax: 1, poolSize: 1 })
    await expectNothingLeft(rig)
  })

  test('may be another later, which serves as many as the pool wants', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 4 })
    rig.connector.limit = () => 1
    await rig.pool.drain()
    await settle()
    expect(rig.pool.getStats()).toMatchObject({ poolMax: 1, poolSize: 1 })
    rig.connector.limit = () => undefined
    await rig.pool.drain()
    await settle()
    expect(rig.pool.getStats()).toMatchObject({ poolMin: 2, poolMax: 4, poolSize: 2 })
    const leases = await acquireAll(rig, 4)
    await Promise.all(leases.map((lease) => lease.release()))
    await expectNothingLeft(rig)
  })
})
