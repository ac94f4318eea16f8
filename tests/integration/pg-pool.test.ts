// Over a `pg.Pool` of the application's: each call borrows a client for as long as it runs, nothing of ours
// reaches those who use the pool beside us nor the other way round, and the pool stays the application's.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type pg from 'pg'
import { eventually } from '../support/eventually.js'
import { type Application, createApplication, expectAllIdle } from './pg-pool-support.js'
import {
  COUNT_LOCKS,
  countSessions,
  errorOf,
  pidOf,
  sleepRuns,
  sql,
  statesOf,
  SUBJECT,
  valueOf,
} from './support.js'

let app: Application

beforeAll(async () => {
  app = await createApplication()
  await app.database.query('CREATE TABLE t (n int PRIMARY KEY)')
})

afterAll(() => app.database.drop())

afterEach(async () => {
  await app.clear()
  await app.database.query('TRUNCATE t')
})

const PID = 'SELECT pg_backend_pid()'

describe('a client is borrowed', () => {
  test('for as long as a call runs: it is back in the pool by the time the caller is answered', async () => {
    const { pool, connection } = await app.share()
    const sessions = await countSessions(app.database)
    const seen = new Set<unknown>()
    for (let call = 0; call < 20; call++) {
      seen.add(await valueOf(connection, PID))
      expectAllIdle(pool, 1)
    }
    expect(seen.size).toBe(1)
    expect(await sessions()).toBe(1)
  })

  test('and kept after errors of SQL: 200 unique violations open no session', async () => {
    const { pool, connection } = await app.share()
    await connection.executeRaw(sql('INSERT INTO t VALUES (1)'))
    const sessions = await countSessions(app.database)
    for (let call = 0; call < 200; call++) {
      const error = await errorOf(connection.executeRaw(sql('INSERT INTO t VALUES (1)')))
      expect(error).toMatchObject({ cause: { kind: 'UniqueConstraintViolation' } })
      expectAllIdle(pool, 1)
    }
    expect(await sessions()).toBe(0)
  })

  test('from the first statement of a transaction to its end, through errors and savepoints', async () => {
    const { pool, connection } = await app.share()
    const pid = await valueOf(connection, PID)
    for (const end of ['commit', 'rollback'] as const) {
      const tx = await connection.startTransaction()
      await tx.executeRaw(sql('INSERT INTO t VALUES (2)'))
      await tx.createSavepoint?.('here')
      await errorOf(tx.executeRaw(sql('INSERT INTO t VALUES (2)')))
      await tx.rollbackToSavepoint?.('here')
      expect(await valueOf(tx, PID)).toBe(pid)
      expect(pool.idleCount).toBe(0)
      expect(await statesOf(app.database)).toEqual(['idle in transaction'])
      await tx[end]()
      await eventually(() => expectAllIdle(pool, 1))
      expect(await statesOf(app.database)).toEqual(['idle'])
      expect(await app.database.query('DELETE FROM t RETURNING n')).toHaveLength(end === 'commit' ? 1 : 0)
    }
    expect(await valueOf(connection, PID)).toBe(pid)
  })

  test('no longer than a transaction that is rolled back while a statement runs', async () => {
    const { pool, connection } = await app.share()
    const pid = await valueOf(connection, PID)
    const tx = await connection.startTransaction()
    const running = errorOf(valueOf(tx, 'SELECT pg_sleep(60)'))
    await sleepRuns(app.database)
    await tx.rollback()
    await running
    await eventually(() => expectAllIdle(pool, 1))
    expect(await statesOf(app.database)).toEqual(['idle'])
    expect(await valueOf(connection, PID)).toBe(pid)
  })

  test('by nobody when the request was aborted or timed out meanwhile', async () => {
    const { pool, adapter } = await app.share()
    const held = await pool.connect()
    const abort = new AbortController()
    const aborted = errorOf(adapter.pool.acquire({ signal: abort.signal }))
    const late = errorOf(adapter.pool.acquire({ timeout: '20ms' }))
    expect(await late).toMatchObject({ code: 'POOL_TIMEOUT' })
    abort.abort(new Error('changed my mind'))
    expect((await aborted).message).toBe('changed my mind')
    held.release()
    await eventually(() => expectAllIdle(pool, 1))
    expect(await adapter.pool.use(pidOf)).toEqual(expect.any(Number))
  })
})

