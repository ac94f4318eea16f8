import { getEventListeners } from 'node:events'
import { describe, expect, test } from '@jest/globals'
import { settle } from '../../support/manual-clock.js'
import { acquireAll, codeOf, expectNothingLeft, makePool, openPool, SECOND, track, work } from './support.js'

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

  test('waiters are served in the order in which they came', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 2 })
    const jobs = Array.from({ length: 6 }, () => work(rig, 200))
    await rig.clock.advance(1 * SECOND)
    expect(jobs.map((job) => job.at)).toEqual([200, 200, 400, 400, 600, 600])
    expect(new Set(jobs.map((job) => job.value)).size).toBe(2)
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
    expect(() => lease.release()).toThrow(expect.objectContaining({ code: 'POOL_LEASE' }))
    expect(() => lease.destroy()).toThrow(expect.objectContaining({ code: 'POOL_LEASE' }))
    expect(() => lease.connection).toThrow(expect.objectContaining({ code: 'POOL_LEASE' }))
    expect(pool.getStats()).toMatchObject({ poolSize: 1, poolAvailable: 1 })
  })

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

describe('waiting', () => {
  test('a request that gets no connection in time is turned away exactly at its timeout', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, timeout: 100 })
    const jobs = [work(rig, 200), work(rig, 200), work(rig, 200, 250)]
    await rig.clock.advance(1 * SECOND)
    expect(jobs.map(({ state, at }) => ({ state, at }))).toEqual([
      { state: 'fulfilled', at: 200 },
      { state: 'rejected', at: 100 },
      { state: 'fulfilled', at: 400 },
    ])
    expect(jobs[1]?.error).toMatchObject({
      code: 'POOL_TIMEOUT',
      counts: { leased: 1, idle: 0, waiting: 1, maxSize: 1 },
      message: expect.stringMatching(
        /within 100 ms \(pool 'rig': 1 of at most 1 in use, 0 idle.*1 waiting\)/,
      ),
    })
  })

  test('an error of a timer has no stack, which would name nothing but timers; one of a call has its own', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1 })
    await rig.pool.acquire()
    const limit = Error.stackTraceLimit
    const late = track(rig.clock, rig.pool.acquire({ timeout: 100 }))
    await rig.clock.advance(100)
    expect((late.error as Error).stack).not.toMatch(/^\s+at /m)
    expect(Error.stackTraceLimit).toBe(limit)
    const refused = track(rig.clock, rig.pool.acquire({ timeout: 0 }))
    await settle()
    expect((refused.error as Error).stack).toContain(__filename)
  })

  test('a short wait that begins after a long one ends before it', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1 })
    await rig.pool.acquire()
    const long = track(rig.clock, rig.pool.acquire({ timeout: 300 }))
    const short = track(rig.clock, rig.pool.acquire({ timeout: 100 }))
    await rig.clock.advance(300)
    expect([short.at, long.at]).toEqual([100, 300])
  })

  test('a request that gave up takes no connection with it', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 2, timeout: 100 })
    const holders = await acquireAll(rig, 2)
    const late = track(rig.clock, rig.pool.acquire())
    await rig.clock.advance(200)
    expect(late.state).toBe('rejected')
    for (const lease of holders) await lease.release()
    expect(rig.pool.getStats()).toMatchObject({ poolAvailable: 2, poolSize: 2, requestsWaiting: 0 })
  })

  test('a timeout of 0 takes what is idle, or fails at once', async () => {
    const { pool } = await openPool({ minSize: 1, maxSize: 1 })
    const lease = await pool.acquire({ timeout: 0 })
    expect(await codeOf(pool.acquire({ timeout: 0 }))).toBe('POOL_TIMEOUT')
    await lease.release()
  })

  test('a request that does not wait gets none, but makes the pool grow for the next', async () => {
    const { pool, connector } = await openPool({ minSize: 0, maxSize: 2 })
    expect(await codeOf(pool.acquire({ timeout: 0 }))).toBe('POOL_TIMEOUT')
    await settle()
    await pool.acquire({ timeout: 0 })
    expect(connector.opened).toHaveLength(1)
  })

  test('an endless timeout waits, and keeps the process alive', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, timeout: Infinity })
    const holder = await rig.pool.acquire()
    const waiting = track(rig.clock, rig.pool.acquire())
    expect(rig.clock.timers.keepAlive).toBe(1)
    await rig.clock.advance(1_000_000)
    expect(waiting.state).toBe('pending')
    await holder.release()
    await settle()
    expect(waiting.state).toBe('fulfilled')
    expect(rig.clock.timers.keepAlive).toBe(0)
  })

  test('maxWaiting turns away the request that is one too many, and says the number', async () => {
    const { pool } = await openPool({ minSize: 1, maxSize: 1, maxWaiting: 3 })
    const holder = await pool.acquire()
    const waiting = [pool.acquire(), pool.acquire(), pool.acquire()]
    await expect(pool.acquire()).rejects.toMatchObject({
      code: 'POOL_TOO_MANY_REQUESTS',
      message: expect.stringMatching(/the pool 'rig' has already 3 requests waiting/),
    })
    expect(pool.getStats().requestsErrors).toBe(1)
    await holder.release()
    for (const waiter of waiting) await (await waiter).release()
  })

  test('maxWaiting does not count what gave up, nor what finds an idle connection', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, maxWaiting: 1, timeout: 100 })
    const holder = await rig.pool.acquire()
    const first = track(rig.clock, rig.pool.acquire())
    await rig.clock.advance(100)
    expect(first.state).toBe('rejected')
    const second = track(rig.clock, rig.pool.acquire())
    await holder.release()
    await settle()
    expect(second.state).toBe('fulfilled')
  })

  test('an aborted signal gives up the wait with its reason, and frees the place in the queue', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, maxWaiting: 1 })
    const holder = await rig.pool.acquire()
    const controller = new AbortController()
    const waiting = track(rig.clock, rig.pool.acquire({ signal: controller.signal }))
    controller.abort(new Error('client went away'))
    const next = track(rig.clock, rig.pool.acquire())
    await settle()
    expect(waiting.error).toEqual(new Error('client went away'))
    await holder.release()
    await settle()
    expect(next.state).toBe('fulfilled')
    expect(await codeOf(rig.pool.acquire({ signal: controller.signal }))).toEqual(
      new Error('client went away'),
    )
  })

  test('a signal that aborts after the hand-over does nothing', async () => {
    const { pool } = await openPool({ minSize: 1, maxSize: 1 })
    const controller = new AbortController()
    const lease = await pool.acquire({ signal: controller.signal })
    const waiting = pool.acquire({ signal: controller.signal })
    void lease.release()
    controller.abort()
    await (await waiting).release()
    expect(pool.getStats()).toMatchObject({ poolAvailable: 1, requestsErrors: 0 })
  })

  test('a signal has one listener for all who wait with it, and none once they have left', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, timeout: 100 })
    const holder = await rig.pool.acquire()
    const { signal } = new AbortController()
    const [served, ...late] = Array.from({ length: 20 }, () => codeOf(rig.pool.acquire({ signal })))
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    await holder.release()
    expect(await served).toBe('fulfilled')
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    await rig.clock.advance(100)
    expect(new Set(await Promise.all(late))).toEqual(new Set(['POOL_TIMEOUT']))
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  test('a hundred thousand waiters share one timer and leave no trace', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, timeout: 100 })
    const holder = await rig.pool.acquire()
    const waiters = Array.from({ length: 100_000 }, () => codeOf(rig.pool.acquire()))
    expect(rig.clock.timers.keepAlive).toBe(1)
    await rig.clock.advance(100)
    expect(new Set(await Promise.all(waiters))).toEqual(new Set(['POOL_TIMEOUT']))
    expect(rig.pool.getStats()).toMatchObject({ requestsWaiting: 0, requestsErrors: 100_000 })
    expect(rig.clock.timers.keepAlive).toBe(0)
    await holder.release()
    await expectNothingLeft(rig)
  })
})

describe('a pool that is not open', () => {
  test('lends nothing before it is opened, and says so', async () => {
    const { pool } = makePool()
    await expect(pool.acquire()).rejects.toMatchObject({
      code: 'POOL_CLOSED',
      message: "the pool 'rig' is not open yet: call open() first",
    })
  })

  test('lends nothing after it was closed, and cannot be opened again', async () => {
    const { pool } = await openPool()
    await pool.close()
    await expect(pool.acquire()).rejects.toMatchObject({
      code: 'POOL_CLOSED',
      message: "the pool 'rig' is already closed",
    })
    expect(() => pool.open()).toThrow(expect.objectContaining({ code: 'POOL_CLOSED' }))
  })

  test('opening twice is opening once', async () => {
    const rig = await openPool({ minSize: 2 })
    rig.pool.open()
    await settle()
    expect(rig.connector.opened).toHaveLength(2)
    await expectNothingLeft(rig)
  })
})
