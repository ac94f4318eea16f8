// The primary becomes read-only and the address moves to another: callers write again as soon as it has, although the
// connections to the old server live on.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { RealPoolAdapter } from 'prisma-pg-real-pool'
import { SUBJECT, valueOf } from '../integration/support.js'
import { eventually } from '../support/eventually.js'
import { describeBehindPgBouncer, PgBouncer } from '../support/pgbouncer.js'
import { withClient } from '../support/standby.js'
import {
  createFailoverStage,
  type FailoverStage,
  INSERT,
  pidsOn,
  type Subject,
  type Writers,
} from './support.js'

const SIZES = { minSize: 10, maxSize: 10, timeout: '10s' } as const

let stage: FailoverStage

beforeEach(async () => {
  stage = await createFailoverStage()
})

afterEach(() => stage.close())

/** The old primary refuses writes from now on, in sessions that exist, too. */
async function refuseWrites(): Promise<void> {
  await withClient(stage.servers.primary.url, async (client) => {
    await client.query('ALTER SYSTEM SET default_transaction_read_only = on')
    await client.query('SELECT pg_reload_conf()')
  })
}

/** The pool writes again, for good: no connection to the old server is left that could refuse a write. */
async function expectRecovery(subject: Subject, writers: Writers, what: string): Promise<void> {
  const movedAt = performance.now()
  await eventually(() => expect(writers.inARow).toBeGreaterThan(100), { timeoutMs: 5_000, intervalMs: 5 })
  await eventually(async () => expect(await pidsOn(stage.database.url)).toEqual([]))
  const { refused, lastRefusedAt } = writers
  await eventually(() => expect(writers.inARow).toBeGreaterThan(1_000), { timeoutMs: 10_000 })
  expect(writers.refused).toBe(refused)
  await writers.stop()
  expect(subject.adapter.pool.getStats()).toMatchObject({ poolSize: 10, requestsWaiting: 0 })
  await eventually(async () => expect(await pidsOn(stage.standbyUrl)).toHaveLength(10))
  if (process.env.MEASURE) console.log(what, 'last refusal after', lastRefusedAt - movedAt, 'ms')
}

describe.each([true, false])('with check: %s', (check) => {
  test('writes succeed again when the old primary has been made read-only and the address moves', async () => {
    const subject = await stage.open({ ...SIZES, check })
    const writers = stage.write(subject, 20)
    await eventually(() => expect(writers.inARow).toBeGreaterThan(50))
    await refuseWrites()
    await eventually(() => expect(writers.codes).toContain('25006'))
    await stage.servers.promote()
    // The address still points at the old server, and refused writes alone bring no other.
    const { refused } = writers
    await eventually(() => expect(writers.refused).toBeGreaterThan(refused + 500), { timeoutMs: 10_000 })
    stage.address.moveTo(stage.standbyUrl)
    await expectRecovery(subject, writers, `read-only, check ${check}`)
    expect(writers.codes).toEqual(['25006'])
  })

  test('writes succeed again when the old primary has become a standby and the address moves', async () => {
    const subject = await stage.open({ ...SIZES, check })
    const writers = stage.write(subject, 20)
    await eventually(() => expect(writers.inARow).toBeGreaterThan(50))
    await stage.servers.demote()
    await eventually(() => expect(writers.codes).toContain('25006'), { timeoutMs: 10_000 })
    await stage.servers.promote()
    const { refused } = writers
    await eventually(() => expect(writers.refused).toBeGreaterThan(refused + 500), { timeoutMs: 10_000 })
    stage.address.moveTo(stage.standbyUrl)
    await expectRecovery(subject, writers, `standby, check ${check}`)
  })
})

test('connections that share calls leave the old server, too', async () => {
  const subject = await stage.open({ ...SIZES, pipelining: 8 })
  const writers = stage.write(subject, 40)
  await eventually(() => expect(writers.inARow).toBeGreaterThan(50))
  await refuseWrites()
  await eventually(() => expect(writers.codes).toContain('25006'))
  await stage.servers.promote()
  stage.address.moveTo(stage.standbyUrl)
  await expectRecovery(subject, writers, 'pipelining')
})

test('a transaction that is refused a write fails, and its connection is retired when it comes back', async () => {
  const { adapter, db } = await stage.open({ minSize: 1, maxSize: 1 })
  await stage.servers.demote()
  const tx = await eventually(() => db.startTransaction())
  await eventually(async () => expect(await pidsOn(stage.database.url)).toHaveLength(1))
  const [pid] = await pidsOn(stage.database.url)
  await expect(tx.executeRaw(INSERT)).rejects.toMatchObject({ cause: { originalCode: '25006' } })
  // Within the transaction it stays.
  expect(await pidsOn(stage.database.url)).toEqual([pid])
  await stage.servers.promote()
  stage.address.moveTo(stage.standbyUrl)
  await tx.rollback()
  await db.executeRaw(INSERT)
  await eventually(async () => expect(await pidsOn(stage.database.url)).toEqual([]))
  expect(adapter.pool.getStats().poolSize).toBe(1)
})

test('a `pg.Pool` of the application closes each connection that is refused a write', async () => {
  const pgPool = new pg.Pool({
    connectionString: stage.address.urlOf(stage.database.url),
    application_name: SUBJECT,
    max: 3,
  })
  try {
    const adapter = new RealPoolAdapter({ pool: pgPool })
    const db = await adapter.connect()
    pgPool.on('error', () => {})
    await stage.servers.demote()
    await Promise.all([1, 2, 3].map(() => eventually(() => valueOf(db, 'SELECT 1'))))
    await stage.servers.promote()
    stage.address.moveTo(stage.standbyUrl)
    await eventually(async () => {
      await Promise.all([1, 2, 3].map(() => db.executeRaw(INSERT)))
      expect(await pidsOn(stage.database.url)).toEqual([])
    })
    await db.dispose()
  } finally {
    await pgPool.end()
  }
})

describeBehindPgBouncer('behind PgBouncer in session mode', () => {
  // It does not pass on that the server has become read-only.
  test('writes succeed again when the address moves and PgBouncer connects to it again', async () => {
    const bouncer = await PgBouncer.inFrontOf(stage.address.urlOf(stage.database.url), {
      pool_mode: 'session',
      default_pool_size: 3,
      ignore_startup_parameters: 'options',
    })
    try {
      const connectionString = bouncer.urlOf(stage.database.url)
      const sizes = { minSize: 3, maxSize: 3, timeout: '10s' } as const
      const writers = stage.write(await stage.open(sizes, { connectionString }), 6)
      await eventually(() => expect(writers.inARow).toBeGreaterThan(50))
      await refuseWrites()
      await eventually(() => expect(writers.codes).toContain('25006'))
      await stage.servers.promote()
      stage.address.moveTo(stage.standbyUrl)
      await bouncer.admin('RECONNECT')
      await eventually(() => expect(writers.inARow).toBeGreaterThan(1_000), { timeoutMs: 10_000 })
      expect(await pidsOn(stage.database.url)).toEqual([])
      await writers.stop()
      expect(writers.codes).toEqual(['25006'])
    } finally {
      await bouncer.close()
    }
  })
})
