import { describe, expect, test } from '@jest/globals'
import { Pool } from '../../../packages/adapter/src/pool/pool.js'
import { FakeConnector } from '../../support/fake-connector.js'
import { ManualClock, settle } from '../../support/manual-clock.js'
import { acquireAll, expectNothingLeft, HOUR, makePool, MINUTE, openPool, SECOND, track } from './support.js'

describe('returning', () => {
  test('a connection that is not clean is restored, and kept', async () => {
    const { pool, connector } = await openPool({ minSize: 1, maxSize: 1 })
    const lease = await pool.acquire()
    const { connection } = lease
    connection.condition = 'unclean'
    await lease.release()
    expect(connection).toMatchObject({ restored: 1, isClosed: false })
    expect(pool.getStats()).toMatchObject({ poolAvailable: 1, returnsBad: 0 })
    expect(connector.opened).toHaveLength(1)
  })

  test('nobody is lent a connection while it is being restored', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1 })
    rig.connector.restoreMs = 50
    const lease = await rig.pool.acquire()
    lease.connection.condition = 'unclean'
    void lease.release()
    const waiting = track(rig.clock, rig.pool.acquire())
    await rig.clock.advance(49)
    expect(waiting.state).toBe('pending')
    await expect(rig.pool.acquire({ timeout: 0 })).rejects.toMatchObject({
      counts: { size: 1, idle: 0, leased: 0, reserved: 1 },
      message: expect.stringContaining('1 being cleaned'),
    })
    await rig.clock.advance(1)
    expect(waiting.state).toBe('fulfilled')
  })

  test('a connection that is not clean when it is opened is restored before anyone gets it', async () => {
    const rig = await openPool({ minSize: 0, maxSize: 1 })
    rig.connector.bornUnclean = true
    rig.connector.restoreMs = 50
    const waiting = track(rig.clock, rig.pool.acquire())
    await rig.clock.advance(50)
    expect(waiting.value?.connection.restored).toBe(1)
  })

  test('a connection that cannot be restored is closed and replaced', async () => {
    const { pool, connector } = await openPool({ minSize: 1, maxSize: 1 })
    connector.restoreError = new Error('no answer')
    const lease = await pool.acquire()
    const { connection } = lease
    connection.condition = 'unclean'
    await lease.release()
    await settle()
    expect(connection.isClosed).toBe(true)
    expect(pool.getStats()).toMatchObject({ poolAvailable: 1, poolSize: 1, returnsBad: 1 })
    expect(connector.opened).toHaveLength(2)
  })

  test('a broken connection is replaced, and the one who waits gets the new one', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1 })
    const lease = await rig.pool.acquire()
    const { connection } = lease
    const waiting = track(rig.clock, rig.pool.acquire())
    rig.connector.lose(connection)
    await lease.release()
    await settle()
    expect(waiting.value?.connection.id).toBe(2)
    expect(rig.pool.getStats()).toMatchObject({ returnsBad: 1, poolSize: 1 })
  })

  test('a connection destroyed by its borrower is closed and replaced', async () => {
    const { pool, connector } = await openPool({ minSize: 1, maxSize: 1 })
    const lease = await pool.acquire()
    const { connection } = lease
    await lease.destroy()
    await settle()
    expect(connection.isClosed).toBe(true)
    expect(connector.opened).toHaveLength(2)
    expect(pool.getStats().poolAvailable).toBe(1)
  })

  test('a connection is replaced only once it is closed: there are never more than maxSize', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1 })
    rig.connector.closeMs = 300
    const lease = await rig.pool.acquire()
    const { connection } = lease
    const waiting = track(rig.clock, rig.pool.acquire())
    void lease.destroy()
    await rig.clock.advance(299)
    expect([waiting.state, connection.isClosed, rig.connector.attempts.length]).toEqual(['pending', false, 1])
    await expect(rig.pool.acquire({ timeout: 0 })).rejects.toMatchObject({
      counts: { size: 1, leased: 0, closing: 1 },
      message: expect.stringContaining('1 being closed'),
    })
    await rig.clock.advance(1)
    expect(waiting).toMatchObject({ state: 'fulfilled', at: 300 })
    expect(rig.connector.mostAliveAtOnce).toBe(1)
  })

  test('an idle connection that is lost is replaced before anybody asks for it', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 2 })
    rig.connector.lose(rig.connector.opened[0] as never)
    await settle()
    expect(rig.pool.getStats()).toMatchObject({ poolAvailable: 2, connectionsLost: 1 })
    expect(rig.connector.opened).toHaveLength(3)
    expect(rig.lost).toHaveLength(1)
  })

  test('a listener that throws, or rejects, breaks nothing', async () => {
    const clock = new ManualClock()
    const connector = new FakeConnector(clock)
    const onLost = [
      () => {
        throw new Error('mine')
      },
      () => Promise.reject(new Error('mine')),
    ]
    const { settings } = makePool({ minSize: 2, maxSize: 2 }).pool
    const pool = new Pool(connector, settings, clock, { onLost: () => onLost.shift()?.() })
    pool.open()
    await settle()
    for (const connection of connector.alive) connector.lose(connection)
    await settle()
    expect(pool.getStats()).toMatchObject({ poolAvailable: 2, connectionsLost: 2 })
  })

  test('an idle connection that looks unfit is not lent, even before its loss was reported', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1 })
    const dead = rig.connector.opened[0]
    if (dead !== undefined) dead.condition = 'broken'
    const lease = await rig.pool.acquire()
    expect(lease.connection.id).toBe(2)
  })

  test('the time that connections were lent is counted, and so is the time that requests waited', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1 })
    const lease = await rig.pool.acquire()
    const waiting = rig.pool.acquire()
    await rig.clock.advance(70)
    await lease.release()
    const second = await waiting
    await rig.clock.advance(30)
    await second.release()
    expect(rig.pool.getStats()).toMatchObject({
      requestsNum: 2,
      requestsQueued: 1,
      requestsWaitMs: 70,
      longestWaitMs: 70,
      usageMs: 100,
      connectionsNum: 1,
    })
  })
})

