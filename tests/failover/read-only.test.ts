// Servers and transactions that are read-only on purpose, or for a while: no connection is opened for nothing.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { RealPool, type RealPoolOptions } from 'prisma-pg-real-pool'
import type { Client } from 'pg'
import { errorOf, sql, SUBJECT, valueOf } from '../integration/support.js'
import { eventually } from '../support/eventually.js'
import { createFailoverStage, type FailoverStage, INSERT, pidsOn, refusalOf } from './support.js'

const SIZES = { minSize: 3, maxSize: 3 } as const

let stage: FailoverStage

beforeAll(async () => {
  stage = await createFailoverStage()
})

afterAll(() => stage.close())

describe("a caller's own read-only transaction", () => {
  test.each([
    ['BEGIN READ ONLY', ['BEGIN READ ONLY']],
    ['START TRANSACTION READ ONLY', ['START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY']],
    ['SET TRANSACTION READ ONLY', ['BEGIN', 'SET TRANSACTION READ ONLY']],
    ['a setting of the transaction', ['BEGIN', 'SET LOCAL transaction_read_only = on']],
    ['a function that nobody can read', ['BEGIN', `SELECT set_config('transaction_read_only', 'on', true)`]],
    ['a default of the session', ['SET default_transaction_read_only = on']],
    ['SESSION CHARACTERISTICS', ['SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY']],
  ])('opens no other connection when it is refused a write: %s', async (_, statements) => {
    await withPool({}, async (pool) => {
      const before = await pidsOn(stage.database.url)
      for (let round = 0; round < 5; round++) {
        await pool.use(async (client) => {
          for (const statement of statements) await client.query(statement)
          await expectRefused(client)
        })
      }
      await allIdle(pool)
      expect(await pidsOn(stage.database.url)).toEqual(before)
      expect(pool.getStats().connectionsClosed).toBe(0)
    })
  })

  test('opens no other connection where the startup options make every transaction read-only', async () => {
    await withPool({ options: '-c default_transaction_read_only=on' }, expectNoChange)
  })

  test('opens no other connection where `configure` makes every transaction read-only', async () => {
    const configure = async (client: Client): Promise<void> => {
      await client.query('SET default_transaction_read_only = on')
    }
    await withPool({ pool: { ...SIZES, configure } }, expectNoChange)
  })

  test("opens no other connection in one of Prisma's transactions", async () => {
    const { adapter, db } = await stage.open(SIZES)
    const before = await pidsOn(stage.database.url)
    const tx = await db.startTransaction()
    await tx.executeRaw(sql('SET TRANSACTION READ ONLY'))
    expect(await refusalOf(tx.executeRaw(INSERT))).toBe('25006')
    await tx.rollback()
    await db.executeRaw(INSERT)
    expect(await pidsOn(stage.database.url)).toEqual(before)
    expect(adapter.pool.getStats().connectionsClosed).toBe(0)
    await db.dispose()
  })
})

describe('a pool that is pointed at a standby', () => {
  test('reads, and a stray write costs at most one connection, now and then', async () => {
    stage.address.moveTo(stage.standbyUrl)
    const { adapter, db } = await stage.open(SIZES)
    const seen = new Set(await pidsOn(stage.standbyUrl))
    let refused = 0
    const until = performance.now() + 1_000
    while (performance.now() < until) {
      const writes = Array.from({ length: 10 }, () => refusalOf(db.executeRaw(INSERT)))
      const reads = Array.from({ length: 10 }, () => valueOf(db, 'SELECT pg_is_in_recovery()'))
      expect(new Set(await Promise.all(writes))).toEqual(new Set(['25006']))
      expect(new Set(await Promise.all(reads))).toEqual(new Set([true]))
      for (const pid of await pidsOn(stage.standbyUrl)) seen.add(pid)
      refused += writes.length
    }
    expect(refused).toBeGreaterThan(50)
    const { connectionsClosed, connectionsNum } = adapter.pool.getStats()
    expect(connectionsClosed).toBeGreaterThan(0)
    // At 0, 250 and 750 ms.
    expect(connectionsClosed).toBeLessThanOrEqual(4)
    expect(connectionsNum).toBe(SIZES.maxSize + connectionsClosed)
    await eventually(() => expect(adapter.pool.getStats().poolAvailable).toBe(3))
    await db.dispose()
  })

  test('opens no other connection for a write in a transaction that the caller made read-only', async () => {
    await withPool({}, async (pool) => {
      const before = await pidsOn(stage.standbyUrl)
      for (const begin of [['BEGIN READ ONLY'], ['BEGIN', 'SET TRANSACTION READ ONLY']]) {
        await pool.use(async (client) => {
          for (const statement of begin) await client.query(statement)
          await expectRefused(client)
        })
      }
      await allIdle(pool)
      expect(await pidsOn(stage.standbyUrl)).toEqual(before)
    })
  })

  test('writes on the connections that it has when the standby is promoted', async () => {
    await withPool({}, async (pool) => {
      const before = await pidsOn(stage.standbyUrl)
      await stage.servers.promote()
      // All of them, and twice.
      for (let round = 0; round < 2; round++) {
        const leases = await Promise.all(before.map(() => pool.acquire()))
        await Promise.all(leases.map(({ client }) => client.query(INSERT.sql)))
        await Promise.all(leases.map((lease) => lease.release()))
      }
      expect(await pidsOn(stage.standbyUrl)).toEqual(before)
      expect(pool.getStats()).toMatchObject({ connectionsClosed: 0, connectionsLost: 0 })
    })
  })
})

async function withPool(options: RealPoolOptions, work: (pool: RealPool) => Promise<void>): Promise<void> {
  const connectionString = stage.address.urlOf(stage.database.url)
  const pool = new RealPool({ connectionString, application_name: SUBJECT, pool: SIZES, ...options })
  await pool.open({ wait: true })
  try {
    await work(pool)
  } finally {
    await pool.close()
  }
}

async function expectNoChange(pool: RealPool): Promise<void> {
  const before = await pidsOn(stage.database.url)
  for (let round = 0; round < 5; round++) await pool.use(expectRefused)
  await allIdle(pool)
  expect(await pidsOn(stage.database.url)).toEqual(before)
  expect(pool.getStats().connectionsClosed).toBe(0)
}

async function expectRefused(client: Client): Promise<void> {
  expect(await errorOf(client.query(INSERT.sql))).toMatchObject({ code: '25006' })
}

async function allIdle(pool: RealPool): Promise<void> {
  await eventually(() => expect(pool.getStats().poolAvailable).toBe(SIZES.maxSize))
}
