// Those who wait: in what order they are served, how many may wait, how long, and how they give up.
import { getEventListeners } from 'node:events'
import { describe, expect, test } from '@jest/globals'
import type { PoolTimeoutError } from '../../../packages/adapter/src/pool/errors.js'
import type { Lease } from '../../../packages/adapter/src/pool/lease.js'
import type { FakeConnection } from '../../support/fake-connector.js'
import { settle } from '../../support/manual-clock.js'
import {
  codeOf,
  expectNothingLeft,
  kept,
  MODES,
  openPool,
  outcomesOf,
  SECOND,
  track,
  useOnce,
  work,
} from './support.js'

describe.each(MODES)('in %s', (_, mode) => {
  test('waiters are served in the order in which they came', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 2, ...mode })
    const jobs = Array.from({ length: 6 }, () => work(rig, 200))
    await rig.clock.advance(SECOND)
    expect(jobs.map((job) => job.at)).toEqual([200, 200, 400, 400, 600, 600])
    expect(new Set(jobs.map((job) => job.value)).size).toBe(2)
    expect(rig.connector.opened).toHaveLength(2)
    await expectNothingLeft(rig)
  })

  test('maxWaiting turns away the request that is one too many, and says the number', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, maxWaiting: 3, ...mode })
    const holder = work(rig, 300)
    await settle()
    const jobs = Array.from({ length: 4 }, () => work(rig, 100))
    await rig.clock.advance(SECOND)
    expect(outcomesOf([holder, ...jobs])).toEqual([
      ['fulfilled', 300],
      ['fulfilled', 400],
      ['fulfilled', 500],
      ['fulfilled', 600],
      ['rejected', 0],
    ])
    expect(jobs[3]?.error).toMatchObject({
      code: 'POOL_TOO_MANY_REQUESTS',
      message: expect.stringMatching(/the pool 'rig' has already 3 requests waiting/),
    })
    expect(rig.pool.getStats().requestsErrors).toBe(1)
  })

  test('a request that gets no connection in time is turned away exactly at its timeout', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 2, timeout: 100, ...mode })
    const jobs = Array.from({ length: 4 }, () => work(rig, 200))
    await rig.clock.advance(SECOND)
    expect(outcomesOf(jobs)).toEqual([
      ['fulfilled', 200],
      ['fulfilled', 200],
      ['rejected', 100],
      ['rejected', 100],
    ])
    const errors = jobs.slice(2).map(({ error }) => error as PoolTimeoutError)
    expect(errors.map(({ code }) => code)).toEqual(['POOL_TIMEOUT', 'POOL_TIMEOUT'])
    // Of two whose time is up at the same moment, one is still waiting when the other is told.
    expect(errors.map(({ counts }) => counts?.waiting).sort()).toEqual([0, 1])
    expect(errors[0]?.counts).toMatchObject({ leased: 2, idle: 0, maxSize: 2 })
    expect(errors[0]?.message).toMatch(
      /within 100 ms \(pool 'rig': 2 of at most 2 in use, 0 idle, 0 being opened; [01] waiting\)/,
    )
  })

  test('a timeout of its own lets a request wait longer than the pool would, or shorter', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 2, timeout: 100, ...mode })
    const jobs = [work(rig, 200), work(rig, 200), work(rig, 200), work(rig, 200, 250), work(rig, 200, 50)]
    await rig.clock.advance(SECOND)
    expect(outcomesOf(jobs)).toEqual([
      ['fulfilled', 200],
      ['fulfilled', 200],
      ['rejected', 100],
      ['fulfilled', 400],
      ['rejected', 50],
    ])
  })

  test('a request that gave up takes no connection with it', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 2, ...mode })
    const jobs = [400, 400, 100, 400, 400].map((timeout) => work(rig, 300, timeout))
    await rig.clock.advance(SECOND)
    expect(outcomesOf(jobs)).toEqual([
      ['fulfilled', 300],
      ['fulfilled', 300],
      ['rejected', 100],
      ['fulfilled', 600],
      ['fulfilled', 600],
    ])
    expect(rig.connector.opened).toHaveLength(2)
    expect(rig.pool.getStats()).toMatchObject({
      poolAvailable: kept(mode, 2),
      poolSize: kept(mode, 2),
      requestsWaiting: 0,
    })
  })

  test('when all who hold or wait are cancelled, every connection is free again and nobody waits', async () => {
    const rig = await openPool({ minSize: 3, maxSize: 3, timeout: SECOND, ...mode })
    const requests = Array.from({ length: 9 }, () => {
      const controller = new AbortController()
      return { controller, request: track(rig.clock, rig.pool.acquire({ signal: controller.signal })) }
    })
    await settle()
    expect(rig.pool.getStats()).toMatchObject({ poolSize: 3, requestsWaiting: 6 })
    for (const { controller, request } of requests.reverse()) {
      controller.abort()
      void request.value?.release()
    }
    await settle()
    expect(requests.map(({ request }) => request.state)).toEqual([
      ...Array<string>(6).fill('rejected'),
      ...Array<string>(3).fill('fulfilled'),
    ])
    expect(rig.pool.getStats()).toMatchObject({
      poolAvailable: kept(mode, 3),
      poolSize: kept(mode, 3),
      requestsWaiting: 0,
      requestsErrors: 6,
    })
    await useOnce(rig)
    await expectNothingLeft(rig)
  })

  test('a signal that aborts after the hand-over does nothing: the connection is lent', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, ...mode })
    const holder = await rig.pool.acquire()
    const { id } = holder.connection
    const controller = new AbortController()
    const waiting = rig.pool.acquire({ signal: controller.signal })
    void holder.release()
    // Granted by now, though its promise has not told yet.
    controller.abort()
    const lease: Lease<FakeConnection> = await waiting
    expect(lease.connection.id).toBe(id)
    await lease.release()
    expect(rig.pool.getStats()).toMatchObject({
      poolAvailable: kept(mode, 1),
      requestsWaiting: 0,
      requestsErrors: 0,
    })
  })
})

describe('waiting', () => {
  test('a short wait that begins after a long one ends before it', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1 })
    await rig.pool.acquire()
    const long = track(rig.clock, rig.pool.acquire({ timeout: 300 }))
    const short = track(rig.clock, rig.pool.acquire({ timeout: 100 }))
    await rig.clock.advance(300)
    expect([short.at, long.at]).toEqual([100, 300])
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

  test('whoever waits may give up by what it was told, with a reason; nothing is told to who does not wait', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, maxWaiting: 1 })
    const ways: ((reason: unknown) => void)[] = []
    const onQueued = (giveUp: (reason: unknown) => void): void => void ways.push(giveUp)
    const holder = await rig.pool.acquire({ onQueued })
    expect(ways).toHaveLength(0)
    const first = track(rig.clock, rig.pool.acquire({ onQueued }))
    expect(ways).toHaveLength(1)
    ways[0]?.(new Error('no longer wanted'))
    const second = track(rig.clock, rig.pool.acquire({ onQueued }))
    await settle()
    expect(first.error).toEqual(new Error('no longer wanted'))
    await holder.release()
    // Granted by now, though its promise may not have told yet.
    ways[1]?.(new Error('too late'))
    await settle()
    expect(second.state).toBe('fulfilled')
    await second.value?.release()
    expect(rig.pool.getStats()).toMatchObject({ poolAvailable: 1, requestsWaiting: 0, requestsErrors: 1 })
    await expectNothingLeft(rig)
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
