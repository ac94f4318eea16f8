// Nothing that one borrower leaves in the session reaches the next, and a session left as it was costs nothing.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { Client } from 'pg'
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