describe('a transaction that is left open', () => {
  test('by us is rolled back before the next user of the pool gets the same connection', async () => {
    const { pool, adapter } = await app.share()
    const pid = await adapter.pool.use(async (client) => {
      await client.query('BEGIN; INSERT INTO t VALUES (1)')
      return pidOf(client)
    })
    const client = await pool.connect()
    expect(client.getTransactionStatus()).toBe('I')
    expect(await statesOf(app.database)).toEqual(['idle'])
    expect(await pidOf(client)).toBe(pid)
    client.release()
    expect(await app.database.query('SELECT FROM t')).toEqual([])
  })

  test('by another user is rolled back before a call of ours, which is saved', async () => {
    const { pool, connection } = await app.share()
    for (const left of ['BEGIN; INSERT INTO t VALUES (1)', 'BEGIN; SELECT 1 / 0']) {
      const client = await pool.connect()
      const pid = await pidOf(client)
      await client.query(left).catch(() => {})
      client.release()
      await connection.executeRaw(sql('INSERT INTO t VALUES (2)'))
      expect(await app.database.query('DELETE FROM t RETURNING n')).toEqual([{ n: 2 }])
      expect(await statesOf(app.database)).toEqual(['idle'])
      expect(await valueOf(connection, PID)).toBe(pid)
    }
  })

  test('by us with a statement that still runs is ended with it', async () => {
    const { pool, adapter } = await app.share()
    await adapter.pool.use(async (client) => {
      await client.query('BEGIN; INSERT INTO t VALUES (1)')
      client.query('SELECT pg_sleep(60)').catch(() => {})
      await sleepRuns(app.database)
    })
    await pool.query('INSERT INTO t VALUES (2)')
    expect(await app.database.query('SELECT n FROM t')).toEqual([{ n: 2 }])
  })
})

describe('what we leave in the session never reaches another user of the pool', () => {
  test.each<[string, string, string, unknown]>([
    ['a setting', `SET work_mem = '1MB'`, 'SHOW work_mem', '4MB'],
    ['a role', 'SET ROLE pg_monitor', 'SELECT current_user = session_user', true],
    ['a subscription', 'LISTEN news', 'SELECT count(*)::int FROM pg_listening_channels()', 0],
    ['a temporary table', 'CREATE TEMP TABLE mine ()', `SELECT to_regclass('pg_temp.mine') IS NULL`, true],
    ['a statement', 'PREPARE mine AS SELECT 1', 'SELECT count(*)::int FROM pg_prepared_statements', 0],
    [
      'a setting that a function changed',
      `DO $$ BEGIN PERFORM set_config('TimeZone', 'Asia/Kolkata', false); END $$`,
      `SELECT setting = reset_val FROM pg_settings WHERE name = 'TimeZone'`,
      true,
    ],
    ['a lock', 'SELECT pg_advisory_lock(42)', COUNT_LOCKS, 0],
  ])('%s: the pool makes another connection', async (_, left, question, answer) => {
    const { pool, connection } = await app.share()
    const pid = await valueOf(connection, PID)
    await connection.executeScript(left)
    const client = await pool.connect()
    const { rows } = await client.query<unknown[]>({ text: question, rowMode: 'array' })
    expect(rows).toEqual([[answer]])
    expect(await pidOf(client)).not.toBe(pid)
    client.release()
    // The server itself knows nothing of it any more.
    await eventually(async () => expect(await app.pids()).not.toContain(pid))
  })

  test.each([
    `SET LOCAL work_mem = '1MB'`,
    `SET LOCAL TimeZone = 'Asia/Kolkata'; SELECT now()`,
    `SET TRANSACTION ISOLATION LEVEL SERIALIZABLE`,
  ])('what leaves nothing costs no connection: %s', async (text) => {
    const { connection } = await app.share()
    const pid = await valueOf(connection, PID)
    // Each by itself, since the server reports settings whenever it is ready for the next.
    const tx = await connection.startTransaction()
    for (const statement of text.split('; ')) await tx.executeRaw(sql(statement))
    await tx.commit()
    expect(await valueOf(connection, PID)).toBe(pid)
  })
})

describe('what the owner of the pool sets up in its sessions stays, and costs no connection', () => {
  const inTurn = async (client: pg.ClientBase, ...texts: string[]) => {
    for (const text of texts) await client.query(text)
  }
  const setUps: Record<string, (pool: pg.Pool) => unknown> = {
    'a listener of `connect`': (pool) =>
      pool.on('connect', (client) => void client.query(`SET app.tenant = 'owner'`)),
    'a listener of `connect` that does several things': (pool) =>
      pool.on('connect', (client) => {
        const texts = [`SET TimeZone = 'Asia/Kolkata'`, 'LISTEN news', `SET app.tenant = 'owner'`]
        void inTurn(client, ...texts)
      }),
    'a slow listener of `connect`': (pool) =>
      pool.on('connect', (client) => {
        void inTurn(client, 'SELECT pg_sleep(1.2)', `SET app.tenant = 'owner'`)
      }),
    onConnect: (pool) =>
      Object.assign(pool.options, {
        onConnect: (client: pg.ClientBase) =>
          inTurn(client, `SET TimeZone = 'Asia/Kolkata'`, `SET app.tenant = 'owner'`),
      }),
    'options of the connection': (pool) =>
      Object.assign(pool.options, { options: `-c app.tenant=owner -c DateStyle=SQL` }),
  }

  test.each(Object.entries(setUps))('%s', async (_, setUp) => {
    const pool = app.makePool()
    setUp(pool)
    const { connection } = await app.share(pool)
    const sessions = await countSessions(app.database)
    for (let call = 0; call < 100; call++) {
      expect(await valueOf(connection, `SELECT current_setting('app.tenant')`)).toBe('owner')
    }
    const tx = await connection.startTransaction()
    expect(await valueOf(tx, `SELECT current_setting('app.tenant')`)).toBe('owner')
    await tx.commit()
    expect(await sessions()).toBe(1)
    expect(await app.database.backends(SUBJECT)).toHaveLength(1)
  })
})
