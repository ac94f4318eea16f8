// Isolation levels of $transaction, and what becomes of those who lose against a concurrent transaction.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { RealPoolAdapter } from 'prisma-pg-real-pool'
import { Prisma, type PrismaClient } from '../generated/prisma/client.js'
import {
  collectWarnings,
  createWorld,
  errorOf,
  expectAtRest,
  gate,
  knownErrorOf,
  log,
  logged,
  meeting,
  type World,
} from './support.js'

let world: World
let adapter: RealPoolAdapter
let prisma: PrismaClient
const watch = collectWarnings()

beforeAll(async () => {
  world = await createWorld(`ALTER DATABASE % SET deadlock_timeout = '50ms'`)
  ;({ adapter, prisma } = world.open({ minSize: 2, maxSize: 2 }))
  await adapter.pool.open({ wait: true })
})

afterAll(async () => {
  await world.close()
  watch.stop()
})

beforeEach(() => world.empty())

afterEach(async () => {
  await expectAtRest(world, adapter, 2)
  expect(watch.warnings).toEqual([])
})

describe('isolation levels', () => {
  const levels = [
    ['ReadUncommitted', 'read uncommitted'],
    ['ReadCommitted', 'read committed'],
    ['RepeatableRead', 'repeatable read'],
    ['Serializable', 'serializable'],
    [undefined, 'read committed'],
  ] as const

  for (const [isolationLevel, shown] of levels) {
    test(`${isolationLevel ?? 'none given'} is ${shown} to the server, and only in that transaction`, async () => {
      const show = (client: Prisma.TransactionClient) => client.$queryRaw`SHOW transaction_isolation`
      const options = isolationLevel === undefined ? {} : { isolationLevel }
      expect(await prisma.$transaction((tx) => show(tx), options)).toEqual([{ transaction_isolation: shown }])
      expect(await show(prisma)).toEqual([{ transaction_isolation: 'read committed' }])
    })
  }

  test('a level that PostgreSQL does not have is refused, and holds nothing', async () => {
    const isolationLevel = 'Snapshot' as Prisma.TransactionIsolationLevel
    const error = await knownErrorOf(prisma.$transaction((tx) => tx.log.count(), { isolationLevel }))
    expect(error.code).toBe('P2028')
    expect(error.message).toContain('Invalid isolation level: SNAPSHOT')
  })

  test('a write conflict in a statement is P2034', async () => {
    const { id } = await prisma.user.create({ data: { email: 'x@x' } })
    const error = await knownErrorOf(
      prisma.$transaction(
        async (tx) => {
          await tx.user.findUnique({ where: { id } })
          await world.database.query('UPDATE "User" SET "balance" = 1')
          await tx.user.update({ where: { id }, data: { balance: 2 } })
        },
        { isolationLevel: Prisma.TransactionIsolationLevel.Serializable },
      ),
    )
    expect(error.code).toBe('P2034')
    expect(await world.database.query('SELECT "balance" FROM "User"')).toEqual([{ balance: 1 }])
  })

  test('a write conflict that the server finds at COMMIT is told as one, and nothing is saved', async () => {
    const bothHaveRead = meeting(2)
    const bothHaveWritten = meeting(2)
    const firstIsDone = gate()
    // Write skew: each reads what the other writes. No statement comes after the first COMMIT, so that only
    // the second COMMIT can see it.
    const skewed = (mine: string, wait?: Promise<void>) =>
      prisma.$transaction(
        async (tx) => {
          await tx.log.count()
          await bothHaveRead()
          await log(tx, mine)
          await bothHaveWritten()
          await wait
        },
        { isolationLevel: 'Serializable' },
      )
    const first = skewed('first').finally(() => firstIsDone.open())
    const error = await errorOf(skewed('second', firstIsDone.opened))
    await first
    // Prisma maps the errors of statements, not that of a COMMIT: it arrives as the adapter threw it.
    expect(error).toMatchObject({
      name: 'DriverAdapterError',
      code: 'P2034',
      cause: { kind: 'TransactionWriteConflict', originalCode: '40001' },
    })
    expect(await logged(world)).toEqual(['first'])
  })

  test('two that wait for each other: one is told P2034, the other goes on', async () => {
    await prisma.user.createMany({ data: [{ email: 'a@x' }, { email: 'b@x' }] })
    const both = meeting(2)
    const lock = (emails: [string, string]) =>
      prisma.$transaction(async (tx) => {
        const data = { balance: { increment: 1 } }
        await tx.user.update({ where: { email: emails[0] }, data })
        await both()
        await tx.user.update({ where: { email: emails[1] }, data })
      })
    const results = await Promise.allSettled([lock(['a@x', 'b@x']), lock(['b@x', 'a@x'])])
    const failed = results.filter((result) => result.status === 'rejected')
    expect(failed.map(({ reason }: { reason: unknown }) => reason)).toMatchObject([{ code: 'P2034' }])
    expect(await world.database.query('SELECT "balance" FROM "User"')).toEqual([
      { balance: 1 },
      { balance: 1 },
    ])
  })
})
