import { describe, expect, test } from '@jest/globals'
import { Backoff } from '../../../packages/adapter/src/pool/backoff.js'
import { settle } from '../../support/manual-clock.js'
import {
  acquireAll,
  codeOf,
  expectNothingLeft,
  makePool,
  MINUTE,
  openPool,
  type Rig,
  SECOND,
  track,
  work,
} from './support.js'

/** The gaps between attempts, the jitter of at most 10 % taken away. */
function gaps({ connector }: Rig): number[] {
  const { attempts } = connector
  const differences = attempts.slice(1).map((at, index) => at - (attempts[index] as number))
  return differences.map((gap) => Math.round(gap / SECOND))
}

describe('filling', () => {
  test('minSize connections are opened in the background, numWorkers of them at a time', async () => {
    const rig = makePool({ minSize: 5, maxSize: 5, numWorkers: 2 })
    rig.connector.openMs = 100
    rig.pool.open()
    await rig.clock.advance(300)
    expect(rig.connector.attempts).toEqual([0, 0, 100, 100, 200])
    expect(rig.connector.mostOpeningAtOnce).toBe(2)
    expect(rig.pool.getStats()).toMatchObject({ poolAvailable: 5, poolSize: 5 })
    await expectNothingLeft(rig)
  })

  test('the first request is served by the first connection, without waiting for the others', async () => {
    const rig = makePool({ minSize: 4, maxSize: 4, numWorkers: 1 })
    rig.connector.openMs = 100
    rig.pool.open()
    const first = work(rig, 0)
    await rig.clock.advance(150)
    expect(first).toMatchObject({ state: 'fulfilled', at: 100 })
  })

  test('wait resolves once minSize connections exist, also while they are in use', async () => {
    const rig = makePool({ minSize: 4, maxSize: 4, numWorkers: 1 })
    rig.connector.openMs = 100
    rig.pool.open()
    const impatient = track(rig.clock, rig.pool.wait(300))
    const patient = track(rig.clock, rig.pool.wait(500))
    await rig.clock.advance(500)
    expect(impatient).toMatchObject({ state: 'rejected', at: 300, error: { code: 'POOL_TIMEOUT' } })
    expect(patient).toMatchObject({ state: 'fulfilled', at: 400 })
    await acquireAll(rig, 4)
    await rig.pool.wait(1)
    expect(rig.pool.isOpen).toBe(true)
  })

  test('with minSize 0 nothing is opened until somebody asks, and wait resolves at once', async () => {
    const rig = await openPool({ minSize: 0 })
    await rig.pool.wait(1)
    expect(rig.connector.attempts).toEqual([])
    const lease = await rig.pool.acquire()
    await lease.release()
    expect(rig.connector.opened).toHaveLength(1)
  })
})

