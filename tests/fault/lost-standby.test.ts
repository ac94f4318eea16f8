// A primary whose synchronous standby is gone: it commits, and does not answer. On a throwaway server that names a
// standby which does not exist.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { type LocalPostgres, startLocalPostgres } from 'local-postgres'
import pg from 'pg'
import {
  isOutcomeUnknown,
  isPoolTimeout,
  isRetryable,
  type PoolOptions,
  retryTransaction,
  type RealPoolAdapterOptions,
} from 'prisma-pg-real-pool'
import { eventually } from '../support/eventually.js'
import { createStage, expectWhole, failureOf, type Opened, type Stage, SUBJECT } from './support.js'

/** The error of the call. */
const UNCONFIRMED = /committed on this server, but no synchronous standby has confirmed it/

let server: LocalPostgres
let stage: Stage

beforeAll(async () => {
  server = await startLocalPostgres()
  stage = await createStage(server.url)
})

beforeEach(() => stage.empty())

afterEach(async () => {
  await standby('')
  await stage.clear()
})

afterAll(async () => {
  await stage.close()
  await server.stop()
})

/** From now on commits wait for this standby. Without a name, the server answers all waiting commits. */
async function standby(name: string): Promise<void> {
  await stage.database.query(`ALTER SYSTEM SET synchronous_standby_names = '${name}'`)
  await stage.database.query('SELECT pg_reload_conf()')
  if (name !== '') await commitsWait()
}

/** The server's checkpointer reads the setting for all sessions, whenever it comes to that. */
async function commitsWait(): Promise<void> {
  const probe = new pg.Client({ connectionString: stage.database.url, application_name: 'probe' })
  probe.on('error', () => {})
  await probe.connect()
  const commit = async (): Promise<void> => {
    for (;;) await probe.query(`SELECT pg_logical_emit_message(true, 'probe', '')`)
  }
  const ended = commit().catch(() => {})
  await endOf('probe', 'pg_terminate_backend')
  await ended
  await probe.end().catch(() => {})
}

/** Does something to the session of that name that waits for the standby, as soon as there is one. */
async function endOf(name: string, what: 'pg_cancel_backend' | 'pg_terminate_backend'): Promise<void> {
  await eventually(async () => {
    const done = await stage.database.query(
      `SELECT ${what}(pid) FROM pg_stat_activity WHERE application_name = $1 AND wait_event = 'SyncRep'`,
      [name],
    )
    expect(done).toHaveLength(1)
  })
}

async function open(pool: PoolOptions = {}, options: RealPoolAdapterOptions = {}): Promise<Opened> {
  const opened = await stage.openPrisma({ minSize: 2, maxSize: 2, timeout: '20s', ...pool }, options)
  // Warm up: the first call also connects and prepares.
  await opened.prisma.log.create({ data: { text: 'first' } })
  await stage.database.query('TRUNCATE "Log"')
  return opened
}

async function saved(): Promise<string[]> {
  const rows = await stage.database.query<{ text: string }>('SELECT "text" FROM "Log" ORDER BY "id"')
  return rows.map(({ text }) => text)
}

/** The ways in which a write is saved, each with the text 'saved'. */
const WRITES: [string, (prisma: Opened['prisma']) => Promise<unknown>][] = [
  ['a transaction', (prisma) => prisma.$transaction((tx) => tx.log.create({ data: { text: 'saved' } }))],
  [
    'a batch',
    (prisma) => prisma.$transaction([prisma.log.create({ data: { text: 'saved' } }), prisma.log.count()]),
  ],
  ['a call', (prisma) => prisma.log.createMany({ data: { text: 'saved' } })],
  ['a raw call', (prisma) => prisma.$executeRaw`INSERT INTO "Log" ("text") VALUES ('saved')`],
  [
    'a query that returns rows',
    (prisma) => prisma.$queryRaw`INSERT INTO "Log" ("text") VALUES ('saved') RETURNING *`,
  ],
  [
    'a COMMIT of the callback itself',
    (prisma) =>
      prisma.$transaction(async (tx) => {
        await tx.log.create({ data: { text: 'saved' } })
        await tx.$executeRaw`COMMIT`
      }),
  ],
]

async function expectUnconfirmed(error: { message: string }): Promise<void> {
  expect(error.message).toMatch(UNCONFIRMED)
  expect(isOutcomeUnknown(error)).toBe(true)
  expect(isRetryable(error)).toBe(false)
  expect(await saved()).toEqual(['saved'])
}

