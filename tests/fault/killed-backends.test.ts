// Sessions that the server ends at each moment of a connection's life. The pool's role may have no more
// sessions than the pool: the server itself refuses one too many, and the pool would count a failed attempt.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { PoolOptions } from 'prisma-pg-real-pool'
import {
  collectWarnings,
  createStage,
  failureOf,
  expectWhole,
  pidOf,
  pidsOf,
  type Stage,
  type Subject,
  terminate,
  terminateOne,
} from './support.js'
import { eventually } from '../support/eventually.js'

const SIZE = 3
const POOL: PoolOptions = { minSize: SIZE, maxSize: SIZE, timeout: '20s' }
const ASLEEP = `wait_event = 'PgSleep'`

let stage: Stage
let user: string

beforeAll(async () => {
  stage = await createStage()
  user = stage.database.name
  await stage.database.query(`
    CREATE ROLE ${user} LOGIN PASSWORD 'secret' CONNECTION LIMIT ${SIZE};
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${user};
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ${user};
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN IF NEW."text" = 'slow' THEN PERFORM pg_sleep(30); END IF; RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON "Log" DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION slow()`)
})

afterEach(async () => {
  await stage.clear()
  await stage.empty()
})

afterAll(async () => {
  await stage.database.query(`DROP OWNED BY ${user}; DROP ROLE ${user}`)
  await stage.close()
})

function open(pool: PoolOptions = {}): Promise<Subject> {
  return stage.open({ ...POOL, ...pool }, { user, password: 'secret' })
}

async function expectWholeAtOnce(subject: Subject, failedAttempts = 0): Promise<void> {
  await expectWhole(stage, subject)
  expect(subject.pool.getStats().connectionsErrors).toBe(failedAttempts)
}

/** Requests that wait behind whatever holds the connections; each must be served in the end. */
async function queueUp(subject: Subject, count: number): Promise<{ readonly pids: Promise<number[]> }> {
  const before = subject.pool.getStats().requestsWaiting
  const pids = Promise.all(Array.from({ length: count }, () => subject.use(pidOf)))
  await eventually(() => expect(subject.pool.getStats().requestsWaiting).toBe(before + count))
  return { pids }
}

describe('idle', () => {
  test.each<[string, PoolOptions]>([
    ['without a check', {}],
    ['with a check', { check: true, checkIdleAfter: 0 }],
  ])('%s, 1,000 calls of Prisma meet no error', async (_, pool) => {
    const { adapter, prisma } = await stage.openPrisma({ ...POOL, ...pool }, { user, password: 'secret' })
    expect(await terminate(stage)).toBe(SIZE)
    const results = await Promise.allSettled(Array.from({ length: 1_000 }, () => prisma.user.count()))
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([])
    expect(adapter.pool.getStats()).toMatchObject({ requestsErrors: 0, connectionsErrors: 0 })
    await expectWhole(stage, adapter.pool)
  })

  test('again and again, at the moment of the calls: the server never sees one more than the pool may have', async () => {
    const { adapter, prisma } = await stage.openPrisma(POOL, { user, password: 'secret' })
    for (let round = 0; round < 10; round++) {
      // Else one that is being opened might end, and count as an attempt that failed.
      await eventually(() => expect(adapter.pool.getStats().poolAvailable).toBe(SIZE))
      // Resolves when the signals are sent: each session ends while its place is already wanted.
      await stage.database.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid', [
        await pidsOf(stage),
      ])
      await Promise.all(Array.from({ length: 20 }, () => prisma.user.count()))
    }
    expect(adapter.pool.getStats()).toMatchObject({ requestsErrors: 0, connectionsErrors: 0 })
    await expectWhole(stage, adapter.pool)
  })

  test('one after another, while others are lent: no borrower meets a dead one', async () => {
    const subject = await open()
    for (let round = 0; round < 10; round++) {
      await eventually(() => expect(subject.pool.getStats().poolAvailable).toBe(SIZE))
      const lease = await subject.acquire()
      const pid = await pidOf(lease.client)
      expect(await terminate(stage, `pid <> ${pid}`)).toBe(SIZE - 1)
      const pids = await Promise.all(Array.from({ length: 6 }, () => subject.use(pidOf)))
      expect(pids).not.toContain(pid)
      await lease.release()
    }
    await expectWholeAtOnce(subject)
  })
})

