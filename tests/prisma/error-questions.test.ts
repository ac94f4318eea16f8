// isRetryable and its like, on what PrismaClient really throws; and retryTransaction, which goes by them.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import {
  isOutcomeUnknown,
  isPoolTimeout,
  isRetryable,
  isSilentRollback,
  isUniqueViolation,
  retryTransaction,
} from 'prisma-pg-real-pool'
import type { PrismaClient } from '../generated/prisma/client.js'
import { eventually } from '../support/eventually.js'
import { createWorld, errorOf, PATIENT, pidOf, sessionEnds, slowCommits, type World } from './support.js'

let world: World
let prisma: PrismaClient

beforeAll(async () => {
  world = await createWorld()
  ;({ prisma } = world.open({ maxSize: 4 }))
  for (const table of ['Log', 'Post']) {
    await slowCommits(world, table, 30, `to_jsonb(NEW)::text LIKE '%"slow"%'`)
  }
})

afterAll(() => world.close())

beforeEach(() => world.empty())

interface Answers {
  retryable?: true
  unknown?: true
  silent?: true
  timeout?: true
  unique?: true
}

function expectAnswers(error: unknown, answers: Answers): void {
  expect({
    retryable: isRetryable(error) || undefined,
    unknown: isOutcomeUnknown(error) || undefined,
    silent: isSilentRollback(error) || undefined,
    timeout: isPoolTimeout(error) || undefined,
    unique: isUniqueViolation(error) || undefined,
  }).toEqual({
    retryable: undefined,
    unknown: undefined,
    silent: undefined,
    timeout: undefined,
    unique: undefined,
    ...answers,
  })
}

const user = { email: 'a@example.com' }
const raise = (code: string) => `DO $$ BEGIN RAISE SQLSTATE '${code}'; END $$`