describe('a commit that no synchronous standby confirms', () => {
  test.each(WRITES)('is reported when `queryTimeout` ends the wait, for %s', async (_, write) => {
    const { prisma, adapter } = await open({}, { queryTimeout: '300ms' })
    await standby('nobody')
    await expectUnconfirmed(await failureOf(write(prisma)))
    await standby('')
    await expectWhole(stage, adapter.pool)
    expect(adapter.pool.getStats().returnsBad).toBe(0)
  })

  test.each(WRITES)('is reported when an administrator cancels the wait, for %s', async (_, write) => {
    const { prisma, adapter } = await open()
    await standby('nobody')
    const failed = failureOf(write(prisma))
    await endOf(SUBJECT, 'pg_cancel_backend')
    await expectUnconfirmed(await failed)
    await standby('')
    await expectWhole(stage, adapter.pool)
    expect(adapter.pool.getStats().returnsBad).toBe(0)
  })

  test('is reported when the `timeout` of the transaction ends the wait of a raw COMMIT in it', async () => {
    const { prisma, adapter } = await open()
    await standby('nobody')
    const committing = prisma.$transaction(
      async (tx) => {
        await tx.log.create({ data: { text: 'saved' } })
        await tx.$executeRaw`COMMIT`
      },
      { timeout: 500 },
    )
    await expectUnconfirmed(await failureOf(committing))
    await standby('')
    await expectWhole(stage, adapter.pool)
  })

  test.each(WRITES)('is reported when the session is terminated, for %s', async (_, write) => {
    const { prisma, adapter } = await open()
    await standby('nobody')
    const failed = failureOf(write(prisma))
    await endOf(SUBJECT, 'pg_terminate_backend')
    await expectUnconfirmed(await failed)
    await standby('')
    await expectWhole(stage, adapter.pool)
  })

  test('is reported to a script, with what comes behind it', async () => {
    const { adapter } = await open({}, { queryTimeout: '300ms' })
    const connection = await adapter.connect()
    await standby('nobody')
    const script = `BEGIN; INSERT INTO "Log" ("text") VALUES ('saved'); COMMIT; SELECT 1 / 0`
    await expectUnconfirmed(await failureOf(connection.executeScript(script)))
    await connection.dispose()
  })

  test('is reported to its own transaction only, where the connection was handed over', async () => {
    const { prisma, adapter } = await open({ minSize: 1, maxSize: 1, pipelining: 1 })
    await standby('nobody')
    let next: Promise<unknown> | undefined
    const failed = failureOf(
      prisma.$transaction(async (tx) => {
        await tx.log.create({ data: { text: 'saved' } })
        next = prisma.log.count().then((count) => count)
        await eventually(() => expect(adapter.pool.getStats().requestsWaiting).toBe(1))
      }),
    )
    await endOf(SUBJECT, 'pg_cancel_backend')
    await expectUnconfirmed(await failed)
    expect(await next).toBe(1)
  })

  test('is reported to each of the calls that share a connection', async () => {
    const { prisma } = await open({ minSize: 1, maxSize: 1, pipelining: 4 }, { queryTimeout: '300ms' })
    await standby('nobody')
    const write = () => failureOf(prisma.log.createMany({ data: { text: 'saved' } }))
    const errors = await Promise.all([write(), write(), write()])
    for (const error of errors) {
      expect(error.message).toMatch(UNCONFIRMED)
      expect(isOutcomeUnknown(error)).toBe(true)
    }
    expect(await saved()).toEqual(['saved', 'saved', 'saved'])
  })

  test('is not run again by `retryTransaction`', async () => {
    const { prisma } = await open({}, { queryTimeout: '300ms' })
    await standby('nobody')
    await expectUnconfirmed(
      await failureOf(retryTransaction(prisma, (tx) => tx.log.create({ data: { text: 'saved' } }))),
    )
  })

  test('fails no read', async () => {
    const { prisma } = await open({}, { queryTimeout: '300ms' })
    await standby('nobody')
    expect(await prisma.log.count()).toBe(0)
  })
})

