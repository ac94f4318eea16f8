// RealPool on its own, with clients of node-postgres: nothing of one borrower reaches the next.
import { afterEach, afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { LeaseError, type PoolOptions, PoolTimeoutError, RealPool } from 'prisma-pg-real-pool'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { errorOf, pidOf, sleepRuns, statesOf, SUBJECT } from './support.js'

let database: TestDatabase
const pools: RealPool[] = []

beforeAll(async () => {
  database = await createTestDatabase()
  await database.query('CREATE TABLE t (n int)')
})

afterAll(() => database.drop())

beforeEach(() => database.query('TRUNCATE t'))

// Each test leaves its pools closed, and then the server has no session of theirs.
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close({ force: true, timeout: 0 })))
  await eventually(async () => expect(await database.backends(SUBJECT)).toEqual([]))
})

async function openPool(options: PoolOptions = { maxSize: 1 }): Promise<RealPool> {
  const pool = new RealPool({ connectionString: database.url, application_name: SUBJECT, pool: options })
  pools.push(pool)
  await pool.open({ wait: true })
  return pool
}

describe('lending', () => {
  test('use gives the connection back, and what the work returns', async () => {
    const pool = await openPool()
    expect(
      await pool.use((client) => client.query('SELECT 1 AS n').then(({ rows }) => rows as unknown)),
    ).toEqual([{ n: 1 }])
    expect(pool.getStats()).toMatchObject({ poolAvailable: 1, requestsNum: 1 })
  })

  test('use gives the connection back when the work throws', async () => {
    const pool = await openPool()
    const pid = await pool.use(pidOf)
    expect(await errorOf(pool.use(() => Promise.reject(new RangeError('mine'))))).toBeInstanceOf(RangeError)
    expect(await errorOf(pool.use((client) => client.query('SELECT 1 / 0')))).toMatchObject({ code: '22012' })
    expect(await pool.use(pidOf)).toBe(pid)
  })

  test('a lease is over with its release: no second one, and no client', async () => {
    const pool = await openPool()
    const lease = await pool.acquire()
    await lease.release()
    expect(() => lease.release()).toThrow(LeaseError)
    expect(() => lease.destroy()).toThrow(LeaseError)
    expect(() => lease.client).toThrow(LeaseError)
    expect(pool.getStats()).toMatchObject({ poolAvailable: 1 })
  })

  test('destroy closes the connection, and the next borrower gets a new one', async () => {
    const pool = await openPool()
    const lease = await pool.acquire()
    const pid = await pidOf(lease.client)
    await lease.destroy()
    const next = await pool.use(pidOf)
    expect(next).not.toBe(pid)
    expect((await database.backends(SUBJECT)).map((backend) => backend.pid)).toEqual([next])
  })

  test('those who wait are served in the order of asking', async () => {
    const pool = await openPool()
    const lease = await pool.acquire()
    const order: number[] = []
    const callers = [0, 1, 2, 3].map((index) => pool.use(() => Promise.resolve(order.push(index))))
    await lease.release()
    await Promise.all(callers)
    expect(order).toEqual([0, 1, 2, 3])
  })
})

describe('what a borrower leaves behind', () => {
  test('a query that still runs is ended on the server, and the connection goes to the next borrower', async () => {
    const pool = await openPool()
    const lease = await pool.acquire()
    const pid = await pidOf(lease.client)
    const forgotten = errorOf(lease.client.query('SELECT pg_sleep(30)'))
    await sleepRuns(database)
    const next = pool.use(async (client) => {
      expect(await statesOf(database)).toEqual(['idle'])
      return pidOf(client)
    })
    await lease.release()
    expect(await forgotten).toMatchObject({ code: '57014' })
    expect(await next).toBe(pid)
  })

  test('a transaction with a query that still runs is ended with it', async () => {
    const pool = await openPool()
    const lease = await pool.acquire()
    const pid = await pidOf(lease.client)
    await lease.client.query('BEGIN; INSERT INTO t VALUES (1)')
    const forgotten = errorOf(lease.client.query('INSERT INTO t SELECT 2 FROM pg_sleep(30)'))
    await sleepRuns(database)
    await lease.release()
    expect(await forgotten).toMatchObject({ code: '57014' })
    expect(await pool.use(pidOf)).toBe(pid)
    expect(await database.query('SELECT * FROM t')).toEqual([])
  })

  test('closing by force ends what runs on the server, too', async () => {
    const pool = await openPool()
    const lease = await pool.acquire()
    const forgotten = errorOf(lease.client.query('SELECT pg_sleep(30)'))
    await sleepRuns(database)
    await pool.close({ timeout: 0, force: true })
    await forgotten
    await eventually(async () => expect(await database.backends(SUBJECT)).toEqual([]))
  })

  test('a COPY that nobody feeds ends by itself, and the connection goes to the next borrower', async () => {
    const pool = await openPool()
    const lease = await pool.acquire()
    const pid = await pidOf(lease.client)
    const copied = errorOf(lease.client.query('COPY t FROM STDIN'))
    await lease.release()
    await pool.use(async (client) => {
      expect(await pidOf(client)).toBe(pid)
      expect((await client.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }])
    })
    await copied
    await eventually(async () => expect(await statesOf(database)).toEqual(['idle']))
  })

  test('no listeners pile up on the clients', async () => {
    const pool = await openPool()
    const count = () =>
      pool.use((client) => Promise.resolve(client.eventNames().map((name) => client.listenerCount(name))))
    const before = await count()
    for (let round = 0; round < 200; round++) {
      await pool.use((client) => (round % 2 ? client.query('SELECT 1') : client.query('BEGIN')))
      await pool.use((client) => errorOf(client.query('SELECT 1 / 0')))
    }
    expect(await count()).toEqual(before)
  })
})

describe('waiting', () => {
  test('ends with the timeout of the pool, or of the call', async () => {
    const pool = await openPool({ maxSize: 1, timeout: '50ms' })
    const lease = await pool.acquire()
    const error = await errorOf(pool.acquire())
    expect(error).toBeInstanceOf(PoolTimeoutError)
    expect(error).toMatchObject({ code: 'POOL_TIMEOUT', counts: { leased: 1, maxSize: 1, idle: 0 } })
    expect(await errorOf(pool.acquire({ timeout: 0 }))).toBeInstanceOf(PoolTimeoutError)
    expect((await errorOf(pool.acquire({ timeout: '20ms' }))).message).toContain('20 ms')
    await lease.release()
    await pool.use(pidOf)
  })

  test('ends with the signal of the call, which leaves the connection for others', async () => {
    const pool = await openPool()
    const lease = await pool.acquire()
    const controller = new AbortController()
    const waiting = errorOf(pool.acquire({ signal: controller.signal }))
    const other = pool.use(pidOf)
    controller.abort(new RangeError('no longer'))
    expect(await waiting).toBeInstanceOf(RangeError)
    expect(await errorOf(pool.acquire({ signal: controller.signal }))).toBeInstanceOf(RangeError)
    await lease.release()
    await other
    // Aborted after the hand-off, it changes nothing.
    const late = new AbortController()
    const lent = await pool.acquire({ signal: late.signal })
    late.abort()
    await pidOf(lent.client)
    await lent.release()
    expect(pool.getStats()).toMatchObject({ poolAvailable: 1, requestsWaiting: 0 })
  })
})
