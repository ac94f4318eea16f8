// The adapter as Prisma calls it, without Prisma: what each call leaves behind on a pool of one connection.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import {
  type IsolationLevel,
  isDriverAdapterError,
  type SqlDriverAdapter,
} from '@prisma/driver-adapter-utils'
import { RealPoolAdapter } from 'prisma-pg-real-pool'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { collectWarnings, errorOf, sql, statesOf, SUBJECT, valueOf } from './support.js'

let database: TestDatabase
let factory: RealPoolAdapter
let adapter: SqlDriverAdapter
let thePid: unknown
const watch = collectWarnings()

beforeAll(async () => {
  database = await createTestDatabase()
  await database.query(
    'CREATE TABLE log (id serial PRIMARY KEY, text text NOT NULL); CREATE SEQUENCE reached',
  )
  factory = new RealPoolAdapter({
    connectionString: database.url,
    application_name: SUBJECT,
    pool: { maxSize: 1, timeout: '5s' },
  })
  adapter = await factory.connect()
  thePid = await valueOf(adapter, 'SELECT pg_backend_pid()')
})

afterAll(async () => {
  watch.stop()
  await adapter.dispose()
  await eventually(async () => expect(await database.backends(SUBJECT)).toEqual([]))
  await database.drop()
})

beforeEach(() => database.query('TRUNCATE log; ALTER SEQUENCE reached RESTART'))

// Whatever a test did: the one connection, the same as ever, is back and clean.
afterEach(async () => {
  await eventually(() =>
    expect(factory.pool.getStats()).toMatchObject({ poolSize: 1, poolAvailable: 1, requestsWaiting: 0 }),
  )
  expect(await statesOf(database)).toEqual(['idle'])
  expect(await valueOf(adapter, 'SELECT pg_backend_pid()')).toBe(thePid)
  expect(watch.warnings.filter((warning) => !warning.startsWith(LEFT_OPEN))).toEqual([])
})

/** What the pool warns of, once, when a caller has begun a transaction by hand. */
const LEFT_OPEN = 'a connection came back in a transaction that nobody ended, begun by: '

async function logged(): Promise<string[]> {
  const rows = await database.query<{ text: string }>('SELECT text FROM log ORDER BY id')
  return rows.map(({ text }) => text)
}

const insert = (text: string) => sql('INSERT INTO log (text) VALUES ($1)', text)

describe('the adapter', () => {
  test('says who it is', () => {
    expect(factory).toMatchObject({ provider: 'postgres', adapterName: 'prisma-pg-real-pool' })
    expect(adapter).toMatchObject({ provider: 'postgres', adapterName: 'prisma-pg-real-pool' })
    expect(adapter.getConnectionInfo?.()).toEqual({ supportsRelationJoins: true })
  })

  test('answers with names, types and rows, also when there are none', async () => {
    expect(await adapter.queryRaw(sql('SELECT $1::int AS a, $2::text AS b', 1, 'x'))).toMatchObject({
      columnNames: ['a', 'b'],
      rows: [[1, 'x']],
    })
    expect(await adapter.queryRaw(sql('SELECT text FROM log'))).toMatchObject({
      columnNames: ['text'],
      rows: [],
    })
    expect(await adapter.queryRaw(insert('a'))).toMatchObject({ columnNames: [], rows: [] })
    expect(await adapter.executeRaw(sql('UPDATE log SET text = text'))).toBe(1)
  })

  test('has given the connection back when the answer, or the failure, arrives', async () => {
    for (const query of [sql('SELECT 1'), sql('SELECT 1 / 0'), sql('SELECT'), sql('nonsense'), insert('a')]) {
      await adapter.queryRaw(query).catch(() => {})
      expect(factory.pool.getStats().poolAvailable).toBe(1)
      await adapter.executeRaw(query).catch(() => {})
      expect(factory.pool.getStats().poolAvailable).toBe(1)
    }
  })

  test('fails with DriverAdapterError', async () => {
    expect(isDriverAdapterError(await errorOf(adapter.queryRaw(sql('SELECT 1 / 0'))))).toBe(true)
    expect(isDriverAdapterError(await errorOf(adapter.executeScript('SELECT 1 / 0')))).toBe(true)
  })

  test('a BEGIN that a caller runs by hand is refused, and does not reach the next call', async () => {
    const error = await errorOf(adapter.executeRaw(sql('BEGIN')))
    expect(error.message).toContain('each call outside of $transaction has a connection of its own')
    await adapter.executeRaw(insert('outside'))
    expect(await logged()).toEqual(['outside'])
  })
})

