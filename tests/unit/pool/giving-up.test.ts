// A server that stays away: when the pool gives up, whom it tells, and what makes it begin again.
import { expect, test } from '@jest/globals'
import { Backoff } from '../../../packages/adapter/src/pool/backoff.js'
import { settle } from '../../support/manual-clock.js'
import {
  codeOf,
  makePool,
  MINUTE,
  openPool,
  SECOND,
  startServer,
  stopServer,
  track,
  useOnce,
  work,
} from './support.js'

test.each<[string, () => unknown]>([
  ['returns', () => undefined],
  [
    'throws',
    () => {
      throw new Error('mine')
    },
  ],
  ['rejects', () => Promise.reject(new Error('mine'))],
])(
  'after reconnectTimeout the pool gives up and tells so once, whether the listener %s',
  async (_, listener) => {
    const gaveUpAt: number[] = []
    const rig = await openPool(
      { minSize: 1, maxSize: 1, reconnectTimeout: SECOND },
      {
        onGaveUp: () => {
          gaveUpAt.push(rig.clock.now())
          return listener()
        },
      },
    )
    await rig.clock.advance(MINUTE)
    stopServer(rig)
    await rig.clock.advance(1.5 * SECOND)
    expect(gaveUpAt).toEqual([MINUTE + SECOND])
    expect(rig.pool.getStats().poolSize).toBe(0)
    startServer(rig)
    const request = work(rig, 0)
    await rig.clock.advance(0)
    expect(request).toMatchObject({ state: 'fulfilled', at: MINUTE + 1.5 * SECOND })
  },
)

test('a pool that gave up, and gave up to grow, is full again after one request', async () => {
  let gaveUp = 0
  const rig = makePool({ minSize: 4, maxSize: 4, reconnectTimeout: SECOND }, { onGaveUp: () => gaveUp++ })
  stopServer(rig)
  rig.pool.open()
  await rig.clock.advance(2 * SECOND)
  expect(gaveUp).toBe(4)
  const request = track(rig.clock, rig.pool.acquire({ timeout: 500 }))
  await rig.clock.advance(2 * SECOND)
  expect(request).toMatchObject({ state: 'rejected', at: 2_500, error: { code: 'POOL_TIMEOUT' } })
  expect(gaveUp).toBe(5)
  startServer(rig)
  const { poolSize } = rig.pool.getStats()
  expect(poolSize).toBe(0)
  await useOnce(rig)
  await settle()
  expect(rig.pool.getStats()).toMatchObject({ poolSize: 4, poolAvailable: 4 })
})

test('check empties a pool whose server is gone, and fills it when the server is back', async () => {
  let gaveUp = 0
  const rig = await openPool(
    { minSize: 4, maxSize: 4, reconnectTimeout: SECOND },
    { onGaveUp: () => gaveUp++ },
  )
  rig.connector.openError = new Error('away')
  for (const { id } of rig.connector.opened) rig.connector.dead.add(id)
  await rig.pool.check()
  await rig.clock.advance(2 * SECOND)
  expect(gaveUp).toBe(4)
  expect(rig.pool.getStats()).toMatchObject({ poolSize: 0, poolAvailable: 0, connectionsLost: 4 })
  startServer(rig)
  await rig.pool.check()
  await settle()
  expect(rig.pool.getStats()).toMatchObject({ poolSize: 4, poolAvailable: 4 })
})

test('the last attempt falls on the moment of giving up, even when that is at once', () => {
  const backoff = new Backoff(0, () => 0.5)
  expect(backoff.nextDelay(100)).toBe(0)
  expect(backoff.nextDelay(100)).toBeUndefined()
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
