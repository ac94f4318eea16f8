// A pool that keeps nothing: what is its own. What it shares with any other pool is in the other files, which
// run over both.
import { expect, test } from '@jest/globals'
import {
  acquireAll,
  codeOf,
  expectNothingLeft,
  makePool,
  NULL_POOL,
  openPool,
  SECOND,
  startServer,
  stopServer,
  track,
  useOnce,
  work,
} from './support.js'

test('each request gets a connection of its own, which is closed when it comes back', async () => {
  const rig = await openPool({ ...NULL_POOL, maxSize: 2 })
  expect(rig.connector.attempts).toEqual([])
  const leases = await acquireAll(rig, 2)
  expect(leases.map(({ connection }) => connection.id)).toEqual([1, 2])
  for (const lease of leases) await lease.release()
  expect(rig.connector.alive).toEqual([])
  expect(await useOnce(rig)).toBe(3)
  expect(rig.pool.getStats()).toMatchObject({ poolSize: 0, poolAvailable: 0, connectionsNum: 3 })
  await expectNothingLeft(rig)
})

test('a connection that comes back while somebody waits goes to him; it is restored for him, not to be closed', async () => {
  const rig = await openPool({ ...NULL_POOL, maxSize: 1 })
  const first = await rig.pool.acquire()
  const { connection } = first
  const waiting = rig.pool.acquire()
  connection.condition = 'unclean'
  void first.release()
  const second = await waiting
  expect(second.connection).toBe(connection)
  expect(connection.restored).toBe(1)
  connection.condition = 'unclean'
  await second.release()
  expect([connection.restored, connection.isClosed]).toEqual([1, true])
})

test('wait counts as one attempt to connect, with its time', async () => {
  const rig = makePool({ ...NULL_POOL, maxSize: 3 })
  rig.connector.openMs = 200
  rig.pool.open()
  void rig.pool.wait()
  await rig.clock.advance(SECOND)
  expect(rig.pool.getStats()).toMatchObject({
    connectionsNum: 1,
    connectionsErrors: 0,
    connectionsLost: 0,
    connectionsMs: 200,
  })
})

test('a server that does not answer holds a request until its timeout, and no longer', async () => {
  const rig = await openPool({ ...NULL_POOL })
  rig.connector.openMs = undefined
  const request = track(rig.clock, rig.pool.acquire({ timeout: SECOND }))
  await rig.clock.advance(2 * SECOND)
  expect(request).toMatchObject({ state: 'rejected', at: SECOND, error: { code: 'POOL_TIMEOUT' } })
  await expectNothingLeft(rig)
})

test('while the server is away each request is told so at once; when it is back, requests are served', async () => {
  const rig = makePool({ ...NULL_POOL })
  stopServer(rig)
  rig.pool.open()
  const refused = [rig.pool.wait(200), rig.pool.acquire(), rig.pool.acquire()].map(codeOf)
  expect(new Set(await Promise.all(refused))).toEqual(new Set(['POOL_CONNECT']))
  await rig.clock.advance(500)
  expect(rig.connector.attempts).toEqual([0, 0, 0])
  startServer(rig)
  expect(await useOnce(rig)).toBe(1)
})

test('a connection that is handed on from one to the next is closed when its lifetime is over', async () => {
  const rig = await openPool({ ...NULL_POOL, maxSize: 1, maxLifetime: 200 })
  const jobs = Array.from({ length: 5 }, () => work(rig, 100))
  await rig.clock.advance(SECOND)
  expect(jobs.map(({ value }) => value)).toEqual([1, 1, 2, 2, 3])
  expect(jobs.map(({ at }) => at)).toEqual([100, 200, 300, 400, 500])
})

test('check finds nothing to do', async () => {
  const rig = await openPool({ ...NULL_POOL, checkIdleAfter: 0 })
  await rig.pool.check()
  await useOnce(rig)
  await rig.pool.check()
  expect(rig.connector.checks).toEqual([])
  expect(rig.connector.attempts).toHaveLength(1)
})