describe('keeping', () => {
  test('an idle connection is replaced when its lifetime ends, up to 5 % early', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, maxLifetime: HOUR })
    await rig.clock.advance(57 * MINUTE - 1)
    expect(rig.connector.opened).toHaveLength(1)
    await rig.clock.advance(3 * MINUTE + 1)
    expect(rig.connector.opened).toHaveLength(2)
    expect(rig.connector.alive).toHaveLength(1)
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

  test('a pool that grew shrinks by one connection for each maxIdle, down to minSize', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 4, maxIdle: 200 })
    const leases = await acquireAll(rig, 4)
    for (const lease of leases) await lease.release()
    const sizes: number[] = []
    for (let window = 0; window < 5; window++) {
      await rig.clock.advance(200)
      sizes.push(rig.pool.getStats().poolSize)
    }
    expect(sizes).toEqual([4, 3, 2, 2, 2])
    expect(rig.connector.alive).toHaveLength(2)
  })

  test('a connection that was needed at any moment of the window stays', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 3, maxIdle: 10 * SECOND })
    for (let window = 0; window < 5; window++) {
      const leases = await acquireAll(rig, 3)
      for (const lease of leases) await lease.release()
      await rig.clock.advance(10 * SECOND)
    }
    expect(rig.pool.getStats().poolSize).toBe(3)
  })
})

