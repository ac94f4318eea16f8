// Pools that keep few idle connections or none, that open one for each who waits, or lend each but once.
import { describe, expect, test } from '@jest/globals'
import type { CloseReason, PoolSettings } from '../../../packages/adapter/src/pool/types.js'
import { settle } from '../../support/manual-clock.js'
import {
  acquireAll,
  codeOf,
  expectNothingLeft,
  makePool,
  NULL_POOL,
  openPool,
  SECOND,
  track,
  work,
} from './support.js'

const NO_POOLING = { ...NULL_POOL, maxSize: 3 }

describe('maxIdleCount', () => {
  test('a connection that comes back beyond it is closed, unless somebody waits', async () => {
    const { pool, connector } = await openPool({ maxSize: 3, maxIdleCount: 1 })
    const leases = await acquireAll({ pool }, 3)
    const waiting = pool.acquire()
    await leases[0]?.release()
    const handedOver = await waiting
    expect(handedOver.connection.id).toBe(1)
    await leases[1]?.release()
    await leases[2]?.release()
    expect(connector.alive.map(({ id }) => id)).toEqual([1, 2])
    expect(pool.getStats()).toMatchObject({ poolSize: 2, poolAvailable: 1 })
  })

  test('what is closed for it is not replaced', async () => {
    const { pool, connector } = await openPool({ minSize: 1, maxSize: 3, maxIdleCount: 1 })
    const leases = await acquireAll({ pool }, 2)
    for (const lease of leases) await lease.release()
    await settle()
    expect(connector.opened).toHaveLength(2)
    expect(connector.alive).toHaveLength(1)
  })

  test('a connection that is going to be closed is not cleaned before', async () => {
    const { pool, connector } = await openPool(NO_POOLING)
    const lease = await pool.acquire()
    lease.connection.condition = 'unclean'
    await lease.release()
    expect(connector.opened).toMatchObject([{ isClosed: true, restored: 0 }])
  })
})

describe('a request that comes while a connection is being closed', () => {
  test('that is not replaced: has another opened at once', async () => {
    const { pool, connector, clock } = await openPool({ maxSize: 2, maxIdleCount: 1 })
    const leases = await acquireAll({ pool }, 2)
    const third = track(clock, pool.acquire({ timeout: 100 * SECOND }))
    await leases[0]?.release()
    await settle()
    expect(third.value?.connection.id).toBe(1)
    connector.closeMs = 10 * SECOND
    await third.value?.release()
    void leases[1]?.release()
    // One is idle, one is being closed: the place of that one is taken until it is closed.
    const both = [track(clock, pool.acquire()), track(clock, pool.acquire())]
    await clock.advance(10 * SECOND - 1)
    expect(both.map(({ state }) => state)).toEqual(['fulfilled', 'pending'])
    await clock.advance(1)
    expect(both[1]).toMatchObject({ state: 'fulfilled', at: 10 * SECOND })
  })

  test('is not kept waiting for the closing when there is room beside it', async () => {
    const { pool, connector, clock } = await openPool({ ...NO_POOLING, maxSize: 2 })
    const lease = await pool.acquire()
    connector.closeMs = 10 * SECOND
    void lease.release()
    const next = track(clock, pool.acquire())
    await settle()
    expect(next.state).toBe('fulfilled')
    expect(next.value?.connection.id).toBe(2)
  })
})

describe('immediate growth', () => {
  test('opens one connection for each request, all at the same time', async () => {
    const rig = await openPool(NO_POOLING)
    rig.connector.openMs = SECOND
    const jobs = [work(rig, SECOND), work(rig, SECOND), work(rig, SECOND), work(rig, SECOND)]
    await rig.clock.advance(3 * SECOND)
    expect(rig.connector.mostOpeningAtOnce).toBe(3)
    expect(jobs.map(({ at }) => at)).toEqual([2, 2, 2, 3].map((seconds) => seconds * SECOND))
  })

  test('tells a failure to the request that has waited longest, and does not try again', async () => {
    const { pool, connector, clock } = await openPool(NO_POOLING)
    connector.openMs = SECOND
    connector.openError = new Error('away')
    const first = track(clock, pool.acquire())
    await clock.advance(SECOND / 2)
    const second = track(clock, pool.acquire())
    await clock.advance(SECOND / 2)
    expect(first).toMatchObject({
      state: 'rejected',
      at: SECOND,
      error: { code: 'POOL_CONNECT', cause: connector.openError, message: expect.stringContaining('away') },
    })
    expect(second.state).toBe('pending')
    await clock.advance(SECOND / 2)
    expect(second).toMatchObject({ state: 'rejected', at: 1.5 * SECOND })
    await clock.advance(100 * SECOND)
    expect(connector.attempts).toEqual([0, SECOND / 2])
    expect(pool.getStats()).toMatchObject({ poolSize: 0, requestsErrors: 2, connectionsErrors: 2 })
  })

  test('does not tell a failure to a request that another attempt will serve', async () => {
    const { pool, connector, clock } = await openPool(NO_POOLING)
    const held = await pool.acquire()
    connector.openMs = SECOND
    connector.openError = new Error('away')
    const first = track(clock, pool.acquire())
    await clock.advance(SECOND / 2)
    const second = track(clock, pool.acquire())
    // The first is served by a return, so that one attempt too many is on its way.
    await held.release()
    await clock.advance(SECOND / 2)
    expect([first.state, second.state]).toEqual(['fulfilled', 'pending'])
    connector.openError = undefined
    await clock.advance(SECOND / 2)
    expect(second.state).toBe('fulfilled')
    expect(pool.getStats()).toMatchObject({ requestsErrors: 0, connectionsErrors: 1 })
  })

  test('goes on with those who waited behind maxSize', async () => {
    const { pool, connector, clock } = await openPool({ ...NO_POOLING, maxSize: 1 })
    connector.openMs = SECOND
    connector.openError = new Error('away')
    const waiters = [track(clock, pool.acquire()), track(clock, pool.acquire())]
    await clock.advance(SECOND)
    connector.openError = undefined
    await clock.advance(SECOND)
    expect(waiters.map(({ state }) => state)).toEqual(['rejected', 'fulfilled'])
  })

  test('opens nothing in the place of what was lost, until somebody asks', async () => {
    const { pool, connector } = await openPool({ ...NO_POOLING, maxIdleCount: 3 })
    await (await pool.acquire()).release()
    connector.lose(connector.opened[0]!)
    await settle()
    expect(connector.opened).toHaveLength(1)
    await (await pool.acquire()).release()
    expect(connector.opened).toHaveLength(2)
  })

  test('leaves a connection that nobody waits for any more to the idle ones, or closes it', async () => {
    for (const maxIdleCount of [1, 0]) {
      const rig = await openPool({ ...NO_POOLING, maxIdleCount })
      rig.connector.openMs = SECOND
      const gaveUp = track(rig.clock, rig.pool.acquire({ timeout: SECOND / 2 }))
      await rig.clock.advance(SECOND)
      expect(gaveUp.error).toMatchObject({ code: 'POOL_TIMEOUT' })
      expect(rig.connector.opened).toMatchObject([{ isClosed: maxIdleCount === 0 }])
      await expectNothingLeft(rig)
    }
  })
})

