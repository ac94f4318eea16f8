// What is written for people who look on: the pool's `echo`, and Prisma's own debug output.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { fromQueuePool, type PoolOptions, RealPool } from 'prisma-pg-real-pool'
import { errorOf, sql } from '../integration/support.js'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'

let database: TestDatabase
let lines: string[]

beforeAll(async () => {
  database = await createTestDatabase()
})

beforeEach(() => {
  lines = []
  jest.spyOn(console, 'warn').mockImplementation((...parts: unknown[]) => {
    lines.push(parts.map(String).join(' '))
  })
})

afterEach(() => {
  jest.restoreAllMocks()
})

afterAll(() => database.drop())

/** The lines with their numbers left out. */
function plain(): string[] {
  return lines.map((line) => line.replace(/\d+(?:\.\d+)?/g, 'n'))
}

/** One connection: a loan, one more that waits for it and is late, and the end. */
async function live(options: PoolOptions): Promise<void> {
  const pool = new RealPool({
    connectionString: database.url,
    pool: { name: 'orders', minSize: 1, maxSize: 1, ...options },
  })
  await pool.open({ wait: true })
  const lease = await pool.acquire()
  await errorOf(pool.acquire({ timeout: '20ms' }))
  await lease.release()
  await pool.close()
}

describe('echo', () => {
  test('is silent unless it is asked for', async () => {
    await live({})
    expect(lines).toEqual([])
  })

  test('true: writes what happens to connections, and who got none', async () => {
    await live({ echo: true })
    expect(plain()).toEqual([
      "pool 'orders': connection n was opened in n ms",
      "pool 'orders': a request timed out after n ms",
      "pool 'orders': connection n was closed after n ms: poolClosed",
    ])
  })

  test("'debug': writes each wait and each loan, too", async () => {
    await live({ echo: 'debug' })
    expect(plain()).toEqual([
      "pool 'orders': connection n was opened in n ms",
      "pool 'orders': connection n was lent after n ms",
      "pool 'orders': request n waits, n in all",
      "pool 'orders': a request timed out after n ms",
      "pool 'orders': connection n came back after n ms: released",
      "pool 'orders': connection n was closed after n ms: poolClosed",
    ])
  })

  test('says why no connection could be made, when the next attempt is, and what was lost', async () => {
    const pool = new RealPool({
      connectionString: database.url,
      pool: { name: 'orders', minSize: 1, maxSize: 1, echo: true },
    })
    await pool.open({ wait: true })
    const { rows } = await pool.use((client) =>
      client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid'),
    )
    await database.query('SELECT pg_terminate_backend($1)', [rows[0]!.pid])
    await eventually(() => expect(lines).toHaveLength(4))
    await pool.close()
    expect(plain().slice(1, 3)).toEqual([
      expect.stringMatching(/^pool 'orders': connection n was lost while it was idle: .+/),
      "pool 'orders': connection n was closed after n ms: broken",
    ])
    lines = []
    const nowhere = new RealPool({
      connectionString: 'postgresql://127.0.0.1:1/none',
      pool: { name: 'nowhere', minSize: 1, maxSize: 1, echo: true },
    })
    await nowhere.open()
    await eventually(() => expect(lines.length).toBeGreaterThan(0))
    await nowhere.close()
    expect(plain()[0]).toMatch(
      /^pool 'nowhere': no connection could be opened \(.*ECONNREFUSED.*\); next attempt in n ms$/,
    )
  })

  test('is what ECHO of a QueuePool becomes', () => {
    expect(fromQueuePool().echo).toBe(false)
    expect(fromQueuePool({ ECHO: true }).echo).toBe(true)
    expect(fromQueuePool({ ECHO: 'debug' }).echo).toBe('debug')
  })
})

describe('DEBUG=prisma:driver-adapter:real-pool', () => {
  const scope = globalThis as { DEBUG?: string; DEBUG_COLORS?: boolean }

  /** A life of an adapter whose modules are loaded under this `DEBUG`. */
  async function debugged(DEBUG: string): Promise<void> {
    const before = { DEBUG: scope.DEBUG, DEBUG_COLORS: scope.DEBUG_COLORS }
    Object.assign(scope, { DEBUG, DEBUG_COLORS: false })
    try {
      await jest.isolateModulesAsync(async () => {
        const { RealPoolAdapter } = await import('prisma-pg-real-pool')
        const adapter = new RealPoolAdapter({ connectionString: database.url, pool: { name: 'orders' } })
        const connection = await adapter.connect()
        await connection.queryRaw(sql('SELECT 1 AS one'))
        await errorOf(connection.executeRaw(sql('SELECT 1 / 0')))
        const transaction = await connection.startTransaction('SERIALIZABLE')
        await transaction.queryRaw(sql('SELECT 2 AS two'))
        await transaction.commit()
        await (await connection.startTransaction()).rollback()
        await connection.dispose()
      })
    } finally {
      Object.assign(scope, before)
    }
  }

  test("prints calls and errors as Prisma's own adapters do, and what the pool does", async () => {
    await debugged('prisma:driver-adapter:real-pool')
    for (const line of lines) expect(line).toMatch(/^prisma:driver-adapter:real-pool /)
    const said = lines.map((line) => line.slice('prisma:driver-adapter:real-pool '.length))
    const calls = said.filter((line) => line.startsWith('[js::'))
    expect(calls.map((line) => line.split(/ \+\d+ms$/)[0])).toEqual([
      expect.stringMatching(/^\[js::query_raw\] %O .*SELECT 1 AS one/s),
      expect.stringMatching(/^\[js::execute_raw\] %O .*SELECT 1 \/ 0/s),
      '[js::startTransaction] isolation level: %s SERIALIZABLE',
      expect.stringMatching(/^\[js::query_raw\] %O .*SELECT 2 AS two/s),
      '[js::commit]',
      '[js::startTransaction] isolation level: %s default',
      '[js::rollback]',
    ])
    expect(said).toContainEqual(expect.stringMatching(/^Error: %O .*22012/s))
    expect(said).toContainEqual(expect.stringMatching(/^pool 'orders': connection \d+ was opened in /))
    expect(said).toContainEqual(expect.stringMatching(/^pool 'orders': transaction \d+ ended .*: committed/))
  })

  test('of others prints nothing of ours', async () => {
    await debugged('prisma:client')
    expect(lines).toEqual([])
    // Nor is anything kept: Prisma's function would, whether or not it prints.
    const { debug } = await import('../../packages/adapter/src/adapter/debug.js')
    expect(debug).toBeUndefined()
  })
})
