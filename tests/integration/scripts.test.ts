// executeScript: one script, one connection, and the server itself finds where its statements end.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { DriverAdapterError, SqlDriverAdapter } from '@prisma/driver-adapter-utils'
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

describe('commands that stand alone', () => {
  async function indexes(): Promise<unknown[]> {
    const rows = await database.query<{ name: string }>(
      `SELECT indexrelid::regclass::text AS name FROM pg_index WHERE indrelid = 't'::regclass AND indisvalid ORDER BY 1`,
    )
    return rows.map(({ name }) => name)
  }

  test('CREATE INDEX CONCURRENTLY as the only statement, as the last, and between others', async () => {
    await adapter.executeScript('CREATE INDEX CONCURRENTLY i1 ON t (text)')
    await adapter.executeScript(`
      -- a migration; with an index
      ALTER TABLE t ADD COLUMN more text DEFAULT 'a;b';
      CREATE /* not; unique */ INDEX
        CONCURRENTLY IF NOT EXISTS i2 ON t (more); -- the last`)
    await adapter.executeScript(`
      DROP INDEX CONCURRENTLY i1;
      ALTER TABLE t ADD COLUMN third int;
      INSERT INTO t (text) VALUES ('CREATE INDEX CONCURRENTLY; VACUUM;');
      CREATE INDEX CONCURRENTLY i3 ON t (third);
      VACUUM t;
      INSERT INTO t (text) VALUES ('z')`)
    expect(await indexes()).toEqual(['i2', 'i3'])
    const pids = await database.query('SELECT count(*)::int AS rows, count(DISTINCT pid)::int AS pids FROM t')
    expect(pids).toEqual([{ rows: 2, pids: 1 }])
  })

  test('that fail leave done what was before them, and nothing behind them', async () => {
    await adapter.executeScript(`INSERT INTO t (text) VALUES ('same'), ('same')`)
    const error = await errorOf(
      adapter.executeScript(`
        INSERT INTO t (text) VALUES ('before');
        CREATE UNIQUE INDEX CONCURRENTLY i ON t (text);
        INSERT INTO t (text) VALUES ('behind')`),
    )
    expect(error.message).toContain('UniqueConstraintViolation')
    expect(await database.query(`SELECT text FROM t WHERE text <> 'same'`)).toEqual([{ text: 'before' }])
  })

  test('are refused inside of BEGIN and COMMIT, as psql has it, and nothing is left open', async () => {
    const error = await errorOf(
      adapter.executeScript(
        `BEGIN; INSERT INTO t (text) VALUES ('a'); CREATE INDEX CONCURRENTLY i ON t (text); COMMIT`,
      ),
    )
    expect(error.message).toContain('cannot run inside a transaction block')
    expect(await indexes()).toEqual([])
    expect(await database.query('SELECT * FROM t')).toEqual([])
  })
})

test('functions of every style of body', async () => {
  await adapter.executeScript(`
    CREATE FUNCTION f1() RETURNS int LANGUAGE sql AS 'SELECT 1; SELECT 2';
    CREATE FUNCTION f2() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END;
    CREATE FUNCTION f3() RETURNS text LANGUAGE plpgsql AS $a$ BEGIN RETURN $b$; $$ ;$b$; END $a$;
    CREATE PROCEDURE p1() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO t (text) VALUES ('p;1'); COMMIT; END $$;
    DO $$ BEGIN PERFORM f1(); END; $$;
    CREATE RULE r AS ON DELETE TO t DO ALSO (SELECT 1; SELECT 2);
    INSERT INTO t (text) VALUES (f1()::text || f2() || f3())`)
  expect(await database.query('SELECT text FROM t')).toEqual([{ text: '22; $$ ;' }])
  await adapter.executeScript('CALL p1()')
  expect(await database.query(`SELECT text FROM t WHERE text LIKE 'p%'`)).toEqual([{ text: 'p;1' }])
})

test('psql itself is not here: its commands, variables and COPY data are refused', async () => {
  expect((await errorOf(adapter.executeScript('\\set x 1\nSELECT :x'))).message).toContain('syntax error')
  expect((await errorOf(adapter.executeScript('COPY t (text) FROM STDIN;\na\n\\.\n'))).message).not.toBe('')
  expect(await database.query('SELECT * FROM t')).toEqual([])
})

describe('a script of 16 MB runs to its end:', () => {
  const MANY = 16 * 1024 * 1024

  test.each<[string, string, () => string]>([
    ['of one literal', 'a'.repeat(10), () => `INSERT INTO t (text) VALUES (left('${'a'.repeat(MANY)}', 10))`],
    ['of one comment', 'b', () => `/* ${'/* x */ '.repeat(MANY / 8)} */ INSERT INTO t (text) VALUES ('b')`],
    [
      'of one body',
      'c',
      () => `DO $a$ /* ${'x'.repeat(MANY)} */ BEGIN INSERT INTO t (text) VALUES ('c'); END $a$`,
    ],
    [
      'with a command that stands alone behind it',
      'd',
      () => `INSERT INTO t (text) VALUES ('d'); --${'-'.repeat(MANY)}\nVACUUM t`,
    ],
  ])('%s', async (_, expected, script) => {
    await adapter.executeScript(script())
    expect(await database.query('SELECT text FROM t')).toEqual([{ text: expected }])
  })

  test('of many statements, each of which is answered', async () => {
    await adapter.executeScript(`${'SELECT 1 /* a comment that fills the text a little */;\n'.repeat(300_000)}
      INSERT INTO t (text) VALUES ('e')`)
    expect(await database.query('SELECT text FROM t')).toEqual([{ text: 'e' }])
  }, 120_000)
})

test('if a script uses an enum value that it adds, the error says to add the value in a separate script', async () => {
  await adapter.executeScript(`CREATE TYPE mood AS ENUM ('glad'); CREATE TABLE moods (mood mood)`)
  const add = `ALTER TYPE mood ADD VALUE 'sad'`
  const use = `INSERT INTO moods VALUES ('sad')`
  const error = await errorOf(adapter.executeScript(`${add}; ${use}`))
  expect(error.message).toContain('unsafe use of new value')
  expect(error.message).toContain('run ALTER TYPE … ADD VALUE first, in a script or a migration of its own')
  expect((error as DriverAdapterError).cause).toMatchObject({
    kind: 'postgres',
    code: '55P04',
    hint: 'New enum values must be committed before they can be used.',
    originalMessage: expect.stringContaining('in a script or a migration of its own') as unknown,
  })

  await adapter.executeScript(add)
  await adapter.executeScript(use)
  expect(await database.query('SELECT mood FROM moods')).toEqual([{ mood: 'sad' }])
  await database.query('DROP TABLE moods; DROP TYPE mood')
})