describe('maxWaiting, with immediate growth', () => {
  test('is for those who wait behind maxSize, not for those whose connection is being opened', async () => {
    const { pool, connector, clock } = await openPool({ ...NO_POOLING, maxSize: 3, maxWaiting: 2 })
    connector.openMs = SECOND
    const requests = Array.from({ length: 6 }, () => track(clock, pool.acquire()))
    await clock.advance(SECOND)
    expect(
      requests.map(({ state, error }) => (error as { code?: string } | undefined)?.code ?? state),
    ).toEqual([
      ...Array<string>(3).fill('fulfilled'),
      ...Array<string>(2).fill('pending'),
      'POOL_TOO_MANY_REQUESTS',
    ])
  })

  test('turns nobody away while a connection can be opened', async () => {
    const { pool, connector } = await openPool({ ...NO_POOLING, maxSize: 3, maxWaiting: 1 })
    connector.closeMs = SECOND
    const first = await pool.acquire()
    void first.release()
    const [second, third] = await Promise.all([pool.acquire(), pool.acquire()])
    expect([second.connection.id, third.connection.id]).toEqual([2, 3])
  })
})

describe('a connection that is lent once', () => {
  const LENT_ONCE: Partial<PoolSettings> = { ...NO_POOLING, lendsOnce: true }

  test('leaves when it comes back, though somebody waits, who gets another', async () => {
    const { pool, connector, clock } = await openPool({ ...LENT_ONCE, maxSize: 1 })
    const first = await pool.acquire()
    const waiting = track(clock, pool.acquire())
    connector.closeMs = SECOND
    const released = first.release()
    expect(waiting.state).toBe('pending')
    await clock.advance(SECOND)
    await released
    await settle()
    expect(waiting.value?.connection.id).toBe(2)
    expect(connector.mostAliveAtOnce).toBe(1)
  })

  test('still serves whoever waits when it has been opened, and is not cleaned by the pool when it leaves', async () => {
    const { pool, connector, clock } = await openPool({ ...LENT_ONCE, maxSize: 1 })
    connector.openMs = SECOND
    const gaveUp = track(clock, pool.acquire({ timeout: SECOND / 2 }))
    const stays = track(clock, pool.acquire())
    await clock.advance(SECOND)
    expect([gaveUp.state, stays.state]).toEqual(['rejected', 'fulfilled'])
    stays.value!.connection.condition = 'unclean'
    await stays.value!.release()
    expect(connector.opened).toMatchObject([{ isClosed: true, restored: 0 }])
  })

  test('is told from one that was drained', async () => {
    const { pool, connector } = await openPool(LENT_ONCE)
    const reasons: (CloseReason | undefined)[] = []
    const close = connector.close.bind(connector)
    connector.close = (connection, reason) => {
      reasons.push(reason)
      return close(connection)
    }
    const drained = await pool.acquire()
    await pool.drain()
    await drained.release()
    await (await pool.acquire()).release()
    const late = await pool.acquire()
    void pool.close()
    await late.release()
    expect(reasons).toEqual(['drained', 'surplus', 'poolClosed'])
  })
})

describe('a pool that keeps no connection', () => {
  test('wait makes one, to show that it can, and does not keep it', async () => {
    const { pool, connector, clock } = makePool(NO_POOLING)
    pool.open()
    connector.openMs = 0.3 * SECOND
    expect(connector.attempts).toEqual([])
    const early = track(clock, pool.wait(0.1 * SECOND))
    await clock.advance(0.3 * SECOND)
    expect(early).toMatchObject({ at: 0.1 * SECOND, error: { code: 'POOL_TIMEOUT' } })
    const later = track(clock, pool.wait(0.4 * SECOND))
    await clock.advance(0.3 * SECOND)
    expect(later).toMatchObject({ state: 'fulfilled', at: 0.6 * SECOND })
    expect(connector.opened.map(({ isClosed }) => isClosed)).toEqual([true, true])
  })

  test('has nothing for a request that will not wait, and opens nothing for it', async () => {
    const { pool, connector } = await openPool(NO_POOLING)
    expect(await codeOf(pool.acquire({ timeout: 0 }))).toBe('POOL_TIMEOUT')
    await settle()
    expect(connector.attempts).toEqual([])
  })
})