describe('in use', () => {
  test('in a query: it fails with the word of the server, and those behind it are served', async () => {
    const subject = await open()
    const running = Array.from({ length: SIZE }, () =>
      failureOf(subject.use((client) => client.query('SELECT pg_sleep(30)'))),
    )
    const waiting = await queueUp(subject, 5)
    await eventually(async () =>
      expect(
        await stage.database.query(
          `SELECT FROM pg_stat_activity WHERE datname = current_database() AND ${ASLEEP}`,
        ),
      ).toHaveLength(SIZE),
    )
    const before = await pidsOf(stage)
    expect(await terminate(stage, ASLEEP)).toBe(SIZE)
    for (const error of await Promise.all(running)) expect(error).toMatchObject({ code: '57P01' })
    for (const pid of await waiting.pids) expect(before).not.toContain(pid)
    expect(subject.pool.getStats()).toMatchObject({ returnsBad: SIZE, connectionsLost: 0 })
    await expectWholeAtOnce(subject)
  })

  test('in a transaction, between two statements: the next one fails, and nothing was saved', async () => {
    const subject = await open()
    const lease = await subject.acquire()
    await lease.client.query(`BEGIN; INSERT INTO "Log" ("text") VALUES ('lost')`)
    await terminateOne(stage, `state = 'idle in transaction'`)
    await failureOf(lease.client.query('SELECT 1'))
    await failureOf(lease.client.query('COMMIT'))
    await lease.release()
    expect(subject.pool.getStats()).toMatchObject({ returnsBad: 1 })
    expect(await stage.database.query('SELECT FROM "Log"')).toEqual([])
    await expectWholeAtOnce(subject)
  })

  test('in a transaction that its borrower leaves open and gives back', async () => {
    const subject = await open({ minSize: 1, maxSize: 1 })
    const lease = await subject.acquire()
    await lease.client.query('BEGIN')
    const waiting = await queueUp(subject, 2)
    await terminateOne(stage, `state = 'idle in transaction'`)
    await lease.release()
    expect(new Set(await waiting.pids).size).toBe(1)
    await expectWholeAtOnce(subject)
  })

  test('during a COMMIT: it fails, nothing was saved, and the connection is known to be dead', async () => {
    const subject = await open()
    const collected = collectWarnings()
    const { accepted } = stage.proxy
    const failed = failureOf(
      subject.use(async (client) => {
        await client.query(`BEGIN; INSERT INTO "Log" ("text") VALUES ('slow')`)
        await client.query('COMMIT')
      }),
    )
    await terminateOne(stage, `query = 'COMMIT' AND ${ASLEEP}`)
    expect(await failed).toMatchObject({ code: '57P01' })
    expect(await stage.database.query('SELECT FROM "Log"')).toEqual([])
    await expectWholeAtOnce(subject)
    // One to replace it, and none to cancel what it was doing; nor is the borrower told to end what he begins.
    expect(stage.proxy.accepted).toBe(accepted + 1)
    collected.stop()
    expect(collected.warnings).toEqual([])
  })

  test('while it is idle in the hands of a borrower that never uses it again', async () => {
    const subject = await open()
    const lease = await subject.acquire()
    await terminateOne(stage, `pid = ${await pidOf(lease.client)}`)
    await eventually(() => expect(lease.client.connection.stream.destroyed).toBe(true))
    await lease.release()
    expect(subject.pool.getStats()).toMatchObject({ returnsBad: 1, connectionsLost: 0 })
    await expectWholeAtOnce(subject)
  })
})

describe('in the hands of a hook', () => {
  /** Sleeps the first time that it runs. */
  function sleepOnce(): NonNullable<PoolOptions['reset']> {
    let hasSlept = false
    return async (client) => {
      if (hasSlept) return
      hasSlept = true
      await client.query('SELECT pg_sleep(30)')
    }
  }

  test('during reset: the release resolves, and those that wait get others', async () => {
    const subject = await open({ minSize: 1, maxSize: 1, connectTimeout: 0, reset: sleepOnce() })
    const lease = await subject.acquire()
    const before = await pidOf(lease.client)
    const waiting = await queueUp(subject, 3)
    const released = lease.release()
    await terminateOne(stage, ASLEEP)
    await released
    expect(await waiting.pids).not.toContain(before)
    expect(subject.pool.getStats()).toMatchObject({ returnsBad: 1 })
    await expectWholeAtOnce(subject)
  })

  test('during check: the request gets another', async () => {
    const subject = await open({ checkIdleAfter: 0, check: sleepOnce() })
    const before = await pidsOf(stage)
    const wanted = subject.use(pidOf)
    await terminateOne(stage, ASLEEP)
    expect(before).toContain(await wanted)
    expect(subject.pool.getStats()).toMatchObject({ connectionsLost: 1, requestsErrors: 0 })
    await expectWholeAtOnce(subject)
  })

  test('during configure: the pool connects again', async () => {
    const opening = open({ configure: sleepOnce() })
    await terminateOne(stage, ASLEEP)
    await expectWholeAtOnce(await opening, 1)
  })

  test('during pool.check()', async () => {
    const subject = await open({ check: sleepOnce() })
    const checked = subject.pool.check()
    await terminateOne(stage, ASLEEP)
    await checked
    expect(subject.pool.getStats()).toMatchObject({ connectionsLost: 1 })
    await expectWholeAtOnce(subject)
  })
})