/** Ends the session that runs, or last ran, such a statement. */
async function terminate(condition: string): Promise<void> {
  await eventually(async () =>
    expect(
      await world.database.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND ${condition}`,
      ),
    ).toHaveLength(1),
  )
}

describe('questions about an error', () => {
  test('a unique violation, of a model and of a raw query', async () => {
    await prisma.user.create({ data: user })
    expectAnswers(await errorOf(prisma.user.create({ data: user })), { unique: true })
    const raw = prisma.$executeRaw`INSERT INTO "User" ("email") VALUES (${user.email})`
    expectAnswers(await errorOf(raw), { unique: true })
  })

  test.each(['40001', '40P01'])('%s, in a statement', async (code) => {
    await world.database.query(
      `CREATE OR REPLACE FUNCTION fail(code text) RETURNS void LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION USING ERRCODE = code; END $$`,
    )
    expectAnswers(await errorOf(prisma.$executeRawUnsafe(`SELECT fail('${code}')`)), { retryable: true })
    // By itself, a DO block may have committed before it failed.
    expectAnswers(await errorOf(prisma.$executeRawUnsafe(raise(code))), { unknown: true })
    const inside = prisma.$transaction((tx) => tx.$executeRawUnsafe(raise(code)))
    expectAnswers(await errorOf(inside), { retryable: true })
  })

  test('a real write conflict, of models, that only COMMIT or the second writer sees', async () => {
    const { id } = await prisma.user.create({ data: user })
    const add = (tx: Pick<PrismaClient, 'user'>) =>
      tx.user.update({ where: { id }, data: { balance: { increment: 1 } } })
    const error = await errorOf(
      prisma.$transaction(
        async (tx) => {
          await tx.user.findMany()
          await add(prisma)
          await add(tx)
        },
        { isolationLevel: 'Serializable' },
      ),
    )
    expectAnswers(error, { retryable: true })
  })

  test('an error that was caught inside, so that the COMMIT saved nothing', async () => {
    const silent = prisma.$transaction((tx) => errorOf(tx.$queryRaw`SELECT 1 / 0`))
    expectAnswers(await errorOf(silent), { silent: true })
    // Where that error was a conflict, the next attempt may do better.
    const conflict = prisma.$transaction((tx) => errorOf(tx.$executeRawUnsafe(raise('40001'))))
    expectAnswers(await errorOf(conflict), { silent: true, retryable: true })
  })

  test('a connection lost in a transaction, where nothing was saved', async () => {
    const between = prisma.$transaction(async (tx) => {
      const pid = await pidOf(tx)
      await terminate(`pid = ${pid}`)
      await sessionEnds(world, pid)
      await tx.user.count()
    }, PATIENT)
    expectAnswers(await errorOf(between), { retryable: true })
    const inside = prisma.$transaction(async (tx) => {
      await tx.user.create({ data: user })
      await tx.$queryRaw`SELECT 1 AS n FROM pg_sleep(30)`
    }, PATIENT)
    const lost = errorOf(inside)
    await terminate(`wait_event = 'PgSleep'`)
    expectAnswers(await lost, { retryable: true })
    expect(await prisma.user.count()).toBe(0)
  })

  test.each<[string, () => Promise<unknown>]>([
    ['a transaction', () => prisma.$transaction((tx) => tx.log.create({ data: { text: 'slow' } }))],
    [
      'a batch',
      () => prisma.$transaction([prisma.user.count(), prisma.log.create({ data: { text: 'slow' } })]),
    ],
    ['a nested write', () => prisma.user.create({ data: { ...user, posts: { create: { title: 'slow' } } } })],
  ])('a connection lost in the COMMIT of %s, where nobody knows', async (_, write) => {
    const lost = errorOf(write())
    await terminate(`wait_event = 'PgSleep' AND query = 'COMMIT'`)
    const error = await lost
    expectAnswers(error, { unknown: true })
    // Whoever writes it to a log gets it written, though it refers to itself.
    expect(JSON.stringify(error)).toContain('P1017')
  })

  test.each(['COMMIT', 'end work', '/* the end */ COMMIT', '-- commit * now\n /** done */\n COMMIT'])(
    'a connection lost in %j by hand, where nobody knows, and nothing is run again',
    async (commit) => {
      let runs = 0
      const work = errorOf(
        retryTransaction(
          prisma,
          async (tx) => {
            runs++
            await tx.log.create({ data: { text: 'slow' } })
            await tx.$executeRawUnsafe(commit).catch(() => {})
          },
          PATIENT,
        ),
      )
      await terminate(`wait_event = 'PgSleep'`)
      expectAnswers(await work, { unknown: true })
      expect(runs).toBe(1)
    },
  )

  test('a connection lost in a write of its own, where nobody knows, and in a read', async () => {
    const write = errorOf(prisma.log.create({ data: { text: 'slow' } }))
    await terminate(`wait_event = 'PgSleep'`)
    expectAnswers(await write, { unknown: true })
    for (const hint of ['', '/*+ SeqScan(x) */ ']) {
      const read = errorOf(prisma.$queryRawUnsafe(`${hint}SELECT 1 AS n FROM pg_sleep(30)`))
      await terminate(`wait_event = 'PgSleep'`)
      expectAnswers(await read, { retryable: true })
    }
  })

  test('a pool that has no connection in time', async () => {
    const impatient = world.open({ maxSize: 1, timeout: '300ms' })
    await impatient.adapter.pool.open()
    const lease = await impatient.adapter.pool.acquire({ timeout: '20s' })
    expectAnswers(await errorOf(impatient.prisma.user.count()), { timeout: true })
    expectAnswers(await errorOf(impatient.prisma.$transaction((tx) => tx.user.count())), { timeout: true })
    expectAnswers(await errorOf(impatient.adapter.pool.acquire()), { timeout: true })
    await lease.release()
  })

  test('a server that cannot be reached', async () => {
    const away = world.open(
      { maxSize: 1, timeout: '300ms' },
      { connectionString: 'postgresql://127.0.0.1:1/db' },
    )
    expectAnswers(await errorOf(away.prisma.user.count()), { retryable: true })
  })

  test('a pool that is closed, and what is no error of ours', async () => {
    const closed = world.open()
    await closed.adapter.pool.close()
    expectAnswers(await errorOf(closed.prisma.user.count()), {})
    for (const other of [undefined, null, 'text', new RangeError('mine'), { code: 'P2025' }])
      expectAnswers(other, {})
  })
})

describe('retryTransaction', () => {
  test('runs a transaction again until no other is in its way: no update is lost', async () => {
    const { id } = await prisma.user.create({ data: user })
    let runs = 0
    const addOne = () =>
      retryTransaction(
        prisma,
        async (tx) => {
          runs++
          const { balance } = await tx.user.findUniqueOrThrow({ where: { id } })
          await tx.user.update({ where: { id }, data: { balance: balance + 1 } })
        },
        { ...PATIENT, isolationLevel: 'Serializable', attempts: 100, pauseMs: 1 },
      )
    await Promise.all(Array.from({ length: 4 }, addOne))
    expect(await prisma.user.findUniqueOrThrow({ where: { id } })).toMatchObject({ balance: 4 })
    expect(runs).toBeGreaterThanOrEqual(4)
  })

  test('gives up after so many attempts, with the last error', async () => {
    let runs = 0
    const error = await errorOf(
      retryTransaction(
        prisma,
        async (tx) => {
          runs++
          await tx.$executeRawUnsafe(raise('40001'))
        },
        { attempts: 3, pauseMs: 1 },
      ),
    )
    expect(runs).toBe(3)
    expectAnswers(error, { retryable: true })
  })

  test('runs again after a connection was lost before COMMIT, and never after one was lost in it', async () => {
    let runs = 0
    await retryTransaction(prisma, async (tx) => {
      runs++
      await tx.log.create({ data: { text: 'once' } })
      if (runs === 1) await errorOf(tx.$queryRaw`SELECT pg_terminate_backend(pg_backend_pid())`)
      await tx.user.count()
    })
    expect(runs).toBe(2)
    expect(await prisma.log.count()).toBe(1)
    runs = 0
    const lost = errorOf(
      retryTransaction(prisma, async (tx) => {
        runs++
        await tx.log.create({ data: { text: 'slow' } })
      }),
    )
    await terminate(`wait_event = 'PgSleep' AND query = 'COMMIT'`)
    expectAnswers(await lost, { unknown: true })
    expect(runs).toBe(1)
  })

  test('does not run again what failed for a reason of its own, or when the signal has aborted', async () => {
    let runs = 0
    expect(
      await errorOf(
        retryTransaction(prisma, () => {
          runs++
          return Promise.reject(new RangeError('mine'))
        }),
      ),
    ).toBeInstanceOf(RangeError)
    expect(runs).toBe(1)
    const controller = new AbortController()
    const aborted = errorOf(
      retryTransaction(
        prisma,
        async (tx) => {
          runs++
          controller.abort(new Error('the client went away'))
          await tx.$executeRawUnsafe(raise('40001'))
        },
        { signal: controller.signal, pauseMs: 60_000 },
      ),
    )
    expect((await aborted).message).toBe('the client went away')
    expect(runs).toBe(2)
  })

  test.each([{ attempts: 0 }, { attempts: 1.5 }, { pauseMs: -1 }, { pauseMs: Number.NaN }])(
    'refuses %j',
    async (options) => {
      expect(await errorOf(retryTransaction(prisma, (tx) => tx.user.count(), options))).toMatchObject({
        code: 'POOL_OPTIONS',
      })
    },
  )
})