describe('a transaction', () => {
  test('leaves COMMIT and ROLLBACK to the adapter', async () => {
    const tx = await adapter.startTransaction()
    expect(tx.options).toEqual({ usePhantomQuery: true })
    await tx.rollback()
  })

  test.each<[IsolationLevel | undefined, string]>([
    ['READ UNCOMMITTED', 'read uncommitted'],
    ['READ COMMITTED', 'read committed'],
    ['REPEATABLE READ', 'repeatable read'],
    ['SERIALIZABLE', 'serializable'],
    [undefined, 'read committed'],
  ])('begins at isolation level %s', async (level, shown) => {
    const tx = await adapter.startTransaction(level)
    expect(await valueOf(tx, 'SHOW transaction_isolation')).toBe(shown)
    await tx.commit()
  })

  test('that does not begin leaves no lease', async () => {
    const unknown = ['SNAPSHOT', 'x; DROP TABLE log', '__proto__', 'toString'] as IsolationLevel[]
    for (const level of unknown) {
      expect(await errorOf(adapter.startTransaction(level))).toMatchObject({
        cause: { kind: 'InvalidIsolationLevel' },
      })
      expect(factory.pool.getStats().poolAvailable).toBe(1)
    }
  })

  test('runs statements called together in the order of their calls', async () => {
    const tx = await adapter.startTransaction()
    const texts = Array.from({ length: 100 }, (_, index) => `${index}`)
    await Promise.all([
      tx.executeRaw(sql('SELECT pg_sleep(0.05)')),
      ...texts.map((text, index) => (index % 2 ? tx.queryRaw(insert(text)) : tx.executeRaw(insert(text)))),
    ])
    await tx.commit()
    expect(await logged()).toEqual(texts)
  })

  test('commits after the statements that were called before, without anybody waiting for them', async () => {
    const tx = await adapter.startTransaction()
    const calls = ['a', 'b', 'c'].map((text) => tx.executeRaw(insert(text)))
    const savepoint = tx.createSavepoint!('s')
    await tx.commit()
    expect(await logged()).toEqual(['a', 'b', 'c'])
    await Promise.all([...calls, savepoint])
  })

  test('rolled back, cancels what runs, and does not run what waits in its queue', async () => {
    const tx = await adapter.startTransaction()
    const running = errorOf(tx.executeRaw(sql('SELECT pg_sleep(30)')))
    await eventually(async () => expect(await statesOf(database)).toEqual(['active']))
    const waiting = [1, 2, 3].map(() => errorOf(tx.queryRaw(sql(`SELECT nextval('reached')`))))
    await tx.rollback()
    for (const error of [await running, ...(await Promise.all(waiting))]) {
      expect(error).toMatchObject({ cause: { kind: 'TransactionAlreadyClosed' } })
    }
    expect(await database.query('SELECT is_called FROM reached')).toEqual([{ is_called: false }])
  })

  test.each(['commit', 'rollback'] as const)('refuses every statement after its %s', async (end) => {
    const tx = await adapter.startTransaction()
    await tx[end]()
    const calls = [
      tx.queryRaw(sql(`SELECT nextval('reached')`)),
      tx.executeRaw(sql(`SELECT nextval('reached')`)),
      tx.createSavepoint!('s'),
      tx.rollbackToSavepoint!('s'),
      tx.releaseSavepoint!('s'),
    ]
    for (const call of calls) {
      expect(await errorOf(call)).toMatchObject({ cause: { kind: 'TransactionAlreadyClosed' } })
    }
    expect(await database.query('SELECT is_called FROM reached')).toEqual([{ is_called: false }])
  })

  test.each(['commit', 'rollback'] as const)(
    'refuses a statement while its %s is on its way',
    async (end) => {
      const tx = await adapter.startTransaction()
      const ending = tx[end]()
      const late = errorOf(tx.executeRaw(insert('outside of any transaction')))
      await ending
      expect(await late).toMatchObject({ cause: { kind: 'TransactionAlreadyClosed' } })
      expect(await logged()).toEqual([])
    },
  )

  test('ends once, however often its end is asked for', async () => {
    const committed = await adapter.startTransaction()
    await committed.executeRaw(insert('kept'))
    await Promise.all([committed.commit(), committed.commit(), committed.rollback()])
    await committed.rollback()
    expect(await logged()).toEqual(['kept'])

    const undone = await adapter.startTransaction()
    await undone.executeRaw(insert('undone'))
    await Promise.all([undone.rollback(), undone.rollback()])
    expect(await errorOf(undone.commit())).toMatchObject({ cause: { kind: 'TransactionAlreadyClosed' } })
    expect(await logged()).toEqual(['kept'])
  })

  test('whose statement failed does not report its COMMIT as a success', async () => {
    const tx = await adapter.startTransaction()
    await tx.executeRaw(insert('lost'))
    await errorOf(tx.executeRaw(sql('SELECT 1 / 0')))
    const error = await errorOf(tx.commit())
    expect(error.message).toContain('rolled back, not committed')
    expect(error).toMatchObject({ cause: { kind: 'postgres', code: '25P02' } })
    expect(await logged()).toEqual([])
  })

  test('a savepoint undoes only what came after it, whatever its name', async () => {
    const tx = await adapter.startTransaction()
    for (const name of ['s1', 'with "quotes"']) {
      await tx.createSavepoint!(name)
      await tx.executeRaw(insert(`undone ${name}`))
      await errorOf(tx.executeRaw(sql('SELECT 1 / 0')))
      await tx.rollbackToSavepoint!(name)
      await tx.executeRaw(insert(`kept ${name}`))
      await tx.releaseSavepoint!(name)
    }
    await tx.commit()
    expect(await logged()).toEqual(['kept s1', 'kept with "quotes"'])
  })

  test.each([
    ['COMMIT', ['kept']],
    ['ROLLBACK', []],
  ])('ended by a %s of the caller refuses what comes behind, and says so', async (statement, kept) => {
    for (const end of ['commit', 'rollback'] as const) {
      await database.query('TRUNCATE log')
      const tx = await adapter.startTransaction()
      await tx.executeRaw(insert('kept'))
      await tx.executeRaw(sql(statement))
      // Sent to the server, it would be saved by itself.
      const late = await errorOf(tx.executeRaw(insert('late')))
      for (const error of [late, await errorOf(tx[end]())]) {
        expect(error).toMatchObject({ cause: { kind: 'TransactionAlreadyClosed' } })
        expect((error.cause as { cause: string }).cause).toContain(
          `ended by hand, by the statement ${statement}.`,
        )
      }
      expect(await logged()).toEqual(kept)
    }
  })
})

test('all of it was one session', async () => {
  expect(await database.sessionsOpened()).toBe(1)
})
