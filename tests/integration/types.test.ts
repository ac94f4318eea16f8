// What the types say of a pool, and that it is so. The claims about types are checked when this file is compiled.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type pg from 'pg'
import { type Lease, type PoolOptions, RealPool } from 'prisma-pg-real-pool'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { NO_POOLING } from './support.js'

/** Whether two types are the same, rather than one fit for the other. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})

afterAll(() => database.drop())

describe.each<[string, PoolOptions]>([
  ['a pool', {}],
  ['a null pool', NO_POOLING],
])('%s', (_, mode) => {
  test('use returns what the work returns: rows of the type that its query names', async () => {
    interface Row {
      x: number
    }
    await using pool = new RealPool({ connectionString: database.url, pool: { maxSize: 1, ...mode } })
    await pool.open()

    const rows = await pool.use(async (client) => (await client.query<Row>('SELECT 1 AS x')).rows)
    const areRows: Same<typeof rows, Row[]> = true
    expect(rows).toEqual([{ x: 1 }])

    const tuples = await pool.use((client) =>
      client.query<[number]>({ text: 'SELECT 2 AS y', rowMode: 'array' }),
    )
    const areTuples: Same<typeof tuples, pg.QueryArrayResult<[number]>> = true
    expect(tuples.rows).toEqual([[2]])

    // @ts-expect-error: the work has no connection after it has returned, so it must return a promise
    await pool.use(() => 3)
    expect([areRows, areTuples]).toEqual([true, true])
  })

  test('hooks and borrowers get the Client of node-postgres, with all that it can do', async () => {
    const configure = async (client: pg.Client): Promise<void> => {
      await client.query('SET default_transaction_read_only TO on')
    }
    await using pool = new RealPool({
      connectionString: database.url,
      pool: { maxSize: 1, ...mode, configure },
    })
    await pool.open()
    const lease = await pool.acquire()
    const isLease: Same<typeof lease, Lease> = true
    const isClient: Same<typeof lease.client, pg.Client> = true
    expect(lease.client.escapeIdentifier('x')).toBe('"x"')
    const { rows } = await lease.client.query<Record<string, string>>('SHOW default_transaction_read_only')
    expect(rows).toEqual([{ default_transaction_read_only: 'on' }])
    // @ts-expect-error: a lease is given back by its release; its client has none
    expect(lease.client.release).toBeUndefined()
    await lease.release()
    expect([isLease, isClient]).toEqual([true, true])
  })
})
