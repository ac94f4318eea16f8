// A server that goes away and comes back: when the pool tries again, when it gives up, and how it recovers.
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { Backoff } from '../../../packages/adapter/src/pool/backoff.js'
import { settle } from '../../support/manual-clock.js'
import {
  codeOf,
  expectNothingLeft,
  makePool,
  MINUTE,
  openPool,
  type Rig,
  SECOND,
  startServer,
  stopServer,
  track,
  useOnce,
  work,
} from './support.js'

/** The gaps between attempts, the jitter of at most 10 % taken away. */
function gaps({ connector }: Rig): number[] {
  const { attempts } = connector
  const differences = attempts.slice(1).map((at, index) => at - (attempts[index] as number))
  return differences.map((gap) => Math.round(gap / SECOND))
}

describe('with delays that do not vary', () => {
  beforeEach(() => {
    jest.spyOn(Math, 'random').mockReturnValue(0.5)
  })

  afterEach(() => {
    jest.restoreAllMocks()
  })

  test('a lost connection is replaced at once, or else after 1, 2 and 4 seconds', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1 })
    await rig.clock.advance(MINUTE)
    stopServer(rig)
    await rig.clock.advance(6 * SECOND)
    expect(rig.connector.attempts).toEqual([0, 60_000, 61_000, 63_000])
    startServer(rig)
    await rig.clock.advance(SECOND)
    expect(rig.connector.attempts.slice(4)).toEqual([67_000])
    expect(await useOnce(rig)).toBe(2)
  })

  test('a request that finds only what fails its check, and no server, ends at its timeout; the next is served', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, timeout: SECOND, checkIdleAfter: 0 })
    rig.connector.dead.add(1)
    rig.connector.openError = new Error('away')
    const request = track(rig.clock, rig.pool.acquire())
    await rig.clock.advance(1.5 * SECOND)
    expect(request).toMatchObject({ state: 'rejected', at: SECOND, error: { code: 'POOL_TIMEOUT' } })
    startServer(rig)
    const next = track(rig.clock, rig.pool.acquire({ timeout: 10 * SECOND }))
    await rig.clock.advance(0)
    expect(next).toMatchObject({ state: 'fulfilled', at: 1.5 * SECOND })
    expect(rig.connector.attempts).toEqual([0, 0, 250, 500, 750, 1_000, 1_500])
  })
})

test('the first delay is a second, give or take a tenth, and the next ones follow from it', () => {
  const delays = (random: number) => {
    const backoff = new Backoff(MINUTE, () => random)
    return [0, 1, 2, 3].map(() => backoff.nextDelay(0))
  }
  expect(delays(0)).toEqual([900, 1_800, 3_600, 5_000])
  expect(delays(0.5)).toEqual([1_000, 2_000, 4_000, 5_000])
  expect(delays(1)).toEqual([1_100, 2_200, 4_400, 5_000])
  const drawn = Array.from({ length: 100 }, () => new Backoff(MINUTE).nextDelay(0) as number)
  expect(Math.min(...drawn)).toBeLessThan(950)
  expect(Math.max(...drawn)).toBeGreaterThan(1_050)
})

test('a pool that was opened while the server was away fills, and serves, when it is there', async () => {
  const rig = makePool({ minSize: 1, maxSize: 1, numWorkers: 1 })
  stopServer(rig)
  rig.pool.open()
  const impatient = track(rig.clock, rig.pool.wait(200))
  await rig.clock.advance(500)
  expect(impatient).toMatchObject({ state: 'rejected', at: 200, error: { code: 'POOL_TIMEOUT' } })
  expect(rig.pool.getStats().poolAvailable).toBe(0)
  startServer(rig)
  const request = work(rig, 0)
  await rig.clock.advance(0)
  expect(request).toMatchObject({ state: 'fulfilled', at: 500 })
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
})