describe('closing', () => {
  test('those who wait are turned away first, and idle connections are closed', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 2 })
    const [holder] = await acquireAll(rig, 2)
    const waiting = track(rig.clock, rig.pool.acquire())
    const closed = track(rig.clock, rig.pool.close())
    await settle()
    expect(waiting.error).toMatchObject({ code: 'POOL_CLOSED', message: "the pool 'rig' is closed" })
    expect(closed.state).toBe('pending')
    await holder?.release()
    expect(rig.connector.opened[0]?.isClosed).toBe(true)
  })

  test('a connection that is lent is left to its borrower, and closed when it comes back', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1 })
    const lease = await rig.pool.acquire()
    const { connection } = lease
    const closed = track(rig.clock, rig.pool.close({ timeout: 5 * SECOND }))
    await rig.clock.advance(SECOND)
    expect([closed.state, connection.isClosed]).toEqual(['pending', false])
    await lease.release()
    await settle()
    expect([closed.state, connection.isClosed]).toEqual(['fulfilled', true])
    await expectNothingLeft(rig)
  })

  test('at its deadline close resolves, and with force it destroys what is still lent', async () => {
    for (const force of [false, true]) {
      const rig = await openPool({ minSize: 1, maxSize: 1 })
      const lease = await rig.pool.acquire()
      const { connection } = lease
      const closed = track(rig.clock, rig.pool.close({ timeout: SECOND, force }))
      await rig.clock.advance(SECOND)
      expect([closed.state, connection.isClosed]).toEqual(['fulfilled', force])
      await lease.release()
      await expectNothingLeft(rig)
    }
  })

  test('a connection that is being opened is given up, and never joins the closed pool', async () => {
    const rig = await openPool({ minSize: 0 })
    rig.connector.openMs = undefined
    const waiting = track(rig.clock, rig.pool.acquire())
    await settle()
    expect(rig.connector.openingNow).toBe(1)
    await rig.pool.close()
    await settle()
    expect(waiting.state).toBe('rejected')
    expect(rig.connector.openingNow).toBe(0)
    await expectNothingLeft(rig)
  })

  test('a second close may use force where the first did not', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1 })
    const lease = await rig.pool.acquire()
    const { connection } = lease
    const first = track(rig.clock, rig.pool.close({ timeout: SECOND }))
    const second = track(rig.clock, rig.pool.close({ timeout: 0, force: true }))
    await rig.clock.advance(0)
    expect([second.state, connection.isClosed]).toEqual(['fulfilled', true])
    await lease.release()
    await settle()
    expect(first.state).toBe('fulfilled')
  })

  test('close waits until connections are really closed, and a second close for the first', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 2 })
    rig.connector.closeMs = 300
    const both = [track(rig.clock, rig.pool.close()), track(rig.clock, rig.pool.close())]
    await rig.clock.advance(299)
    expect(both.map(({ state }) => state)).toEqual(['pending', 'pending'])
    await rig.clock.advance(1)
    expect(both.map(({ state }) => state)).toEqual(['fulfilled', 'fulfilled'])
  })

  test('a connection that was opened in the moment of closing is closed', async () => {
    const rig = await openPool({ minSize: 0 })
    rig.connector.openMs = 100
    rig.connector.ignoresAbort = true
    const waiting = track(rig.clock, rig.pool.acquire())
    await settle()
    await rig.pool.close()
    await rig.clock.advance(100)
    expect(waiting.state).toBe('rejected')
    expect(rig.connector.opened.map(({ isClosed }) => isClosed)).toEqual([true])
    await expectNothingLeft(rig)
  })

  test('the timers of lifetimes, idle windows, attempts and the heartbeat end with the pool', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 2, maxLifetime: HOUR, maxIdle: MINUTE })
    rig.connector.openError = new Error('away')
    const lease = await rig.pool.acquire()
    void lease.destroy()
    await rig.clock.advance(SECOND / 2)
    expect(rig.clock.timers).toEqual({ all: 4, keepAlive: 0 })
    await expectNothingLeft(rig)
  })

  test('a pool that was never opened closes without ado', async () => {
    const rig = await openPool({ minSize: 0 })
    await expectNothingLeft(rig)
    expect(rig.connector.attempts).toEqual([])
  })
})

describe('suspending', () => {
  test('closes the pool, and it can be opened again', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 2, maxIdle: MINUTE, maxLifetime: HOUR })
    await rig.pool.suspend()
    expect(rig.connector.alive).toEqual([])
    expect(rig.clock.timers.all).toBe(0)
    await expect(rig.pool.acquire()).rejects.toMatchObject({ code: 'POOL_CLOSED' })
    rig.pool.open()
    await settle()
    expect(rig.pool.getStats()).toMatchObject({ poolSize: 2, poolAvailable: 2, connectionsNum: 4 })
    await rig.clock.advance(HOUR)
    expect(rig.connector.opened).toHaveLength(6)
    await expectNothingLeft(rig)
  })

  test('connections that are still lent count when it opens again, and are replaced when they come back', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 2 })
    const leases = await acquireAll(rig, 2)
    const suspended = track(rig.clock, rig.pool.suspend())
    await settle()
    rig.pool.open()
    const waiting = track(rig.clock, rig.pool.acquire())
    await rig.clock.advance(SECOND)
    expect([suspended.state, waiting.state]).toEqual(['fulfilled', 'pending'])
    expect(rig.connector.alive).toHaveLength(2)
    for (const lease of leases) await lease.release()
    await settle()
    expect(waiting.value?.connection.id).toBe(3)
    expect(rig.connector.opened.map(({ isClosed }) => isClosed)).toEqual([true, true, false, false])
    expect(rig.connector.mostAliveAtOnce).toBe(2)
  })

  test('what was being opened is given up, and opened anew when the pool opens again', async () => {
    const rig = await openPool({ minSize: 0, maxSize: 1 })
    rig.connector.openMs = undefined
    const turnedAway = track(rig.clock, rig.pool.acquire())
    await settle()
    await rig.pool.suspend()
    rig.connector.openMs = 0
    rig.pool.open()
    const lease = await rig.pool.acquire()
    expect(turnedAway.error).toMatchObject({ code: 'POOL_CLOSED' })
    expect(rig.pool.getStats().poolSize).toBe(1)
    await lease.release()
  })

  test('a pool that is closed stays closed', async () => {
    const rig = await openPool()
    await rig.pool.close()
    await rig.pool.suspend()
    expect(() => rig.pool.open()).toThrow(expect.objectContaining({ code: 'POOL_CLOSED' }))
  })
})
