// Transactions by way of PgBouncer in transaction mode: one session from BEGIN to the end, and none for longer.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { isSilentRollback } from 'prisma-pg-real-pool'
import type { Prisma } from '../generated/prisma/client.js'
import type { PrismaClient } from '../generated/prisma/client.js'
import { sleepRuns } from '../integration/support.js'
import { errorOf, gate, knownErrorOf, type Opened, pidOf, statesOf } from '../prisma/support.js'
import { eventually } from '../support/eventually.js'
import { describeBehindPgBouncer } from '../support/pgbouncer.js'
import { createStage, type Stage } from './support.js'

const NO_LIMIT = { timeout: 20_000, maxWait: 20_000 }

describeBehindPgBouncer('transactions behind PgBouncer', () => {
  let stage: Stage
  let opened: Opened
  let prisma: PrismaClient

  beforeAll(async () => {
    stage = await createStage()
    opened = stage.open({ minSize: 4, maxSize: 10 })
    prisma = opened.prisma
  })

  beforeEach(() => stage.world.empty())

  afterEach(() => stage.expectAtRest(opened))

  afterAll(() => stage.close())

  async function logged(): Promise<string[]> {
    const rows = await stage.world.database.query<{ text: string }>('SELECT "text" FROM "Log" ORDER BY "id"')
    return rows.map(({ text }) => text)
  }

  function log(client: Prisma.TransactionClient, text: string) {
    return client.log.create({ data: { text } })
  }

  test('interactive ones are saved as a whole or not at all, on one session each, many at once', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 40 }, (_, index) =>
        prisma.$transaction(async (tx) => {
          const pid = await pidOf(tx)
          await log(tx, String(index))
          expect(await pidOf(tx)).toBe(pid)
          await log(tx, String(index))
          if (index % 4 === 0) throw new RangeError('mine')
        }, NO_LIMIT),
      ),
    )
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(10)
    const expected = Array.from({ length: 40 }, (_, index) => index).filter((index) => index % 4 !== 0)
    expect((await logged()).map(Number).sort((a, b) => a - b)).toEqual(expected.flatMap((n) => [n, n]))
  })

  test('a batch is one', async () => {
    await prisma.$transaction([log(prisma, 'a'), log(prisma, 'b')])
    await errorOf(prisma.$transaction([log(prisma, 'c'), prisma.$queryRaw`SELECT 1 / 0`]))
    expect(await logged()).toEqual(['a', 'b'])
  })

  test.each([
    ['ReadUncommitted', 'read uncommitted'],
    ['RepeatableRead', 'repeatable read'],
    ['Serializable', 'serializable'],
  ] as const)('%s is %s, for that transaction only', async (isolationLevel, shown) => {
    const show = (client: Prisma.TransactionClient) => client.$queryRaw`SHOW transaction_isolation`
    expect(await prisma.$transaction((tx) => show(tx), { isolationLevel })).toEqual([
      { transaction_isolation: shown },
    ])
    expect(await show(prisma)).toEqual([{ transaction_isolation: 'read committed' }])
  })

  test('a nested one goes back to its own beginning', async () => {
    await prisma.$transaction(async (tx) => {
      await log(tx, 'a')
      await errorOf(
        tx.$transaction(async (nested) => {
          await log(nested, 'b')
          throw new RangeError('mine')
        }),
      )
      await tx.$transaction((nested) => log(nested, 'c'))
    })
    expect(await logged()).toEqual(['a', 'c'])
  })

  test('autosave keeps one usable after an error that was caught', async () => {
    const saving = stage.open({ maxSize: 2 }, { transaction: { autosave: 'always' } })
    await saving.prisma.$transaction(async (tx) => {
      await log(tx, 'a')
      await errorOf(tx.$queryRaw`SELECT 1 / 0`)
      await log(tx, 'b')
    })
    expect(await logged()).toEqual(['a', 'b'])
  })

  test('one that failed never reports success', async () => {
    const error = await errorOf(
      prisma.$transaction(async (tx) => {
        await log(tx, 'undone')
        await errorOf(tx.$queryRaw`SELECT 1 / 0`)
      }),
    )
    expect(isSilentRollback(error)).toBe(true)
    expect(await logged()).toEqual([])
  })

  test('a timeout and a rollback cancel the statement that runs, and free the session', async () => {
    const slow = prisma.$transaction(
      async (tx) => {
        await log(tx, 'undone')
        await tx.$queryRaw`SELECT 1 AS n FROM pg_sleep(60)`
      },
      { timeout: 1_000 },
    )
    slow.catch(() => {})
    await sleepRuns(stage.world.database)
    expect(await knownErrorOf(slow)).toMatchObject({ code: 'P2028' })
    await stage.expectAtRest(opened)

    const left = prisma.$transaction(async (tx) => {
      tx.$queryRaw`SELECT 1 AS n FROM pg_sleep(60)`.catch(() => {})
      await sleepRuns(stage.world.database)
      throw new RangeError('mine')
    }, NO_LIMIT)
    expect(await errorOf(left)).toBeInstanceOf(RangeError)
    await stage.expectAtRest(opened)
    expect(await logged()).toEqual([])
  })

  test('where all sessions are taken, one waits for its first statement, and times out without harm', async () => {
    const held = gate()
    const holders = [0, 1].map((index) =>
      prisma.$transaction(async (tx) => {
        await log(tx, `held ${index}`)
        await held.opened
      }, NO_LIMIT),
    )
    await eventually(async () =>
      expect(await statesOf(stage.world)).toEqual(['idle in transaction', 'idle in transaction']),
    )
    const late = prisma.$transaction((tx) => log(tx, 'late'), { timeout: 300 })
    expect(await knownErrorOf(late)).toMatchObject({ code: 'P2028' })
    held.open()
    await Promise.all(holders)
    await log(prisma, 'after')
    expect((await logged()).sort()).toEqual(['after', 'held 0', 'held 1'])
  })

  test('the server ends one that does nothing for too long, and says so through PgBouncer', async () => {
    const guarded = stage.open({ maxSize: 2 }, { transaction: { idleTimeout: '300ms' } })
    const error = await errorOf(
      guarded.prisma.$transaction(async (tx) => {
        await log(tx, 'undone')
        await eventually(async () => expect(await statesOf(stage.world)).not.toContain('idle in transaction'))
        await log(tx, 'too late')
      }, NO_LIMIT),
    )
    expect(error).toMatchObject({ code: 'P1017' })
    expect(await logged()).toEqual([])
    // The limit was that of the transaction: the session that serves others has none.
    const limit = await guarded.prisma
      .$queryRaw`SELECT current_setting('idle_in_transaction_session_timeout') AS ms`
    expect(limit).toEqual([{ ms: '0' }])
  })

  test('SET TRANSACTION may come first, with limits and with savepoints of both kinds', async () => {
    const { prisma } = stage.open(
      { maxSize: 2 },
      { transaction: { idleTimeout: '20s', maxDuration: '20s', autosave: 'always' } },
    )
    const modes = await prisma.$transaction(async (tx) => {
      await tx.$executeRaw`SET TRANSACTION ISOLATION LEVEL SERIALIZABLE`
      await tx.$executeRaw`SAVEPOINT mine`
      await log(tx, 'undone')
      await errorOf(tx.$queryRaw`SELECT 1 / 0`)
      await tx.$executeRaw`ROLLBACK TO mine`
      await log(tx, 'kept')
      return tx.$queryRaw`
        SELECT current_setting('transaction_isolation') AS level,
               current_setting('idle_in_transaction_session_timeout') AS idle,
               coalesce(current_setting('transaction_timeout', true), '20s') AS duration`
    })
    expect(modes).toEqual([{ level: 'serializable', idle: '20s', duration: '20s' }])
    expect(await logged()).toEqual(['kept'])
  })
})
