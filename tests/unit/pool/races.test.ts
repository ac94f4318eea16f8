// What only an unlucky order of events brings about.
import { describe, expect, test } from '@jest/globals'
import { settle } from '../../support/manual-clock.js'
import { acquireAll, expectNothingLeft, MINUTE, openPool, SECOND, track } from './support.js'

describe('a request whose connection is being examined', () => {
  test('gets another idle one when that turns out to be one too many', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 2 })
    await rig.clock.advance(1 * SECOND)
    const waiting = track(rig.clock, rig.pool.acquire())
    rig.pool.resize({ minSize: 0, maxSize: 1 })
    await settle()
    expect(waiting).toMatchObject({ state: 'fulfilled', at: 1 * SECOND })
    expect(waiting.value?.connection.id).toBe(2)
    await waiting.value?.release()
    await expectNothingLeft(rig)
  })

  test('gets another idle one when that expires meanwhile', async () => {
    const rig = await openPool({
      minSize: 1,
      maxSize: 2,
      checkIdleAfter: 0,
      maxLifetime: 10 * SECOND,
      maxLifetimeJitter: 0,
    })
    await rig.clock.advance(5 * SECOND)
    const leases = await acquireAll(rig, 2)
    leases.sort((a, b) => a.connection.id - b.connection.id)
    for (const lease of leases) await lease.release()
    rig.connector.checkMs = 6 * SECOND
    rig.connector.openMs = MINUTE
    const waiting = track(rig.clock, rig.pool.acquire())
    rig.connector.checkMs = 0
    await rig.clock.advance(6 * SECOND)
    expect(waiting).toMatchObject({ state: 'fulfilled', at: 11 * SECOND })
    expect(waiting.value?.connection.id).toBe(2)
  })

  test('is not kept waiting for the closing of one that is dead, where connections are made for each', async () => {
    const rig = await openPool({ maxSize: 2, growth: 'immediate', checkIdleAfter: 0 })
    await (await rig.pool.acquire()).release()
    rig.connector.dead.add(1)
    rig.connector.closeMs = 5 * SECOND
    const waiting = track(rig.clock, rig.pool.acquire())
    await settle()
    expect(waiting).toMatchObject({ state: 'fulfilled', at: 0 })
  })

  test('does not hide from a request behind it that the process was frozen', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 2 })
    await rig.clock.advance(1 * SECOND)
    rig.connector.dead.add(2)
    const first = rig.pool.acquire()
    rig.clock.freeze(MINUTE)
    const behind = rig.pool.acquire()
    await settle()
    expect(rig.connector.checks).toEqual([2])
    expect([(await first).connection.id, (await behind).connection.id]).toEqual([3, 1])
  })
})

describe('filling', () => {
  test('does not open again what is being replaced already', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 2 })
    rig.connector.closeMs = 100
    void rig.pool.drain()
    void rig.pool.check()
    await rig.clock.advance(100)
    expect(rig.connector.opened).toHaveLength(2)
    expect(rig.pool.getStats()).toMatchObject({ poolSize: 1, poolAvailable: 1 })
    await rig.clock.advance(0)
  })

  test('goes on when a connection that took the place is closed', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 2 })
    rig.pool.resize({ minSize: 0, maxSize: 1 })
    rig.connector.closeMs = 100
    // One of the two is too much, and leaves.
    const lease = await rig.pool.acquire()
    rig.pool.resize({ minSize: 2, maxSize: 2 })
    await rig.clock.advance(100)
    expect(rig.pool.getStats()).toMatchObject({ poolSize: 2, poolAvailable: 1 })
    await lease.release()
  })

  test('is done, for who waits for it, when minSize is lowered to what there is', async () => {
    const rig = await openPool()
    rig.connector.openMs = undefined
    rig.pool.resize({ minSize: 2, maxSize: 2 })
    const filled = track(rig.clock, rig.pool.wait())
    rig.pool.resize({ minSize: 0, maxSize: 2 })
    await settle()
    expect(filled.state).toBe('fulfilled')
  })
})

test('a connection whose end comes together with the answer to its cleaning is replaced', async () => {
  const rig = await openPool({ minSize: 1, maxSize: 1 })
  const lease = await rig.pool.acquire()
  const { connection } = lease
  connection.condition = 'unclean'
  let answer: (() => void) | undefined
  rig.connector.restore = () => new Promise((resolve) => (answer = resolve))
  const returned = lease.release()
  const waiting = track(rig.clock, rig.pool.acquire())
  answer?.()
  rig.connector.lose(connection)
  await returned
  await settle()
  expect(waiting.value?.connection.id).toBe(2)
  expect(rig.pool.getStats()).toMatchObject({ returnsBad: 1, poolSize: 1 })
})
