// Nothing that one borrower leaves in the session reaches the next, and a session left as it was costs nothing.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { Client, Connection, Submittable } from 'pg'
import { RealPool } from 'prisma-pg-real-pool'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { collectWarnings, COUNT_LOCKS, pidOf, SUBJECT } from './support.js'

let database: TestDatabase
let pool: RealPool
let pid: number
let configured = 0

beforeAll(async () => {
  database = await createTestDatabase()
  pool = new RealPool({
    connectionString: database.url,
    application_name: SUBJECT,
    pool: {
      maxSize: 1,
      configure: (client) => {
        configured++
        return client.query(`SET app.tenant = 'nobody'`)
      },
    },
  })
  await pool.open({ wait: true })
  pid = await pool.use(pidOf)
})

afterAll(async () => {
  await pool.close()
  await database.drop()
})

beforeEach(() => {
  configured = 0
})

async function valueOf(client: Client, text: string): Promise<unknown> {
  const { rows } = await client.query({ text, rowMode: 'array' })
  return rows[0]?.[0] as unknown
}

/** Reads one row and leaves the others in the portal, as pg-cursor and pg-query-stream do that are closed early. */
class OneRow implements Submittable {
  readonly text: string
  readonly done: Promise<void>
  #end: () => void = () => {}

