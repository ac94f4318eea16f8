// COPY from and to the client: the adapter has no data to send and no reader, so the call fails or ignores the data. The
// connection and the knowledge of the outcome survive.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { SqlDriverAdapter } from '@prisma/driver-adapter-utils'
import { isOutcomeUnknown, RealPoolAdapter, type RealPoolAdapterOptions } from 'prisma-pg-real-pool'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { errorOf, sql, statesOf, SUBJECT, valueOf } from './support.js'

const COPY = 'COPY log (text) FROM STDIN'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
  await database.query('CREATE TABLE log (id serial PRIMARY KEY, text text NOT NULL)')
})

afterAll(() => database.drop())

beforeEach(() => database.query('TRUNCATE log'))

async function logged(): Promise<string[]> {
  const rows = await database.query<{ text: string }>('SELECT text FROM log ORDER BY id')
  return rows.map(({ text }) => text)
}

/** An error that is answered, known, and says what to use. */
async function refusalOf(call: Promise<unknown>): Promise<Error> {
  const error = await errorOf(call)
  expect(error.message + JSON.stringify(error.cause)).toMatch(/COPY .*pool\.use\(.*pg-copy-streams/)
  expect(error.cause).toMatchObject({ kind: 'postgres', originalCode: '0A000' })
  expect(isOutcomeUnknown(error)).toBe(false)
  return error
}

describe.each<[string, RealPoolAdapterOptions]>([
  ['prepared statements', { pool: { maxSize: 1 } }],
  ['no prepared statements', { pool: { maxSize: 1 }, statementCacheSize: 0 }],
  ['pipelining', { pool: { maxSize: 1, pipelining: 16 } }],
  ['autosave', { pool: { maxSize: 1 }, transaction: { autosave: 'always' } }],
])('with %s', (_name, options) => {
  let factory: RealPoolAdapter
  let adapter: SqlDriverAdapter
  let thePid: unknown

  beforeAll(async () => {
    factory = new RealPoolAdapter({
      connectionString: database.url,
      application_name: SUBJECT,
      ...options,
    })
    adapter = await factory.connect()
    thePid = await valueOf(adapter, 'SELECT pg_backend_pid()')
  })

  afterEach(async () => {
    await eventually(async () => expect(await statesOf(database)).toEqual(['idle']))
    expect(await valueOf(adapter, 'SELECT pg_backend_pid()')).toBe(thePid)
    expect(factory.pool.getStats()).toMatchObject({ connectionsLost: 0, returnsBad: 0 })
  })

  afterAll(async () => {
    await adapter.dispose()
    await eventually(async () => expect(await statesOf(database)).toEqual([]))
  })

  test('COPY FROM STDIN is refused each time it is called, and saves nothing', async () => {
    for (let round = 0; round < 3; round++) {
      await refusalOf(adapter.executeRaw(sql(COPY)))
      await refusalOf(adapter.queryRaw(sql(COPY)))
    }
    expect(await logged()).toEqual([])
  })

  test('COPY FROM STDIN fails its own call only, among calls at the same time', async () => {
    const reads = () => Array.from({ length: 8 }, (_, n) => valueOf(adapter, 'SELECT $1::int', n))
    const before = reads()
    const refused = refusalOf(adapter.executeRaw(sql(COPY)))
    const behind = reads()
    expect(await Promise.all([...before, ...behind])).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7,
    ])
    await refused
  })

  test('COPY FROM STDIN that follows the COMMIT of another fails alone', async () => {
    const tx = await adapter.startTransaction()
    await tx.executeRaw(sql(`INSERT INTO log (text) VALUES ('kept')`))
    const next = adapter.startTransaction()
    await tx.commit()
    const following = await next
    await refusalOf(following.executeRaw(sql(COPY)))
    await following.rollback()
    expect(await logged()).toEqual(['kept'])
  })

  test('COPY FROM STDIN in a transaction fails it as any error does', async () => {
    const isSaving = options.transaction?.autosave === 'always'
    for (const isFirst of [true, false]) {
      const tx = await adapter.startTransaction()
      if (!isFirst) await tx.executeRaw(sql(`INSERT INTO log (text) VALUES ('a')`))
      await refusalOf(tx.executeRaw(sql(COPY)))
      const insert = tx.executeRaw(sql(`INSERT INTO log (text) VALUES ('b')`))
      if (isSaving) {
        await insert
        await tx.commit()
        expect(await logged()).toEqual(isFirst ? ['b'] : ['b', 'a', 'b'])
      } else {
        expect((await errorOf(insert)).cause).toMatchObject({ originalCode: '25P02' })
        expect((await errorOf(tx.commit())).cause).toMatchObject({ originalCode: '25P02' })
        expect(await logged()).toEqual([])
      }
    }
  })

  test('a script with COPY FROM STDIN is refused as a whole', async () => {
    const script = `INSERT INTO log (text) VALUES ('a'); ${COPY}; INSERT INTO log (text) VALUES ('b')`
    await refusalOf(adapter.executeScript(script))
    await refusalOf(adapter.executeScript(COPY))
    expect(await logged()).toEqual([])
  })

  test('if a trigger fails before any data is read, the caller gets its error', async () => {
    await database.query(`
      CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not today'; END $$;
      CREATE TRIGGER never BEFORE INSERT ON log FOR EACH STATEMENT EXECUTE FUNCTION never()`)
    try {
      for (let round = 0; round < 3; round++) {
        const error = await errorOf(adapter.executeRaw(sql(COPY)))
        expect(error.cause).toMatchObject({ originalCode: 'P0001', originalMessage: 'not today' })
        expect(await valueOf(adapter, 'SELECT 1')).toBe(1)
      }
    } finally {
      await database.query('DROP FUNCTION never CASCADE')
    }
  })

  test('COPY TO STDOUT runs to its end, and its data is ignored', async () => {
    await database.query(`INSERT INTO log (text) SELECT repeat('x', 1000) FROM generate_series(1, 500)`)
    expect(await adapter.executeRaw(sql('COPY log TO STDOUT'))).toBe(500)
    const tx = await adapter.startTransaction()
    expect(await tx.executeRaw(sql('COPY log TO STDOUT'))).toBe(500)
    expect(await valueOf(tx, 'SELECT count(*)::int FROM log')).toBe(500)
    await tx.commit()
    await adapter.executeScript('COPY log TO STDOUT; SELECT 1')
  })
})
