// Leases that are forgotten, held for too long, or used after their end: each is told, and none does harm.
import v8 from 'node:v8'
import vm from 'node:vm'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { LeaseError, type PoolOptions, RealPool, RealPoolAdapter } from 'prisma-pg-real-pool'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { collectWarnings, errorOf, pidOf, SUBJECT } from './support.js'

let database: TestDatabase
let pool: RealPool
let watch: ReturnType<typeof collectWarnings>

beforeAll(async () => {
  database = await createTestDatabase()
})

afterAll(() => database.drop())

beforeEach(() => {
  watch = collectWarnings()
})

afterEach(async () => {
  watch.stop()
  delete process.env.REAL_POOL_WARN_UNRELEASED
  await pool.close({ timeout: 0, force: true })
})

async function openPool(options: PoolOptions): Promise<void> {
  pool = new RealPool({ connectionString: database.url, application_name: SUBJECT, pool: options })
  await pool.open({ wait: true })
}

v8.setFlagsFromString('--expose-gc')
const collectGarbage = vm.runInNewContext('gc') as () => void

/** Acquires a lease and forgets it: after this nothing refers to it. */
async function forgetOne(): Promise<void> {
  const lease = await pool.acquire()
  await lease.client.query('SELECT 1')
}

describe('a lease that is collected without having been released', () => {
  test('is warned of, with REAL_POOL_WARN_UNRELEASED, and told where it was acquired', async () => {
    process.env.REAL_POOL_WARN_UNRELEASED = '1'
    await openPool({ name: 'leaky', minSize: 1, maxSize: 2 })
    await forgetOne()
    await eventually(() => {
      collectGarbage()
      expect(watch.warnings).toEqual([
        expect.stringContaining("a lease of the pool 'leaky' was forgotten") as unknown,
      ])
    })
  })

  test('stays lent all the same: its connection is never given to another', async () => {
    process.env.REAL_POOL_WARN_UNRELEASED = '1'
    await openPool({ minSize: 1, maxSize: 1, timeout: '100ms' })
    await forgetOne()
    await eventually(() => {
      collectGarbage()
      expect(watch.warnings).toHaveLength(1)
    })
    expect(await errorOf(pool.acquire())).toMatchObject({ code: 'POOL_TIMEOUT' })
    expect(await database.backends(SUBJECT)).toHaveLength(1)
  })

  test('is not warned of when that was not asked for', async () => {
    await openPool({ minSize: 1, maxSize: 1 })
    let isCollected = false
    const registry = new FinalizationRegistry(() => (isCollected = true))
    await (async () => registry.register(await pool.acquire(), undefined))()
    await eventually(() => {
      collectGarbage()
      expect(isCollected).toBe(true)
    })
    expect(watch.warnings).toEqual([])
  })
})

test('leases that were released are not warned of', async () => {
  process.env.REAL_POOL_WARN_UNRELEASED = '1'
  await openPool({ minSize: 1, maxSize: 1 })
  for (let round = 0; round < 100; round++) await pool.use((client) => client.query('SELECT 1'))
  let isCollected = false
  const registry = new FinalizationRegistry(() => (isCollected = true))
  await (async () => {
    const lease = await pool.acquire()
    registry.register(lease, undefined)
    await lease.release()
  })()
  await eventually(() => {
    collectGarbage()
    expect(isCollected).toBe(true)
  })
  expect(watch.warnings).toEqual([])
})

test('leakDetectionThreshold reports a lease that is held too long, and counts it', async () => {
  await openPool({ name: 'slow', maxSize: 1, leakDetectionThreshold: '50ms' })
  await pool.use(async (client) => {
    await client.query('SELECT pg_sleep(0.1)')
    await eventually(() => expect(watch.warnings).toHaveLength(1))
  })
  await eventually(() => expect(watch.warnings).toHaveLength(2))
  expect(watch.warnings).toEqual([
    expect.stringMatching(/^a connection of the pool 'slow' has been lent for \d+\.\d s, longer than/),
    expect.stringMatching(
      /^the connection of the pool 'slow' that was reported .* came back after \d+\.\d s$/,
    ),
  ])
  expect(pool.getStats()).toMatchObject({ leaksDetected: 1, poolAvailable: 1 })
})

describe('a client that is kept beyond its lease', () => {
  test('refuses every use, while the connection serves the next borrower', async () => {
    await openPool({ minSize: 1, maxSize: 1 })
    const lease = await pool.acquire()
    const { client } = lease
    const pid = await pidOf(client)
    const query = client.query.bind(client) as (text: string) => Promise<unknown>
    await lease.release()
    await pool.use(async (other) => {
      expect(() => client.query('SELECT 1')).toThrow(LeaseError)
      expect(() => query('SELECT 1')).toThrow(LeaseError)
      expect(() => client.on('notification', () => {})).toThrow(LeaseError)
      expect(() => (client.user = 'somebody')).toThrow(LeaseError)
      expect(await pidOf(other)).toBe(pid)
    })
  })

  test('is, until then, the client of node-postgres in every respect', async () => {
    await openPool({ minSize: 1, maxSize: 1 })
    const lease = await pool.acquire()
    const { client } = lease
    expect(lease.client).toBe(client)
    expect(client.constructor.name).toBe('Client')
    const notified = new Promise<string | undefined>((resolve) => {
      expect(client.on('notification', ({ payload }) => resolve(payload))).toBe(client)
    })
    await client.query('LISTEN news')
    await client.query("NOTIFY news, 'hello'")
    expect(await notified).toBe('hello')
    const rows = await new Promise((resolve) => {
      client.query('SELECT $1::int AS n', [7], (_error, result) => resolve(result.rows))
    })
    expect(rows).toEqual([{ n: 7 }])
    await lease.release()
  })

  test('and whose query still ran then fails that query, and nothing else', async () => {
    await openPool({ minSize: 1, maxSize: 1 })
    const lease = await pool.acquire()
    const query = errorOf(lease.client.query({ text: 'SELECT pg_sleep(60)', query_timeout: 100 } as never))
    await lease.release()
    expect(await query).toBeInstanceOf(Error)
    await new Promise((resolve) => setTimeout(resolve, 150))
    expect(await pool.use(pidOf)).toEqual(expect.any(Number))
  })
})

test('a connection destroyed for a reason tells onConnectionError the reason', async () => {
  const told: Error[] = []
  const adapter = new RealPoolAdapter({
    connectionString: database.url,
    pool: { minSize: 1, maxSize: 1 },
    onConnectionError: (error) => told.push(error),
  })
  pool = adapter.pool
  await pool.open({ wait: true })
  const reason = new Error('it smells')
  const lease = await pool.acquire()
  await lease.destroy(reason)
  await (await pool.acquire()).destroy()
  expect(told).toEqual([reason])
})