  constructor(text: string) {
    this.text = text
    this.done = new Promise((resolve) => (this.#end = resolve))
  }

  submit(connection: Connection): void {
    connection.parse({ name: '', text: this.text, types: [] }, true)
    connection.bind({ portal: '', statement: '', values: [] }, true)
    connection.execute({ portal: '', rows: '1' }, true)
    connection.sync()
  }

  handleDataRow(): void {}
  handlePortalSuspended(): void {}
  handleReadyForQuery(): void {
    this.#end()
  }
}

// Which that is depends on the server, and on the machine that it was set up on.
const TIME_ZONE_IS_THE_SERVERS = `SELECT setting = reset_val FROM pg_settings WHERE name = 'TimeZone'`

describe('the next borrower, on the same connection, meets nothing of', () => {
  test.each<[string, string, string, unknown]>([
    ['a setting', `SET statement_timeout = '5min'`, 'SHOW statement_timeout', '0'],
    ['a time zone', `SET TIME ZONE 'Asia/Kolkata'`, TIME_ZONE_IS_THE_SERVERS, true],
    ['a search_path', 'SET search_path TO pg_catalog', 'SHOW search_path', '"$user", public'],
    ['a setting by set_config', `SELECT set_config('work_mem', '1MB', false)`, 'SHOW work_mem', '4MB'],
    ['a setting that a transaction kept', `BEGIN; SET work_mem = '1MB'; COMMIT`, 'SHOW work_mem', '4MB'],
    [
      'what was configured, changed',
      `SET app.tenant = 'me'`,
      `SELECT current_setting('app.tenant')`,
      'nobody',
    ],
    [
      'a reported setting that a function changed out of sight',
      `DO $$ BEGIN PERFORM set_config('TimeZone', 'Asia/Kolkata', false); END $$`,
      TIME_ZONE_IS_THE_SERVERS,
      true,
    ],
    ['a role', 'SET ROLE pg_monitor', 'SELECT current_user = session_user', true],
    ['a subscription', 'LISTEN news', 'SELECT count(*)::int FROM pg_listening_channels()', 0],
    [
      'a prepared statement',
      'PREPARE mine AS SELECT 1',
      'SELECT count(*)::int FROM pg_prepared_statements',
      0,
    ],
    [
      'a temporary table',
      'CREATE TEMP TABLE mine (n int)',
      `SELECT to_regclass('pg_temp.mine') IS NULL`,
      true,
    ],
    [
      'one made by SELECT',
      'SELECT 1 AS n INTO TEMP mine',
      `SELECT to_regclass('pg_temp.mine') IS NULL`,
      true,
    ],
    [
      'a held cursor',
      'BEGIN; DECLARE mine CURSOR WITH HOLD FOR SELECT 1; COMMIT',
      'SELECT count(*)::int FROM pg_cursors',
      0,
    ],
    ['a lock of the session', 'SELECT pg_advisory_lock(42)', COUNT_LOCKS, 0],
  ])('%s', async (_, left, question, answer) => {
    await pool.use((client) => client.query(left))
    expect(await pool.use((client) => valueOf(client, question))).toEqual(answer)
    expect(configured).toBe(1)
    expect(await pool.use((client) => valueOf(client, `SELECT current_setting('app.tenant')`))).toBe('nobody')
    expect(await pool.use(pidOf)).toBe(pid)
  })

  test.each<[string, string]>([
    ['CREATE TEMP TABLE … AS SELECT', 'CREATE TEMP TABLE mine AS SELECT 1 AS n'],
    ['CREATE LOCAL TEMPORARY TABLE … AS VALUES', 'CREATE LOCAL TEMPORARY TABLE mine AS VALUES (1)'],
    ['EXPLAIN ANALYZE CREATE TEMP TABLE', 'EXPLAIN ANALYZE CREATE TEMP TABLE mine AS SELECT 1 AS n'],
    ['SELECT INTO LOCAL TEMP', 'SELECT 1 AS n INTO LOCAL TEMP mine'],
    ['SELECT INTO pg_temp', 'SELECT 1 AS n INTO pg_temp.mine'],
    ['SELECT INTO TEMP with comments between', 'SELECT 1 AS n INTO/**/TEMP--\nTABLE mine'],
    ['CREATE TABLE pg_temp … AS SELECT', 'CREATE TABLE pg_temp.mine AS SELECT 1 AS n'],
    ['CREATE TABLE "pg_temp"', 'CREATE TABLE "pg_temp" . mine (n int)'],
    ['CREATE TABLE with an escaped schema', 'CREATE TABLE U&"pg\\005ftemp".mine (n int)'],
    ['CREATE TABLE with comments between', 'CREATE/* a /* b */ */TEMP -- c\n TABLE mine (n int)'],
  ])('a temporary table made by %s', async (_, left) => {
    await pool.use((client) => client.query(left))
    expect(await pool.use((client) => valueOf(client, `SELECT to_regclass('pg_temp.mine') IS NULL`))).toBe(
      true,
    )
    expect(configured).toBe(1)
    expect(await pool.use(pidOf)).toBe(pid)
  })

  const TENANT = `set_config('app.tenant', 'me', false)`

  test.each<[string, string]>([
    ['a comment for the space', `SET/**/app.tenant = 'me'`],
    ['SET SESSION', `/* why */ SET SESSION app.tenant TO 'me'`],
    ['set_config in INSERT', `INSERT INTO pg_description SELECT 0, 0, 0, ${TENANT} WHERE ${TENANT} = 'none'`],
    ['set_config in UPDATE', `UPDATE pg_description SET objoid = 0 WHERE ${TENANT} = 'none' AND objoid = 0`],
    ['set_config in DELETE', `DELETE FROM pg_description WHERE ${TENANT} = 'none'`],
    ['set_config in WITH', `WITH a AS (SELECT ${TENANT} AS t) SELECT t FROM a`],
    ['set_config in EXPLAIN ANALYZE', `EXPLAIN ANALYZE SELECT ${TENANT}`],
    ['set_config in VALUES', `VALUES (${TENANT})`],
    ['set_config in CREATE TABLE AS', `CREATE TABLE a AS SELECT ${TENANT}; DROP TABLE a`],
    [
      'set_config in CALL',
      `CREATE PROCEDURE p(text) LANGUAGE sql AS ''; CALL p(${TENANT}); DROP PROCEDURE p`,
    ],
    ['quoted "set_config"', `SELECT "set_config"('app.tenant', 'me', false)`],
    ['qualified set_config', `SELECT pg_catalog . set_config ('app.tenant', 'me', false)`],
    ['escaped set_config', `SELECT U&"\\0073et_config"('app.tenant', 'me', false)`],
    ['a value that looks like the third argument', `SELECT set_config('app.tenant', 'me, true)', false)`],
    ['a value that is a call', `SELECT set_config('app.tenant', concat('me', true), false)`],
    ['an argument', `DO $$ BEGIN END $$; SELECT set_config('app.tenant', 'me', now() < now())`],
    ['RESET', 'RESET app.tenant'],
    ['RESET ALL', 'RESET ALL'],
    ['SET TO DEFAULT', 'SET app.tenant TO DEFAULT'],
    ['DISCARD ALL', 'DISCARD ALL'],
  ])('a tenant set, or set back, by %s', async (_, left) => {
    await pool.use((client) => client.query(left))
    expect(await pool.use((client) => valueOf(client, `SELECT current_setting('app.tenant')`))).toBe('nobody')
    expect(configured).toBe(1)
    expect(await pool.use(pidOf)).toBe(pid)
  })

  test.each<[string, string]>([
    [`SET LOCAL search_path TO 'pg_temp'`, `SET LOCAL search_path TO 'pg_temp'`],
    ['set_config', `SELECT set_config('search_path', 'pg_temp', true)`],
  ])('a table made in the temporary schema by way of %s', async (_, search) => {
    await pool.use((client) => client.query(`BEGIN; ${search}; CREATE TABLE mine (n int); COMMIT`))
    expect(await pool.use((client) => valueOf(client, `SELECT to_regclass('pg_temp.mine') IS NULL`))).toBe(
      true,
    )
    expect(configured).toBe(1)
    expect(await pool.use(pidOf)).toBe(pid)
  })

  test.each<[string, string]>([
    ['UPDATE pg_settings', `UPDATE pg_settings SET setting = '1024' WHERE name = 'work_mem'`],
    [
      'SQL in an argument of query_to_xml',
      `SELECT query_to_xml('SELECT set_config(''work_mem'', ''1MB'', false)', true, true, '')`,
    ],
    [
      'SQL in an argument of ts_stat',
      `SELECT ts_stat('SELECT to_tsvector(set_config(''work_mem'', ''1MB'', false))')`,
    ],
    [
      'SET behind columns called begin and atomic',
      `CREATE VIEW v AS SELECT begin, atomic FROM (VALUES (1, 2)) a (begin, atomic); DROP VIEW v; SET work_mem = '1MB'`,
    ],
  ])('a setting made by %s', async (_, left) => {
    await pool.use((client) => client.query(left))
    expect(await pool.use((client) => valueOf(client, 'SHOW work_mem'))).toBe('4MB')
    expect(configured).toBe(1)
    expect(await pool.use(pidOf)).toBe(pid)
  })

  test('a lock of the session taken by a cursor that was not read to its end', async () => {
    await pool.use(
      (client) => client.query(new OneRow('SELECT pg_advisory_lock(n) FROM generate_series(41, 50) n')).done,
    )
    expect(await pool.use((client) => valueOf(client, COUNT_LOCKS))).toBe(0)
    expect(configured).toBe(1)
    expect(await pool.use(pidOf)).toBe(pid)
  })

  test.each<[string, string]>([
    ['INSERT', 'CREATE TABLE a (b bool); INSERT INTO a SELECT pg_try_advisory_lock(42); DROP TABLE a'],
    ['UPDATE', 'UPDATE pg_description SET objoid = 0 WHERE NOT pg_try_advisory_lock(42)'],
    ['DELETE', 'DELETE FROM pg_description WHERE NOT pg_try_advisory_lock_shared(42)'],
    ['EXPLAIN ANALYZE', 'EXPLAIN ANALYZE SELECT "pg_advisory_lock"(42)'],
    ['a comment', 'SELECT pg_advisory_lock/* */(42)'],
  ])('a lock of the session taken in %s', async (_, left) => {
    await pool.use((client) => client.query(left))
    expect(await pool.use((client) => valueOf(client, COUNT_LOCKS))).toBe(0)
    expect(configured).toBe(1)
    expect(await pool.use(pidOf)).toBe(pid)
  })

  test('a lock of the session taken by a statement that then fails', async () => {
    await pool.use((client) =>
      client.query('SELECT 1 / (count(*) - 1) FROM (SELECT pg_advisory_lock(42)) a').catch(() => {}),
    )
    expect(await pool.use((client) => valueOf(client, COUNT_LOCKS))).toBe(0)
    expect(configured).toBe(1)
  })

  test.each<[string, string, string, unknown]>([
    [
      'SET SESSION CHARACTERISTICS',
      'SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE',
      'SHOW default_transaction_isolation',
      'read committed',
    ],
    ['SET/**/ROLE', 'SET/**/ROLE pg_monitor', 'SELECT current_user = session_user', true],
    ['LISTEN', '/* */ listen/**/"news"', 'SELECT count(*)::int FROM pg_listening_channels()', 0],
    ['PREPARE', '--\nprepare mine/**/AS SELECT 1', 'SELECT count(*)::int FROM pg_prepared_statements', 0],
    [
      'a held cursor',
      'BEGIN; DECLARE mine CURSOR WITH/**/HOLD FOR SELECT 1; COMMIT',
      'SELECT count(*)::int FROM pg_cursors',
      0,
    ],
  ])('%s, however it is spelled', async (_, left, question, answer) => {
    await pool.use((client) => client.query(left))
    expect(await pool.use((client) => valueOf(client, question))).toEqual(answer)
    expect(configured).toBe(1)
    expect(await pool.use(pidOf)).toBe(pid)
  })

  test.each<[string, string, string, unknown]>([
    ['the seed of random numbers', 'SELECT setseed(0.5)', 'SELECT random() = 0.9851677175347999', false],
    [
      'a seed in a transaction',
      'BEGIN; SELECT setseed(0.5); COMMIT; SET work_mem = 4096',
      'SELECT random() = 0.9851677175347999',
      false,
    ],
    ['a library', `LOAD 'auto_explain'`, `SELECT current_setting('auto_explain.log_timing', true)`, null],
  ])('%s, which only the end of the session undoes', async (_, left, question, answer) => {
    await pool.use((client) => client.query(left))
    expect(await pool.use((client) => valueOf(client, question))).toEqual(answer)
    expect(await pool.use(pidOf)).not.toBe(pid)
    pid = await pool.use(pidOf)
  })

  test('a listener for notifications', async () => {
    const heard: unknown[] = []
    await pool.use(async (client) => {
      client.on('notification', (message) => heard.push(message))
      await client.query('LISTEN news')
    })
    await pool.use((client) => client.query(`LISTEN news; NOTIFY news, 'for another'`))
    await pool.use(pidOf)
    expect(heard).toEqual([])
  })

  test('a statement that node-postgres had prepared by name, which works again', async () => {
    const named = { name: 'named', text: 'SELECT $1::int + 1 AS n', values: [1] }
    await pool.use((client) => client.query(named))
    await pool.use((client) => client.query(`SET work_mem = '1MB'`))
    expect(await pool.use(async (client) => (await client.query(named)).rows as unknown)).toEqual([{ n: 2 }])
  })
})

describe('nothing is discarded, and no round trip spent, after', () => {
  test.each([
    'SELECT 1',
    "BEGIN; SET LOCAL work_mem = '1MB'; COMMIT",
    'BEGIN; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; COMMIT',
    `BEGIN; SET LOCAL TimeZone = 'Asia/Kolkata'; SELECT now(); COMMIT`,
    `BEGIN; SELECT set_config('app.tenant', 'me', true); COMMIT`,
    'BEGIN; SELECT pg_advisory_xact_lock(42); COMMIT',
    'BEGIN; DECLARE mine CURSOR FOR SELECT 1; COMMIT',
    'CREATE TABLE plain (temp int); SELECT temp FROM plain; DROP TABLE plain',
  ])('%s', async (text) => {
    await pool.use((client) => client.query(text))
    expect(configured).toBe(0)
    const [row] = await database.query<{ query: string }>(
      'SELECT query FROM pg_stat_activity WHERE pid = $1',
      [pid],
    )
    expect(row?.query).toBe(text)
  })
})

test('a transaction left open is warned of once, with the statement that began it', async () => {
  const watch = collectWarnings()
  const another = new RealPool({ connectionString: database.url, pool: { maxSize: 1 } })
  await another.open()
  for (let use = 0; use < 3; use++) {
    await another.use((client) => client.query('BEGIN ISOLATION LEVEL SERIALIZABLE'))
    expect(await another.use((client) => valueOf(client, 'SHOW transaction_isolation'))).toBe(
      'read committed',
    )
  }
  await another.close()
  watch.stop()
  expect(watch.warnings).toEqual([
    'a connection came back in a transaction that nobody ended, begun by: BEGIN ISOLATION LEVEL SERIALIZABLE',
  ])
})
