// When connections end: their lifetimes, and drain.
import { describe, expect, test } from '@jest/globals'
import { settle } from '../../support/manual-clock.js'
import { acquireAll, HOUR, kept, MINUTE, MODES, openPool, SECOND, useOnce } from './support.js'

describe('a lifetime', () => {
  test('an idle connection is replaced when its lifetime ends, up to 5 % early', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, maxLifetime: HOUR })
    await rig.clock.advance(57 * MINUTE - 1)
    expect(rig.connector.opened).toHaveLength(1)
    await rig.clock.advance(3 * MINUTE + 1)
    expect(rig.connector.opened).toHaveLength(2)
    expect(rig.connector.alive).toHaveLength(1)
  })

  test('no connection is lent beyond its lifetime: five uses, one lifetime apart, get five connections', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, maxLifetime: 200 })
    await rig.clock.advance(100)
    const ids: number[] = []
    for (let use = 0; use < 5; use++) {
      ids.push(await useOnce(rig))
      await rig.clock.advance(200)
    }
    expect(ids).toEqual([1, 2, 3, 4, 5])
  })

  test('check replaces what expired while the process was frozen', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, maxLifetime: HOUR })
    expect([await useOnce(rig), await useOnce(rig)]).toEqual([1, 1])
    rig.clock.freeze(2 * HOUR)
    await rig.pool.check()
    await settle()
    expect(rig.connector.opened.map(({ isClosed }) => isClosed)).toEqual([true, false])
    expect(await useOnce(rig)).toBe(2)
  })

  test('after the process was frozen, no connection that expired meanwhile is lent', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, maxLifetime: HOUR })
    rig.clock.freeze(2 * HOUR)
    const lease = await rig.pool.acquire()
    expect(lease.connection.id).toBe(2)
  })

  test('connections that were opened at different times end at different times', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 2, maxLifetime: HOUR })
    await rig.clock.advance(30 * MINUTE)
    const leases = await acquireAll(rig, 2)
    for (const lease of leases) await lease.release()
    await rig.clock.advance(30 * MINUTE)
    expect(rig.connector.opened.map(({ isClosed }) => isClosed)).toEqual([true, false, false])
    await rig.clock.advance(30 * MINUTE)
    expect(rig.connector.opened.map(({ isClosed }) => isClosed)).toEqual([true, true, false, false])
  })

  test('a connection whose lifetime ends while it is lent is replaced on its return', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, maxLifetime: HOUR })
    const lease = await rig.pool.acquire()
    const { connection } = lease
    await rig.clock.advance(2 * HOUR)
    expect(connection.isClosed).toBe(false)
    await lease.release()
    await settle()
    expect(connection.isClosed).toBe(true)
    expect(rig.pool.getStats().poolAvailable).toBe(1)
  })

  test('lifetimes differ, so that connections opened together do not end together', async () => {
    const rig = await openPool({ minSize: 50, maxSize: 50, numWorkers: 50, maxLifetime: HOUR })
    await rig.clock.advance(58 * MINUTE)
    expect(rig.connector.opened.length).toBeGreaterThan(51)
    expect(rig.connector.opened.length).toBeLessThan(100)
  })

  test('enforced on acquire only: a connection outlives it, idle or lent, until it would be lent again', async () => {
    const { pool, connector, clock } = await openPool({
      minSize: 2,
      maxSize: 2,
      maxLifetime: 10 * SECOND,
      maxLifetimeJitter: 0,
      enforceLifetimeOn: 'acquire',
    })
    const lease = await pool.acquire()
    await clock.advance(20 * SECOND)
    await lease.release()
    await clock.advance(20 * SECOND)
    expect(connector.alive.map(({ id }) => id)).toEqual([1, 2])
    expect((await pool.acquire()).connection.id).toBe(3)
  })

  test('enforced on acquire only: nor is one that has outlived it handed to who waits', async () => {
    const { pool, clock } = await openPool({
      maxSize: 1,
      maxLifetime: 10 * SECOND,
      enforceLifetimeOn: 'acquire',
    })
    const lease = await pool.acquire()
    const waiting = pool.acquire()
    await clock.advance(11 * SECOND)
    await lease.release()
    expect((await waiting).connection.id).toBe(2)
  })

  test('without jitter ends at the very moment', async () => {
    const { connector, clock } = await openPool({
      minSize: 1,
      maxLifetime: 10 * SECOND,
      maxLifetimeJitter: 0,
    })
    await clock.advance(10 * SECOND - 1)
    expect(connector.alive).toMatchObject([{ id: 1 }])
    await clock.advance(1)
    expect(connector.alive).toMatchObject([{ id: 2 }])
  })
})

describe('drain', () => {
  test('replaces idle connections at once, and lent ones when they come back', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 2 })
    const lease = await rig.pool.acquire()
    await rig.pool.drain()
    await settle()
    expect(rig.connector.opened.map(({ isClosed }) => isClosed)).toEqual([false, true, false])
    await lease.release()
    await settle()
    expect(rig.connector.opened.map(({ isClosed }) => isClosed)).toEqual([true, true, false, false])
    for (let use = 0; use < 4; use++) await useOnce(rig)
    expect(rig.connector.opened).toHaveLength(4)
  })

  test.each(MODES)(
    'every borrower to come gets a new connection of %s, and keeps getting it',
    async (_, mode) => {
      const rig = await openPool({ minSize: 2, maxSize: 4, ...mode })
      const useTwo = async (meanwhile?: () => Promise<void>) => {
        const leases = await acquireAll(rig, 2)
        const ids = leases.map(({ connection }) => connection.id)
        await meanwhile?.()
        for (const lease of leases) await lease.release()
        await settle()
        return ids
      }
      expect(await useTwo(() => rig.pool.drain())).toEqual([1, 2])
      expect(await useTwo()).toEqual([3, 4])
      if (kept(mode, 2) === 2) expect(await useTwo()).toEqual([3, 4])
      expect(rig.connector.opened.slice(0, 2).map(({ isClosed }) => isClosed)).toEqual([true, true])
    },
  )
})