describe('growing', () => {
  // Connecting takes 100, each job 250: psycopg_pool's own two cases of growth, in exact times.
  test.each([
    [2, [250, 250, 350, 450, 500, 500, 600, 700]],
    [0, [350, 450, 550, 600, 650, 700, 800, 850]],
  ])('from minSize %i to 4, one connection after another', async (minSize, expected) => {
    const rig = makePool({ minSize, maxSize: 4 })
    rig.pool.open()
    await settle()
    rig.connector.openMs = 100
    const jobs = Array.from({ length: 8 }, () => work(rig, 250))
    await rig.clock.advance(2 * SECOND)
    expect(jobs.map((job) => job.at).sort((a, b) => (a as number) - (b as number))).toEqual(expected)
    expect(rig.connector.mostAliveAtOnce).toBe(4)
  })

  test('a burst of short jobs is served by the connections that are there, not by as many as it can open', async () => {
    const rig = await openPool({ minSize: 5, maxSize: 10 })
    rig.connector.openMs = 150
    const jobs = Array.from({ length: 50 }, () => work(rig, 2))
    await rig.clock.advance(1 * SECOND)
    expect(jobs.every((job) => job.state === 'fulfilled')).toBe(true)
    expect(rig.pool.getStats().poolSize).toBeLessThan(7)
  })

  test('nothing is opened for a request that a connection on its way will serve', async () => {
    const rig = makePool({ minSize: 1, maxSize: 4 })
    rig.connector.openMs = 100
    rig.pool.open()
    const only = track(rig.clock, rig.pool.acquire())
    await rig.clock.advance(SECOND)
    expect(only.state).toBe('fulfilled')
    expect(rig.connector.attempts).toHaveLength(1)
  })

  test('giving up a wait does not give up the connection that was being opened for it', async () => {
    const rig = await openPool({ minSize: 0, timeout: 100 })
    rig.connector.openMs = 200
    const late = track(rig.clock, rig.pool.acquire())
    await rig.clock.advance(200)
    expect(late.state).toBe('rejected')
    expect(rig.pool.getStats().poolAvailable).toBe(1)
  })

  test('there are never more than maxSize connections, whatever is asked for', async () => {
    const rig = await openPool({ minSize: 0, maxSize: 3 })
    rig.connector.openMs = 10
    rig.connector.closeMs = 0
    const jobs = Array.from({ length: 100 }, () => work(rig, 25))
    await rig.clock.advance(5 * SECOND)
    expect(jobs.every((job) => job.state === 'fulfilled')).toBe(true)
    expect(rig.connector.mostAliveAtOnce).toBe(3)
  })
})