describe('behind a COMMIT that waits for a lost standby', () => {
  /** Holds the only connection, and commits when the others wait for it; the server is at the COMMIT then. */
  async function commit({ prisma, adapter }: Opened, others: () => Promise<unknown>[]) {
    await standby('nobody')
    let waiting: Promise<unknown>[] = []
    const committed = prisma.$transaction(
      async (tx) => {
        await tx.log.create({ data: { text: 'saved' } })
        waiting = others()
        for (const each of waiting) each.catch(() => {})
        await eventually(() => expect(adapter.pool.getStats().requestsWaiting).toBe(waiting.length))
      },
      { timeout: 20_000 },
    )
    committed.catch(() => {})
    await eventually(async () => expect(await waitingForStandby()).toEqual(['COMMIT']))
    return { committed, waiting }
  }

  async function waitingForStandby(): Promise<string[]> {
    const rows = await stage.database.query<{ query: string }>(
      `SELECT query FROM pg_stat_activity WHERE application_name = $1 AND wait_event = 'SyncRep'`,
      [SUBJECT],
    )
    return rows.map(({ query }) => query)
  }

  /** The COMMIT has been left alone all the time, and all is well once the standby is no longer asked for. */
  async function expectOnlyLate({ adapter }: Opened, committed: Promise<unknown>): Promise<void> {
    expect(await waitingForStandby()).toEqual(['COMMIT'])
    await standby('')
    await committed
    expect(await saved()).toEqual(['saved'])
    await expectWhole(stage, adapter.pool)
    expect(adapter.pool.getStats()).toMatchObject({ connectionsLost: 0, returnsBad: 0 })
  }

  const ONE: PoolOptions = { minSize: 1, maxSize: 1, timeout: '2s' }

  test.each([1, 16])('reads reject at `pool.timeout`, with `pipelining` %i', async (pipelining) => {
    const opened = await open({ ...ONE, pipelining })
    const { prisma } = opened
    const { committed, waiting } = await commit(opened, () =>
      Array.from({ length: 5 }, () => prisma.log.count().then((count) => count)),
    )
    const errors = await Promise.all(waiting.map(failureOf))
    expect(errors).toMatchObject(Array(5).fill({ code: 'P2037' }))
    const behind = errors.filter(({ message }) => message.includes('the COMMIT of another transaction'))
    expect(behind).toHaveLength(pipelining === 1 ? 1 : 5)
    for (const error of errors) expect(isPoolTimeout(error)).toBe(true)
    await expectOnlyLate(opened, committed)
  })

  test('calls that come later reject at `pool.timeout`, too', async () => {
    const opened = await open({ ...ONE, timeout: '1s', pipelining: 16 })
    const { prisma } = opened
    const { committed, waiting } = await commit(opened, () => [prisma.log.count().then((count) => count)])
    expect(await failureOf(waiting[0]!)).toMatchObject({ code: 'P2037' })
    const later = [prisma.log.count(), prisma.log.createMany({ data: { text: 'later' } })]
    expect(await Promise.all(later.map(failureOf))).toMatchObject([{ code: 'P2037' }, { code: 'P2037' }])
    await expectOnlyLate(opened, committed)
  })

  test('a transaction rejects at `pool.timeout`, and is rolled back unseen', async () => {
    const opened = await open(ONE)
    const { prisma } = opened
    const { committed, waiting } = await commit(opened, () => [
      prisma.$transaction((tx) => tx.log.create({ data: { text: 'too late' } }), {
        maxWait: 20_000,
        timeout: 20_000,
      }),
    ])
    const error = await failureOf(waiting[0]!)
    expect(error).toMatchObject({ code: 'P2037' })
    expect(error.message).toContain('the COMMIT of another transaction')
    await expectOnlyLate(opened, committed)
  })

  test('a transaction that goes on after that sends nothing more', async () => {
    const opened = await open(ONE)
    const { prisma } = opened
    let second: { message: string } | undefined
    const { committed, waiting } = await commit(opened, () => [
      prisma.$transaction(
        async (tx) => {
          await failureOf(tx.log.create({ data: { text: 'too late' } }))
          second = await failureOf(tx.log.create({ data: { text: 'later still' } }))
        },
        { maxWait: 20_000, timeout: 20_000 },
      ),
    ])
    const error = await failureOf(waiting[0]!)
    expect(second?.message).toContain('it did not begin')
    expect(error.message).toContain('it did not begin')
    await expectOnlyLate(opened, committed)
  })

  test('a transaction rejects at its `timeout`, and is rolled back unseen', async () => {
    const opened = await open({ ...ONE, timeout: '20s' })
    const { prisma } = opened
    const { committed, waiting } = await commit(opened, () => [
      prisma.$transaction((tx) => tx.log.create({ data: { text: 'too late' } }), {
        maxWait: 20_000,
        timeout: 500,
      }),
    ])
    expect(await failureOf(waiting[0]!)).toMatchObject({ code: 'P2028' })
    await expectOnlyLate(opened, committed)
  })

  test('all are served when the standby is no longer asked for', async () => {
    const opened = await open({ ...ONE, timeout: '20s', pipelining: 16 })
    const { prisma } = opened
    const { committed, waiting } = await commit(opened, () => [
      prisma.log.count().then((count) => count),
      prisma.log.createMany({ data: { text: 'next' } }).then(({ count }) => count),
    ])
    await standby('')
    await committed
    expect(await Promise.all(waiting)).toEqual([1, 1])
    expect(await saved()).toEqual(['saved', 'next'])
  })
})
