// Limits of a transaction that the server keeps by itself, so that a process which is frozen holds no lock for ever.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { RealPoolAdapter } from 'prisma-pg-real-pool'
import type { PrismaClient } from '../generated/prisma/client.js'
import { eventually } from '../support/eventually.js'
import { createWorld, errorOf, gate, knownErrorOf, logged, statesOf, type World } from './support.js'

const GUARDS = { transaction: { idleTimeout: '300ms', maxDuration: '20s' } } as const
const NO_LIMIT = { timeout: 20_000 }

let world: World
let adapter: RealPoolAdapter
let prisma: PrismaClient

beforeAll(async () => {
  world = await createWorld()
  ;({ adapter, prisma } = world.open({ minSize: 1, maxSize: 1 }, GUARDS))
})

afterAll(() => world.close())

beforeEach(async () => {
  await world.empty()
  await world.database.query(`INSERT INTO "Log" ("text") VALUES ('as it was')`)
})

/** Whether a server can end a transaction for its length. */
async function knowsTransactionTimeout(): Promise<boolean> {
  const rows = await world.database.query(`SELECT 1 FROM pg_settings WHERE name = 'transaction_timeout'`)
  return rows.length === 1
}

afterEach(async () => {
  await eventually(async () =>
    expect((await statesOf(world)).filter((state) => state !== 'idle')).toEqual([]),
  )
})

test('a transaction that does nothing is ended, its lock is free, and its next statement says why', async () => {
  const locked = gate()
  const freed = gate()
  const transaction = prisma.$transaction(async (tx) => {
    await tx.log.updateMany({ data: { text: 'held' } })
    locked.open()
    await freed.opened
    await tx.log.updateMany({ data: { text: 'too late' } })
  }, NO_LIMIT)
  transaction.catch(() => {})
  await locked.opened
  // Waits for the lock, which nothing but the end of that session gives back.
  await world.database.query(`UPDATE "Log" SET "text" = 'after' WHERE "text" = 'as it was'`)
  freed.open()
  const error = await knownErrorOf(transaction)
  expect(error.code).toBe('P1017')
  expect(JSON.stringify(error.meta) + error.message).toContain('idle-in-transaction timeout')
  expect(await logged(world)).toEqual(['after'])
  expect(await prisma.log.count()).toBe(1)
})

test('one that ends without another statement says that nothing was saved, and why', async () => {
  const transaction = prisma.$transaction(async (tx) => {
    await tx.log.updateMany({ data: { text: 'held' } })
    await eventually(async () => expect(await statesOf(world)).not.toContain('idle in transaction'))
  }, NO_LIMIT)
  const error = await errorOf(transaction)
  expect(error).toMatchObject({ code: 'P1017' })
  expect(error.message).toMatch(
    /lost before the COMMIT, so that nothing was saved: .*idle-in-transaction timeout/,
  )
  expect(await logged(world)).toEqual(['as it was'])
})

test('one that takes too long is ended in the middle of a statement (PostgreSQL 17 and later)', async () => {
  if (!(await knowsTransactionTimeout())) return
  const { prisma: hurried } = world.open({ maxSize: 1 }, { transaction: { maxDuration: '300ms' } })
  const error = await knownErrorOf(
    hurried.$transaction(async (tx) => {
      await tx.log.updateMany({ data: { text: 'undone' } })
      await tx.$queryRaw`SELECT 1 AS n FROM pg_sleep(20)`
    }, NO_LIMIT),
  )
  // Of a raw query Prisma keeps the code of the server.
  expect(error.code).toBe('P2010')
  expect(error.message).toMatch(/25P04.*transaction timeout/s)
  await hurried.$disconnect()
  expect(await logged(world)).toEqual(['as it was'])
})

test('the limits are those of the transaction, at no round trip: the session keeps its own', async () => {
  const limits = (client: Pick<PrismaClient, '$queryRaw'>) => client.$queryRaw<Record<string, unknown>[]>`
    SELECT current_setting('idle_in_transaction_session_timeout') AS idle,
           current_setting('transaction_timeout', true) AS duration`
  const own = await limits(prisma)
  const { returnsBad } = adapter.pool.getStats()
  expect(own).toMatchObject([{ idle: '0' }])
  const inside = await prisma.$transaction(limits)
  const duration = (await knowsTransactionTimeout()) ? '20s' : null
  expect(inside).toEqual([{ idle: '300ms', duration }])
  expect(await limits(prisma)).toEqual(own)
  // Nothing to discard is left: the session is clean as it comes back.
  expect(adapter.pool.getStats().returnsBad).toBe(returnsBad)
})

test('they are there again after the session was discarded', async () => {
  await prisma.$executeRawUnsafe('SET work_mem TO 65536')
  const [inside] = await prisma.$transaction(
    (tx) => tx.$queryRaw<Record<string, unknown>[]>`
      SELECT current_setting('idle_in_transaction_session_timeout') AS idle, current_setting('work_mem') AS mem`,
  )
  expect(inside).toEqual({ idle: '300ms', mem: '4MB' })
})

test('a limit beyond what the server counts is refused', () => {
  expect(() => world.open({}, { transaction: { idleTimeout: '30d' } })).toThrow(
    /`transaction\.idleTimeout` .*at most 2147483647 ms/,
  )
})
