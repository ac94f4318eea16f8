// Who is lent which connection, and what a lease is good for.
import { describe, expect, test } from '@jest/globals'
import { settle } from '../../support/manual-clock.js'
import { codeOf, expectNothingLeft, kept, MODES, openPool, SECOND, track } from './support.js'

describe('lending', () => {
  test('a connection that is idle is lent at once, and the same one again after its return', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1 })
    const first = await rig.pool.acquire()
    const { id } = first.connection
    await first.release()
    const second = await rig.pool.acquire()
    expect(second.connection.id).toBe(id)
    expect(rig.connector.opened).toHaveLength(1)
    await second.release()
    await expectNothingLeft(rig)
  })

  test('idle connections are lent in turn: four of them, eight uses, each used twice', async () => {
    const { pool } = await openPool({ minSize: 4, maxSize: 4 })
    const uses: number[] = []
    for (let use = 0; use < 8; use++) {
      const lease = await pool.acquire()
      uses.push(lease.connection.id)
      await lease.release()
    }
    expect(uses).toEqual([1, 2, 3, 4, 1, 2, 3, 4])
  })

  test('a returned connection goes straight to the first waiter, never through idle', async () => {
    const { pool, connector } = await openPool({ minSize: 1, maxSize: 1 })
    const holder = await pool.acquire()
    const waiting = pool.acquire()
    void holder.release()
    // No promise has had a chance to settle: the hand-over is complete already.
    expect(pool.getStats()).toMatchObject({ poolAvailable: 0, requestsWaiting: 0 })
    expect(connector.opened[0]?.isHeld).toBe(true)
    const lease = await waiting
    expect(await codeOf(pool.acquire({ timeout: 0 }))).toBe('POOL_TIMEOUT')
    await lease.release()
  })

  test('a request is served by whichever comes first, a new connection or a returned one', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 2 })
    rig.connector.openMs = 10 * SECOND
    const holder = await rig.pool.acquire()
    const waiting = track(rig.clock, rig.pool.acquire())
    await settle()
    expect(rig.connector.attempts).toHaveLength(2)
    await holder.release()
    await settle()
    expect(waiting).toMatchObject({ state: 'fulfilled', at: 0 })
  })

  test('a lease is returned once: a second return throws, and so does any use after it', async () => {
    const { pool } = await openPool({ minSize: 1, maxSize: 1 })
    const lease = await pool.acquire()
    await lease.release()
    const stats = pool.getStats()
    expect(() => lease.release()).toThrow(expect.objectContaining({ code: 'POOL_LEASE' }))
    expect(() => lease.destroy()).toThrow(expect.objectContaining({ code: 'POOL_LEASE' }))
    expect(() => lease.connection).toThrow(expect.objectContaining({ code: 'POOL_LEASE' }))
    expect(pool.getStats()).toEqual(stats)
  })

  test.each(MODES)(
    'a lease returns to %s that lent it, and nothing else can be returned',
    async (_, mode) => {
      const [ours, theirs] = [
        await openPool({ minSize: 1, ...mode }),
        await openPool({ minSize: 1, ...mode }),
      ]
      const [ourLease, theirLease] = [await ours.pool.acquire(), await theirs.pool.acquire()]
      const foreign = { connection: theirLease.connection }
      expect(() => ourLease.release.call(foreign as never)).toThrow(TypeError)
      // Whose method it is does not matter, only whose lease.
      await ourLease.release.call(theirLease)
      expect([ours, theirs].map(({ pool }) => pool.getStats().poolAvailable)).toEqual([0, kept(mode, 1)])
      await ourLease.release()
      expect([ours, theirs].map(({ pool }) => pool.getStats())).toEqual(
        Array(2).fill(expect.objectContaining({ poolSize: kept(mode, 1), poolAvailable: kept(mode, 1) })),
      )
    },
  )

  test('a connection keeps the process alive while it is lent, not while it is idle', async () => {
    const { pool, connector } = await openPool({ minSize: 1, maxSize: 1 })
    const connection = connector.opened[0]
    expect(connection?.isHeld).toBe(false)
    const lease = await pool.acquire()
    expect(connection?.isHeld).toBe(true)
    await lease.release()
    expect(connection?.isHeld).toBe(false)
  })
})