describe('a server that is away', () => {
  test('the pool tries again after 1, 2, 4 and then every 5 seconds, and gives up at reconnectTimeout', async () => {
    const rig = makePool({ minSize: 1, maxSize: 1, reconnectTimeout: 30 * SECOND })
    rig.connector.openError = new Error('away')
    rig.pool.open()
    await rig.clock.advance(5 * MINUTE)
    expect(gaps(rig).slice(0, 4)).toEqual([1, 2, 4, 5])
    expect(rig.connector.attempts.at(-1)).toBe(30 * SECOND)
    expect(rig.pool.getStats()).toMatchObject({
      poolSize: 0,
      connectionsErrors: rig.connector.attempts.length,
    })
  })

  test('the last attempt falls on the moment of giving up, even when that is at once', () => {
    const backoff = new Backoff(0, () => 0.5)
    expect(backoff.nextDelay(100)).toBe(0)
    expect(backoff.nextDelay(100)).toBeUndefined()
  })

  test('a timeout while no connection can be made carries the reason as its cause, and in its text', async () => {
    const rig = makePool({ minSize: 1, timeout: 200 })
    rig.connector.openError = new Error('away')
    rig.pool.open()
    const request = track(rig.clock, rig.pool.acquire())
    await rig.clock.advance(200)
    expect(request.error).toMatchObject({
      code: 'POOL_TIMEOUT',
      cause: rig.connector.openError,
      message: expect.stringContaining('could not connect to fake: away'),
    })
  })

  test('when trying again cannot help, those who wait are told at once', async () => {
    const rig = makePool({ minSize: 2 })
    rig.connector.openError = new Error('wrong password')
    rig.connector.isPermanent = true
    rig.connector.openMs = 10
    rig.pool.open()
    const requests = [track(rig.clock, rig.pool.acquire()), track(rig.clock, rig.pool.acquire())]
    await rig.clock.advance(10)
    for (const request of requests) {
      expect(request.error).toMatchObject({ code: 'POOL_CONNECT', cause: rig.connector.openError })
    }
    // So is whoever comes later, after an attempt of their own.
    const later = track(rig.clock, rig.pool.acquire())
    await rig.clock.advance(300)
    expect(later).toMatchObject({ state: 'rejected', error: { code: 'POOL_CONNECT' } })
  })

  test('while a connection lives, a failure to open another turns nobody away', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 2 })
    const holder = await rig.pool.acquire()
    rig.connector.openError = new Error('password was changed')
    rig.connector.isPermanent = true
    const waiting = track(rig.clock, rig.pool.acquire())
    await rig.clock.advance(SECOND)
    expect(waiting.state).toBe('pending')
    await holder.release()
    await settle()
    expect(waiting.state).toBe('fulfilled')
  })

  test('a request that comes while all attempts sleep brings the next one forward', async () => {
    const rig = makePool({ minSize: 1, maxSize: 1 })
    rig.connector.openError = new Error('away')
    rig.pool.open()
    await rig.clock.advance(20 * SECOND)
    rig.connector.openError = undefined
    const request = track(rig.clock, rig.pool.acquire())
    await settle()
    await rig.clock.advance(250)
    expect(request.state).toBe('fulfilled')
  })

  test('while a request waits, and there is no connection, the pool tries every 250 milliseconds', async () => {
    const rig = makePool({ minSize: 2, maxSize: 2 })
    rig.connector.openError = new Error('away')
    rig.pool.open()
    await settle()
    const request = track(rig.clock, rig.pool.acquire())
    await rig.clock.advance(10 * SECOND)
    expect(rig.connector.attempts.slice(2)).toEqual(Array.from({ length: 40 }, (_, n) => 250 * (n + 1)))
    rig.connector.openError = undefined
    await rig.clock.advance(250)
    expect(request.state).toBe('fulfilled')
  })

  test('while a request waits for connections that others have, the pool tries no oftener than else', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 2 })
    await rig.pool.acquire()
    rig.connector.openError = new Error('too many clients already')
    track(rig.clock, rig.pool.acquire())
    await rig.clock.advance(8 * SECOND)
    expect(gaps(rig)).toEqual([0, 1, 2, 4])
  })

  test('when one attempt succeeds, those that sleep follow at once', async () => {
    const rig = makePool({ minSize: 3, maxSize: 3 })
    rig.connector.openError = new Error('away')
    rig.pool.open()
    await rig.clock.advance(20 * SECOND)
    rig.connector.openError = undefined
    const request = track(rig.clock, rig.pool.acquire())
    await rig.clock.advance(300)
    expect(request.state).toBe('fulfilled')
    expect(rig.pool.getStats()).toMatchObject({ poolSize: 3, poolAvailable: 2 })
  })

  test('after giving up, the next request makes the pool try again, and refills it to minSize', async () => {
    const rig = makePool({ minSize: 2, maxSize: 4, reconnectTimeout: 10 * SECOND })
    rig.connector.openError = new Error('away')
    rig.pool.open()
    await rig.clock.advance(MINUTE)
    expect(rig.pool.getStats().poolSize).toBe(0)
    rig.connector.openError = undefined
    await (await rig.pool.acquire()).release()
    await settle()
    expect(rig.pool.getStats()).toMatchObject({ poolSize: 2, poolAvailable: 2 })
  })

  test('a sleeping attempt does not keep the process alive; a request that waits does', async () => {
    const rig = makePool({ minSize: 1 })
    rig.connector.openError = new Error('away')
    rig.pool.open()
    await rig.clock.advance(3 * SECOND)
    // The other one is the heartbeat.
    expect(rig.clock.timers).toEqual({ all: 2, keepAlive: 0 })
    const request = codeOf(rig.pool.acquire())
    expect(rig.clock.timers.keepAlive).toBe(1)
    await rig.pool.close()
    expect(await request).toBe('POOL_CLOSED')
    await expectNothingLeft(rig)
  })

  test('however many requests come, the pool tries at most once in 250 milliseconds on their behalf', async () => {
    const rig = makePool({ minSize: 1, maxSize: 1 })
    rig.connector.openError = new Error('away')
    rig.pool.open()
    for (let arrival = 0; arrival < 100; arrival++) {
      void codeOf(rig.pool.acquire())
      await rig.clock.advance(10)
    }
    expect(rig.connector.attempts).toEqual([0, 250, 500, 750, 1000])
    await rig.pool.close()
  })

  test('a failure of long ago is not the reason of a timeout of now', async () => {
    const rig = makePool({ minSize: 1, maxSize: 1, timeout: 100 })
    rig.connector.openError = new Error('away')
    rig.pool.open()
    await rig.clock.advance(500)
    rig.connector.openError = undefined
    await rig.clock.advance(SECOND)
    await rig.pool.acquire()
    const late = track(rig.clock, rig.pool.acquire())
    await rig.clock.advance(100)
    expect(late.error).toMatchObject({ code: 'POOL_TIMEOUT' })
    expect((late.error as Error).cause).toBeUndefined()
  })

  test('a request that outlasts reconnectTimeout is served when the server comes back', async () => {
    const rig = makePool({ minSize: 0, timeout: Infinity, reconnectTimeout: 10 * SECOND })
    rig.connector.openError = new Error('away')
    rig.pool.open()
    const patient = track(rig.clock, rig.pool.acquire())
    await rig.clock.advance(10 * MINUTE)
    rig.connector.openError = undefined
    await rig.clock.advance(6 * SECOND)
    expect(patient.state).toBe('fulfilled')
    expect(rig.pool.getStats().poolSize).toBe(1)
  })

  test('after a growth that was given up, the pool can grow again', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 2, reconnectTimeout: 2 * SECOND })
    await rig.pool.acquire()
    rig.connector.openError = new Error('away')
    const turnedAway = codeOf(rig.pool.acquire({ timeout: 1 * SECOND }))
    await rig.clock.advance(10 * SECOND)
    expect(await turnedAway).toBe('POOL_TIMEOUT')
    expect(rig.pool.getStats().poolSize).toBe(1)
    rig.connector.openError = undefined
    await rig.pool.acquire()
    expect(rig.pool.getStats().poolSize).toBe(2)
  })

  test('waiting for the pool to fill keeps the process alive', async () => {
    const rig = makePool({ minSize: 1 })
    rig.connector.openMs = undefined
    rig.pool.open()
    const waiting = codeOf(rig.pool.wait(SECOND))
    expect(rig.clock.timers.keepAlive).toBe(1)
    await rig.clock.advance(SECOND)
    expect(await waiting).toBe('POOL_TIMEOUT')
    await expectNothingLeft(rig)
  })

  test('a server that ends every connection at once is not stormed, while nobody waits', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 2 })
    for (let round = 0; round < 600; round++) {
      for (const connection of rig.connector.alive) rig.connector.lose(connection)
      await rig.clock.advance(100)
    }
    // In a minute: some at once, then one a second, then one in five seconds for each place.
    expect(rig.connector.attempts.length).toBeLessThan(40)
    await rig.clock.advance(20 * SECOND)
    expect(rig.pool.getStats()).toMatchObject({ poolSize: 2, poolAvailable: 2 })
    await expectNothingLeft(rig)
  })

  test('giving up at once does not mean to begin again at once', async () => {
    const rig = makePool({ minSize: 0, maxSize: 4, reconnectTimeout: 0 })
    rig.connector.openError = new Error('away')
    rig.pool.open()
    const request = codeOf(rig.pool.acquire({ timeout: 10 * SECOND }))
    await rig.clock.advance(10 * SECOND)
    expect(await request).toBe('POOL_TIMEOUT')
    expect(rig.connector.attempts.length).toBeLessThan(90)
  })

  test('waiting for the pool to fill makes one that had given up begin again', async () => {
    const rig = makePool({ minSize: 2, reconnectTimeout: SECOND })
    rig.connector.openError = new Error('away')
    rig.pool.open()
    await rig.clock.advance(MINUTE)
    rig.connector.openError = undefined
    await rig.pool.wait(SECOND)
    await settle()
    expect(rig.pool.getStats().poolAvailable).toBe(2)
  })
})
