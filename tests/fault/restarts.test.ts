// A server that is stopped and started again, under load and without: on a throwaway server, met directly.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { type LocalPostgres, type ShutdownMode, startLocalPostgres } from 'local-postgres'
import type { PoolOptions } from 'prisma-pg-real-pool'
import { eventually } from '../support/eventually.js'
import {
  createStage,
  expectRefused,
  expectWhole,
  failureOf,
  gate,
  type Opened,
  pidOf,
  type Stage,
  type Subject,
} from './support.js'

const SIZE = 4
const POOL: PoolOptions = { minSize: SIZE, maxSize: SIZE, timeout: '25s', check: true }

let server: LocalPostgres
let stage: Stage

beforeAll(async () => {
  server = await startLocalPostgres()
  stage = await createStage(server.url)
  // Reads that take as long as `pace` says, so that it is known which of them are in flight.
  await stage.database.query(`
    CREATE TABLE pace (seconds float8);
    INSERT INTO pace VALUES (0);
    ALTER TABLE "Tag" RENAME TO "Tags";
    CREATE VIEW "Tag" AS SELECT "Tags".* FROM (SELECT pg_sleep(seconds) FROM pace) AS slept, "Tags";
    INSERT INTO "Tags" ("name") VALUES ('one')`)
})

afterEach(() => stage.clear())

afterAll(async () => {
  await stage.close()
  await server.stop()
})

function open(pool: PoolOptions = {}): Promise<Subject> {
  return stage.open({ ...POOL, ...pool }, { connectionString: stage.database.url })
}

function openPrisma(pool: PoolOptions = {}): Promise<Opened> {
  return stage.openPrisma({ ...POOL, ...pool }, { connectionString: stage.database.url })
}

async function setPace(seconds: number): Promise<void> {
  await stage.database.query('UPDATE pace SET seconds = $1', [seconds])
}

function eventuallyAsleep(count: number): Promise<void> {
  return eventually(async () => {
    const sleeping = await stage.database.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`,
    )
    expect(sleeping).toHaveLength(count)
  })
}

describe.each<[ShutdownMode, string, number]>([
  ['fast', 'fails the calls in flight, which the server says it ends, each with P1017, and no other', SIZE],
  ['immediate', 'fails no call: those in flight get no answer, and run again', 0],
])('a restart (%s) under a load of reads', (mode, name, failed) => {
  test(name, async () => {
    const { adapter, prisma } = await openPrisma()
    let isOver = false
    const failures: unknown[] = []
    const answers: number[] = Array.from({ length: 12 }, () => 0)
    const callers = answers.map(async (_, caller) => {
      while (!isOver) {
        try {
          expect(await prisma.tag.findMany({ select: { name: true } })).toEqual([{ name: 'one' }])
          answers[caller]!++
        } catch (error) {
          failures.push((error as { code?: unknown }).code ?? error)
        }
      }
    })
    const everybodyAnswered = (times: number): Promise<void> => {
      const before = [...answers]
      return eventually(
        () => expect(answers.every((count, caller) => count >= before[caller]! + times)).toBe(true),
        { timeoutMs: 20_000 },
      )
    }
    await everybodyAnswered(5)
    await setPace(60)
    await eventuallyAsleep(SIZE)
    await setPace(0)

    await server.shutdown(mode)
    await server.restart()

    await everybodyAnswered(5)
    isOver = true
    await Promise.all(callers)
    expect(failures).toEqual(Array(failed).fill('P1017'))
    await expectWhole(stage, adapter.pool)
  })

  test('fails the borrowers that use their connection, and serves those that wait', async () => {
    const subject = await open()
    const running = Array.from({ length: SIZE }, () =>
      failureOf(subject.use((client) => client.query('SELECT pg_sleep(60)'))),
    )
    await eventuallyAsleep(SIZE)
    const waiting = Array.from({ length: 10 }, () => subject.use(pidOf))
    await server.shutdown(mode)
    await server.restart()
    for (const { code, message } of await Promise.all(running)) {
      expect(code ?? message).toMatch(/57P01|ECONNRESET|Connection terminated unexpectedly/)
    }
    await Promise.all(waiting)
    await expectWhole(stage, subject)
  })
})

describe('a server that is stopped', () => {
  test('for some time: requests wait for it, those with little time are told why, and all is well after', async () => {
    const subject = await open()
    await server.shutdown('fast')
    const waiting = Promise.all(Array.from({ length: 20 }, () => subject.use(pidOf)))
    await expectRefused(subject, {
      code: 'POOL_TIMEOUT',
      message: expect.stringContaining('Is the server running there'),
      cause: { code: 'ECONNREFUSED' },
    })
    // All of them wait, and nobody asks again: the pool tries by itself.
    await eventually(() => expect(subject.pool.getStats().connectionsErrors).toBeGreaterThan(2 * SIZE), {
      timeoutMs: 15_000,
    })
    await server.restart()
    await waiting
    await expectWhole(stage, subject)
  })

  test('while nobody asks: the pool finds its way back by itself', async () => {
    const subject = await open({ check: false })
    await server.shutdown('fast')
    await eventually(() => expect(subject.pool.getStats().connectionsErrors).toBeGreaterThan(0))
    await server.restart()
    await eventually(
      () => expect(subject.pool.getStats()).toMatchObject({ poolSize: SIZE, poolAvailable: SIZE }),
      { timeoutMs: 15_000 },
    )
    expect(await stage.database.backends('subject')).toHaveLength(SIZE)
    await expectWhole(stage, subject)
  })

  test('for longer than reconnectTimeout: the pool says so, and the next request brings it back', async () => {
    let gaveUp = 0
    const subject = await open({ reconnectTimeout: 0, onReconnectFailed: () => gaveUp++ })
    await server.shutdown('fast')
    // A server that ends may let one more in, and end it.
    await eventually(() => {
      expect(gaveUp).toBeGreaterThanOrEqual(SIZE)
      expect(subject.pool.getStats()).toMatchObject({ poolSize: 0 })
    })
    await server.restart()
    await subject.use(pidOf)
    await expectWhole(stage, subject)
  })

  test('in Prisma: P1001 for a call that cannot wait, and nothing of an open transaction is saved', async () => {
    const { adapter, prisma } = await openPrisma({ timeout: '500ms' })
    const inside = gate()
    const stopped = gate()
    const transaction = failureOf(
      prisma.$transaction(async (tx) => {
        await tx.log.create({ data: { text: 'lost' } })
        inside.open()
        await stopped.opened
        await tx.log.create({ data: { text: 'never' } })
      }),
    )
    await inside.opened
    await server.shutdown('fast')
    stopped.open()
    expect(await transaction).toMatchObject({ code: 'P1017' })
    await eventually(async () => expect(await failureOf(prisma.log.count())).toMatchObject({ code: 'P1001' }))
    await server.restart()
    await expectWhole(stage, adapter.pool)
    expect(await prisma.log.count()).toBe(0)
  })

  test('does not hold up the close of the pool', async () => {
    const subject = await open()
    const lease = await subject.acquire()
    await server.shutdown('fast')
    const closed = subject.pool.close()
    await lease.release()
    await closed
    expect(subject.pool.getStats()).toMatchObject({ poolSize: 0 })
    await server.restart()
  })
})
