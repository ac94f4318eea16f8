// A pool before it is open, while it is opened and closed, and after.
import { describe, expect, test } from '@jest/globals'
import { settle } from '../../support/manual-clock.js'
import {
  acquireAll,
  codeOf,
  expectNothingLeft,
  HOUR,
  makePool,
  MINUTE,
  MODES,
  openPool,
  SECOND,
  track,
  useOnce,
} from './support.js'

describe.each(MODES)('%s', (_, mode) => {
  test('lends nothing before it is opened, and says so', async () => {
    const rig = makePool(mode)
    await expect(rig.pool.acquire()).rejects.toMatchObject({
      code: 'POOL_CLOSED',
      message: "the pool 'rig' is not open yet: call open() first",
    })
    expect(rig.connector.attempts).toEqual([])
    rig.pool.open()
    expect(await useOnce(rig)).toBe(1)
    await expectNothingLeft(rig)
  })

  test('lends nothing after it was closed, and cannot be opened again', async () => {
    const rig = await openPool({ minSize: 1, ...mode })
    await useOnce(rig)
    await expectNothingLeft(rig)
    await expect(rig.pool.acquire()).rejects.toMatchObject({
      code: 'POOL_CLOSED',
      message: "the pool 'rig' is already closed",
    })
    expect(() => rig.pool.open()).toThrow(
      expect.objectContaining({
        code: 'POOL_CLOSED',
        message: "the pool 'rig' was closed and cannot be opened again",
      }),
    )
    await expectNothingLeft(rig)
  })

  test('can be waited for only while it is open', async () => {
    const { pool } = makePool(mode)
    expect(await codeOf(pool.wait())).toBe('POOL_CLOSED')
    pool.open()
    await pool.wait()
    await pool.close()
    expect(await codeOf(pool.wait())).toBe('POOL_CLOSED')
  })

  test('that is opened twice is opened once', async () => {
    const rig = await openPool({ minSize: 2, ...mode })
    const { poolSize } = rig.pool.getStats()
    rig.pool.open()
    await settle()
    expect(rig.pool.getStats().poolSize).toBe(poolSize)
    expect(rig.connector.opened).toHaveLength(poolSize)
    await useOnce(rig)
    await expectNothingLeft(rig)
  })

  test('leaves a connection to its borrower when it closes, and closes it when it comes back', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, ...mode })
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

  test('turns away those who wait when it closes, before anything else', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, ...mode })
    const holder = await rig.pool.acquire()
    const waiting = track(rig.clock, rig.pool.acquire())
    const closed = track(rig.clock, rig.pool.close())
    await settle()
    expect(waiting.error).toMatchObject({ code: 'POOL_CLOSED', message: "the pool 'rig' is closed" })
    expect([closed.state, holder.connection.isClosed]).toEqual(['pending', false])
    await holder.release()
    await settle()
    expect(closed.state).toBe('fulfilled')
  })

  test('ends its timers with itself: of lifetimes, idle windows, attempts and the heartbeat', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 2, maxLifetime: HOUR, maxIdle: MINUTE, ...mode })
    const lease = await rig.pool.acquire()
    rig.connector.openError = new Error('away')
    void lease.destroy()
    void codeOf(rig.pool.acquire())
    await rig.clock.advance(SECOND / 2)
    expect(rig.clock.timers.all).toBeGreaterThan(1)
    await expectNothingLeft(rig)
  })
})

describe('closing', () => {
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
