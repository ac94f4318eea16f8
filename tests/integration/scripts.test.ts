// executeScript: one script, one connection, and the server itself finds where its statements end.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { SqlDriverAdapter } from '@prisma/driver-adapter-utils'
import { RealPoolAdapter } from 'prisma-pg-real-pool'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { errorOf, statesOf, SUBJECT, valueOf } from './support.js'

let database: TestDatabase
let factory: RealPoolAdapter
let adapter: SqlDriverAdapter

beforeAll(async () => {
  database = await createTestDatabase()
  factory = new RealPoolAdapter({
    connectionString: database.url,
    application_name: SUBJECT,
    pool: { minSize: 3, maxSize: 3 },
  })
  adapter = await factory.connect()
  await factory.pool.open({ wait: true })
})

afterAll(async () => {
  await adapter.dispose()
  await database.drop()
})

beforeEach(() =>
  database.query('DROP TABLE IF EXISTS t; CREATE TABLE t (pid int DEFAULT pg_backend_pid(), text text)'),
)

afterEach(async () => {
  await eventually(() => expect(factory.pool.getStats()).toMatchObject({ poolSize: 3, poolAvailable: 3 }))
  expect(await statesOf(database)).toEqual(['idle', 'idle', 'idle'])
})

test('semicolons in bodies, texts, names and comments end no statement', async () => {
  await adapter.executeScript(`
    -- a comment; with a semicolon
    CREATE OR REPLACE FUNCTION twice(n int) RETURNS int LANGUAGE plpgsql AS $$
    BEGIN
      n := n * 2; /* and another; */
      RETURN n;
    END
    $$;
    /* over; several
       lines; /* and nested; */ ; */
    INSERT INTO t (text) VALUES ('a;b'), (E'it\\'s; c'), ($tag$ d; $$ ; $tag$);
    CREATE TABLE IF NOT EXISTS "odd;name" ();;
    INSERT INTO t (text) VALUES (twice(21)::text)
  `)
  const rows = await database.query<{ text: string }>('SELECT text FROM t')
  expect(rows.map(({ text }) => text)).toEqual(['a;b', `it's; c`, ' d; $$ ; ', '42'])
})

test('all statements run on one connection', async () => {
  await adapter.executeScript(`INSERT INTO t (text) VALUES ('a');`.repeat(50))
  expect(
    await database.query('SELECT count(DISTINCT pid)::int AS pids, count(*)::int AS rows FROM t'),
  ).toEqual([{ pids: 1, rows: 50 }])
})

test('a script that fails changes nothing, names the cause and leaves nothing open', async () => {
  const error = await errorOf(
    adapter.executeScript(
      `INSERT INTO t (text) VALUES ('a'); SELECT 1 / 0; INSERT INTO t (text) VALUES ('b')`,
    ),
  )
  expect(error.message).toContain('division by zero')
  expect(await database.query('SELECT * FROM t')).toEqual([])
})

test('a script that fails in a transaction of its own leaves nothing open', async () => {
  await errorOf(adapter.executeScript(`BEGIN; INSERT INTO t (text) VALUES ('a'); SELECT 1 / 0; COMMIT`))
  for (let call = 0; call < 6; call++) expect(await valueOf(adapter, 'SELECT 1')).toBe(1)
  expect(await database.query('SELECT * FROM t')).toEqual([])
})

test('a script that forgets its COMMIT is told so, leaves nothing open, and nothing is saved', async () => {
  const error = await errorOf(adapter.executeScript(`BEGIN; INSERT INTO t (text) VALUES ('a')`))
  expect(error.message).toContain('began a transaction that it did not end; it was rolled back')
  for (let call = 0; call < 6; call++) expect(await valueOf(adapter, 'SELECT 1')).toBe(1)
  expect(await database.query('SELECT * FROM t')).toEqual([])
})

test('an empty script, and one of comments only, do nothing', async () => {
  await adapter.executeScript('')
  await adapter.executeScript(' -- nothing;\n /* at; all */ ')
})

test('a long script', async () => {
  await adapter.executeScript(`INSERT INTO t (text) VALUES ('${'x'.repeat(1_000)}');\n`.repeat(1_000))
  expect(await database.query('SELECT count(*)::int AS rows FROM t')).toEqual([{ rows: 1_000 }])
})
