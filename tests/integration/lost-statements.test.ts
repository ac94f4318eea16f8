// A statement whose connection is lost while it runs: unless the text plainly reads only, its outcome is unknown.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { SqlDriverAdapter } from '@prisma/driver-adapter-utils'
import { isOutcomeUnknown, RealPoolAdapter } from 'prisma-pg-real-pool'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { errorOf, sleepRuns, sql, SUBJECT, terminate } from './support.js'

let database: TestDatabase
let adapter: SqlDriverAdapter

beforeAll(async () => {
  database = await createTestDatabase()
  await database.query(`
    CREATE TABLE kept (n int);
    CREATE SEQUENCE numbers;
    CREATE FUNCTION keep() RETURNS int LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO kept VALUES (1);
      PERFORM pg_sleep(60);
      RETURN 1;
    END $$;
    CREATE PROCEDURE keep_and_wait() LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO kept VALUES (1);
      COMMIT;
      PERFORM pg_sleep(60);
    END $$`)
  const factory = new RealPoolAdapter({
    connectionString: database.url,
    application_name: SUBJECT,
    pool: { minSize: 1, maxSize: 1 },
  })
  adapter = await factory.connect()
})

afterAll(async () => {
  await adapter.dispose()
  await database.drop()
})

beforeEach(() => database.query('TRUNCATE kept; DROP TABLE IF EXISTS made'))

/** The error of a statement whose backend is terminated while it sleeps. */
async function errorWhenLost(text: string): Promise<Error> {
  const failed = errorOf(adapter.queryRaw(sql(text)))
  await sleepRuns(database)
  await eventually(async () => expect(await terminate({ database }, `wait_event = 'PgSleep'`)).toBe(1))
  return failed
}

describe('the outcome is unknown of', () => {
  test.each([
    ['SELECT INTO', 'SELECT 1 AS n INTO made FROM pg_sleep(60)'],
    ['EXPLAIN ANALYZE INSERT', 'EXPLAIN ANALYZE INSERT INTO kept SELECT 1 FROM pg_sleep(60)'],
    ['EXPLAIN with ANALYZE among its options', 'EXPLAIN (COSTS off, ANALYZE) SELECT keep()'],
    ['nextval', `SELECT nextval('numbers'), pg_sleep(60)`],
    [
      'a data-modifying WITH',
      'WITH a AS (INSERT INTO kept VALUES (1) RETURNING n) SELECT n, pg_sleep(60) FROM a',
    ],
    ['a function of the user', 'SELECT keep()'],
    ['a function of the user in WHERE', '/* a read? */ SELECT 1 WHERE keep() > 0'],
    ['CALL', 'CALL keep_and_wait()'],
    ['DO', 'DO $$ BEGIN PERFORM keep(); END $$'],
    ['INSERT', 'INSERT INTO kept SELECT 1 FROM pg_sleep(60)'],
  ])('%s', async (_, text) => {
    const error = await errorWhenLost(text)
    expect(isOutcomeUnknown(error)).toBe(true)
    expect(error.message).toContain('it is not known whether the statement was carried out')
  })
})

test('a CALL that commits and then loses its connection has an unknown outcome, and its commit is saved', async () => {
  const error = await errorWhenLost('CALL keep_and_wait()')
  expect(isOutcomeUnknown(error)).toBe(true)
  expect(await database.query('SELECT n FROM kept')).toEqual([{ n: 1 }])
})

describe('nothing was saved, and the connection was closed, of', () => {
  test.each([
    ['SELECT', 'SELECT pg_sleep(60)'],
    ['SELECT with locks', 'SELECT n FROM kept, pg_sleep(60) FOR UPDATE OF kept'],
    ['VALUES', '/* /* */ */ VALUES (pg_sleep(60))'],
    ['WITH', 'WITH a AS MATERIALIZED (SELECT pg_sleep(60) AS n) SELECT count(a.n), max(1) FROM a'],
  ])('%s', async (_, text) => {
    const error = await errorWhenLost(text)
    expect(isOutcomeUnknown(error)).toBe(false)
    expect(error).toMatchObject({ cause: { kind: 'ConnectionClosed' } })
  })
})
