// What becomes of a connection that comes back, or is lost.
import { describe, expect, test } from '@jest/globals'
import { Pool } from '../../../packages/adapter/src/pool/pool.js'
import { FakeConnector } from '../../support/fake-connector.js'
import { ManualClock, settle } from '../../support/manual-clock.js'
import { makePool, MODES, openPool, SECOND, track } from './support.js'

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
      counts: { size: 1, idle: 0, leased: 0, reserved: 1, resetting: 1, checking: 0, committing: 0 },
      message: expect.stringContaining('0 being opened, 1 being reset; '),
    })
    expect(rig.pool.getStats()).toMatchObject({
      connectionsReserved: 1,
      connectionsResetting: 1,
      connectionsChecking: 0,
      connectionsCommitting: 0,
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

  test.each(MODES)(
    'a connection of %s that cannot be restored costs the one who waits nothing',
    async (_, mode) => {
      const rig = await openPool({ minSize: 1, maxSize: 1, ...mode })
      rig.connector.restoreError = new Error('given up')
      const lease = await rig.pool.acquire()
      const { connection } = lease
      const waiting = track(rig.clock, rig.pool.acquire())
      connection.condition = 'unclean'
      await lease.release()
      await settle()
      expect([connection.isClosed, waiting.value?.connection.id]).toEqual([true, 2])
      expect(rig.pool.getStats()).toMatchObject({ poolSize: 1, returnsBad: 1, requestsErrors: 0 })
    },
  )

  test('a connection that has expired and was ended by its borrower is replaced once', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, maxLifetime: 2 * SECOND })
    for (let round = 1; round <= 3; round++) {
      const lease = await rig.pool.acquire()
      expect(lease.connection.id).toBe(round)
      await rig.clock.advance(5 * SECOND)
      rig.connector.lose(lease.connection)
      await lease.release()
      await settle()
      expect(rig.connector.opened).toHaveLength(round + 1)
      expect(rig.pool.getStats()).toMatchObject({ poolSize: 1, poolAvailable: 1 })
    }
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
