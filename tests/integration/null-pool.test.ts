// `pool: false`: a fresh connection for each call, as a server sees it.
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterEach, afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { RealPool, type RealPoolOptions } from 'prisma-pg-real-pool'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { countSessions, errorOf, NO_POOLING, pidOf, settingOf, SUBJECT } from './support.js'

let database: TestDatabase
const pools: RealPool[] = []

beforeAll(async () => {
  database = await createTestDatabase()
})

afterAll(() => database.drop())

// Each test leaves its pools closed, and then the server has no session of theirs.
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close({ force: true, timeout: 0 })))
  await eventually(async () => expect(await database.backends(SUBJECT)).toEqual([]))
})

async function openPool(options: RealPoolOptions = {}): Promise<RealPool> {
  const pool = new RealPool({
    connectionString: database.url,
    application_name: SUBJECT,
    pool: false,
    ...options,
  })
  pools.push(pool)
  await pool.open()
  return pool
}

async function pids(): Promise<number[]> {
  return (await database.backends(SUBJECT)).map(({ pid }) => pid)
}

test('each call has a connection of its own, which is closed when it comes back', async () => {
  const pool = await openPool()
  expect(await pids()).toEqual([])
  const seen = new Set<number>()
  for (let use = 0; use < 3; use++) {
    const lease = await pool.acquire()
    const pid = await pidOf(lease.client)
    expect(await pids()).toEqual([pid])
    seen.add(pid)
    await lease.release()
    await eventually(async () => expect(await pids()).toEqual([]))
  }
  expect(seen.size).toBe(3)
  expect(pool.getStats()).toMatchObject({ poolSize: 0, poolAvailable: 0, connectionsNum: 3 })
})

test('a client that its borrower ends is closed there and then', async () => {
  const pool = await openPool()
  const lease = await pool.acquire()
  await lease.client.end()
  await eventually(async () => expect(await pids()).toEqual([]))
  await lease.release()
  expect(pool.getStats()).toMatchObject({ poolSize: 0, connectionsNum: 1 })
})

test('there are ten connections at most, or as many as resize says; none is ever kept', async () => {
  const pool = await openPool()
  expect(pool.getStats()).toMatchObject({ poolMin: 0, poolMax: 10 })
  pool.resize({ maxSize: 2 })
  expect(pool.getStats()).toMatchObject({ poolMin: 0, poolMax: 2 })
  const [first, second] = [await pool.acquire(), await pool.acquire()]
  const third = pool.use(pidOf)
  expect(await pids()).toHaveLength(2)
  const pid = await pidOf(second.client)
  await second.release()
  expect(await third).toBe(pid)
  await first.release()
  expect(() => pool.resize({ minSize: 1 })).toThrow('has a maxIdleCount (0) below its minSize (1)')
})

test('configure runs on each connection, because each is new', async () => {
  let runs = 0
  const pool = await openPool({
    pool: { ...NO_POOLING, configure: (client) => client.query(`SET app.run = ${++runs}`) },
  })
  for (const run of ['1', '2', '3']) {
    expect(await pool.use((client) => settingOf(client, 'app.run'))).toBe(run)
  }
})

test('wait makes one connection and closes it; check makes none', async () => {
  const sessions = await countSessions(database)
  const pool = await openPool()
  await pool.check()
  expect(pool.getStats().connectionsNum).toBe(0)
  await pool.wait()
  await eventually(async () => expect(await pids()).toEqual([]))
  await pool.check()
  expect(pool.getStats()).toMatchObject({ connectionsNum: 1, connectionsErrors: 0, poolSize: 0 })
  expect(await sessions()).toBe(1)
})

describe('a server that', () => {
  let server: Server

  afterEach(() => new Promise((resolve) => server.close(resolve)))

  async function listen(onConnection: (socket: Socket) => void): Promise<number> {
    server = createServer(onConnection)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return (server.address() as AddressInfo).port
  }

  test('does not answer holds a request no longer than its timeout', async () => {
    const port = await listen((socket) => void socket.resume())
    const pool = await openPool({ connectionString: `postgresql://user@127.0.0.1:${port}/db` })
    expect(await errorOf(pool.acquire({ timeout: '200ms' }))).toMatchObject({ code: 'POOL_TIMEOUT' })
    await pool.close({ force: true, timeout: 0 })
  })

  test('turns connections away is told to the request at once', async () => {
    const port = await listen((socket) => socket.destroy())
    const pool = await openPool({ connectionString: `postgresql://user@127.0.0.1:${port}/db` })
    expect(await errorOf(pool.acquire())).toMatchObject({ code: 'POOL_CONNECT' })
  })
})
