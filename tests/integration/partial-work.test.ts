// SQL that commits by itself and fails behind that: the error is the server's, and says that something may be saved.
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { SqlDriverAdapter } from '@prisma/driver-adapter-utils'
import { isOutcomeUnknown, isRetryable, RealPoolAdapter } from 'prisma-pg-real-pool'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { errorOf, sql } from './support.js'

let database: TestDatabase
let adapter: SqlDriverAdapter

beforeAll(async () => {
  database = await createTestDatabase()
  await database.query(`
    CREATE TABLE kept (n int);
    CREATE PROCEDURE keep_and_fail(code text) LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO kept VALUES (1);
      COMMIT;
      RAISE EXCEPTION USING ERRCODE = code;
    END $$`)
  const factory = new RealPoolAdapter({
    connectionString: database.url,
    queryTimeout: '1s',
    pool: { minSize: 1, maxSize: 1 },
  })
  adapter = await factory.connect()
})

afterAll(async () => {
  await adapter.dispose()
  await database.drop()
})

beforeEach(() => database.query('TRUNCATE kept'))

async function kept(): Promise<number> {
  return (await database.query('SELECT FROM kept')).length
}

const raw = (text: string) => adapter.executeRaw(sql(text))

test.each<[string, () => Promise<unknown>, string]>([
  ['a procedure that raises', () => raw(`CALL keep_and_fail('P0001')`), 'P0001'],
  ['a procedure that ends in a conflict', () => raw(`CALL keep_and_fail('40001')`), '40001'],
  [
    'a DO block that raises',
    () => raw(`/* it commits */ DO $$ BEGIN INSERT INTO kept VALUES (1); COMMIT; RAISE 'no'; END $$`),
    'P0001',
  ],
  [
    'a DO block that is cancelled',
    () => raw(`DO $$ BEGIN INSERT INTO kept VALUES (1); COMMIT; PERFORM pg_sleep(60); END $$`),
    'ETIMEDOUT',
  ],
  [
    'a script with its own COMMIT',
    () => adapter.executeScript('BEGIN; INSERT INTO kept VALUES (1); COMMIT; SELECT 1 / 0'),
    '22012',
  ],
  [
    'a script of which a later part fails',
    () => adapter.executeScript('INSERT INTO kept VALUES (1); VACUUM nowhere'),
    '42P01',
  ],
])('the outcome is unknown of %s behind a commit', async (_, run, code) => {
  const error = await errorOf(run())
  expect(error).toMatchObject({ cause: { originalCode: code } })
  expect(isOutcomeUnknown(error)).toBe(true)
  expect(isRetryable(error)).toBe(false)
  expect(await kept()).toBe(1)
})

test.each([
  ['a write', () => raw('INSERT INTO kept SELECT 1 / 0')],
  ['a definition', () => raw('CREATE TABLE kept (n int)')],
  ['a script without a commit', () => adapter.executeScript('INSERT INTO kept VALUES (1); SELECT 1 / 0')],
])('%s that fails has saved nothing, and says so', async (_, run) => {
  const error = await errorOf(run())
  expect(isOutcomeUnknown(error)).toBe(false)
  expect(await kept()).toBe(0)
})

test('a procedure that fails in a transaction has saved nothing, and says so', async () => {
  const transaction = await adapter.startTransaction()
  const error = await errorOf(transaction.executeRaw(sql(`CALL keep_and_fail('P0001')`)))
  expect(isOutcomeUnknown(error)).toBe(false)
  await transaction.rollback()
  expect(await kept()).toBe(0)
})
