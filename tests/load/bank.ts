// A bank on a throwaway server behind a proxy: accounts, transfers between them in several ways of Prisma, and
// whether they add up with what their callers were told.
import path from 'node:path'
import { type LocalPostgres, startLocalPostgres } from 'local-postgres'
import type { Prisma, PrismaClient } from '../generated/prisma/client.js'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { Proxy } from '../support/proxy.js'
import type { Journal } from './journal.js'
import type { Random } from './random.js'

export const ACCOUNTS = 20
const BALANCE = 1_000
export const TOTAL = ACCOUNTS * BALANCE

const MIGRATIONS = path.join(__dirname, '../../../prisma/migrations')

export interface Bank {
  readonly server: LocalPostgres
  /** Not by way of the proxy. */
  readonly database: TestDatabase
  readonly proxy: Proxy
  /** By way of the proxy. */
  readonly url: string
  close(): Promise<void>
}

export async function openBank(settings: Readonly<Record<string, string>> = {}): Promise<Bank> {
  const server = await startLocalPostgres({ settings })
  const database = await createTestDatabase(server.url)
  await database.migrate(MIGRATIONS)
  await database.query(
    `INSERT INTO "User" ("id", "email", "balance")
     SELECT n, 'user' || n || '@example.com', ${BALANCE} FROM generate_series(1, ${ACCOUNTS}) AS n`,
  )
  await database.query(`SELECT setval(pg_get_serial_sequence('"User"', 'id'), ${ACCOUNTS})`)
  const proxy = await Proxy.inFrontOf(database.url)
  return {
    server,
    database,
    proxy,
    url: proxy.urlOf(database.url),
    async close() {
      proxy.close()
      await database.drop()
      await server.stop()
    },
  }
}

export interface Transfer {
  readonly id: number
  readonly sourceId: number
  readonly targetId: number
  readonly amount: number
}

export function drawTransfer(id: number, random: Random): Transfer {
  const sourceId = random.between(1, ACCOUNTS)
  const targetId = ((sourceId + random.between(0, ACCOUNTS - 2)) % ACCOUNTS) + 1
  return { id, sourceId, targetId, amount: random.between(1, 9) }
}

export type Change = readonly [accountId: number, change: number]

export function changesOf({ sourceId, targetId, amount }: Transfer): [Change, Change] {
  return [
    [sourceId, -amount],
    [targetId, amount],
  ]
}

/** In one order for all, so that no two of them wait for each other. */
export function inOrder(changes: readonly Change[]): Change[] {
  return [...changes].sort(([a], [b]) => a - b)
}

type Client = Prisma.TransactionClient

export function change(client: Client, [id, by]: Change) {
  return client.user.update({ where: { id }, data: { balance: { increment: by } } })
}

export async function transferInTransaction(client: Client, transfer: Transfer): Promise<void> {
  for (const each of inOrder(changesOf(transfer))) await change(client, each)
  await client.transfer.create({ data: transfer })
}

export function transferInBatch(
  prisma: PrismaClient,
  transfer: Transfer,
  options?: { isolationLevel: Prisma.TransactionIsolationLevel },
): Promise<unknown> {
  const changes = inOrder(changesOf(transfer)).map((each) => change(prisma, each))
  return prisma.$transaction([...changes, prisma.transfer.create({ data: transfer })], options)
}

export function transferInOneStatement(client: Client, transfer: Transfer): Promise<unknown> {
  const { id, sourceId, targetId, amount } = transfer
  return client.$executeRaw`
    WITH moved AS (
      UPDATE "User" SET "balance" = "balance" + CASE "id" WHEN ${sourceId}::int THEN ${-amount}::int ELSE ${amount}::int END
       WHERE "id" IN (SELECT "id" FROM "User" WHERE "id" IN (${sourceId}::int, ${targetId}::int) ORDER BY 1 FOR UPDATE)
      RETURNING 1)
    INSERT INTO "Transfer" ("id", "sourceId", "targetId", "amount")
    SELECT ${id}::int, ${sourceId}::int, ${targetId}::int, ${amount}::int FROM moved LIMIT 1`
}

/** What does not hold, and of which transfer, or which change of which account, as far as it is about one. */
export interface Problem {
  readonly text: string
  readonly transfer?: number
  readonly change?: Change
}

/** Each transfer that was acknowledged is there, none that was rejected is, and the balances are their sums. */
export async function auditMoney({ database }: Bank, journal: Journal): Promise<Problem[]> {
  const problems: Problem[] = []
  const balances = Array.from({ length: ACCOUNTS + 1 }, () => BALANCE)
  const found = new Set<number>()
  for (const transfer of await database.query<Transfer & { [column: string]: unknown }>(
    'SELECT * FROM "Transfer" WHERE "isMade"',
  )) {
    for (const [accountId, by] of changesOf(transfer)) balances[accountId]! += by
    const { id } = transfer
    const outcome = journal.outcomeOf(id) ?? 'never begun'
    if (outcome !== 'acknowledged' && outcome !== 'unknown') {
      problems.push({ transfer: id, text: `transfer ${id} was made, but its caller was told: ${outcome}` })
    }
    found.add(id)
  }
  for (let id = 1; id <= journal.last; id++) {
    if (journal.outcomeOf(id) === 'acknowledged' && !found.has(id)) {
      problems.push({ transfer: id, text: `transfer ${id} was acknowledged, but is not there` })
    }
  }
  const accounts = await database.query<{ id: number; balance: number }>(
    `SELECT "id", "balance" FROM "User" WHERE "id" <= ${ACCOUNTS}`,
  )
  for (const { id, balance } of accounts) {
    const should = balances[id]!
    if (balance !== should) {
      const text = `account ${id} has ${balance}, its transfers say ${should}`
      problems.push({ text, change: [id, balance - should] })
    }
  }
  const total = accounts.reduce((sum, { balance }) => sum + balance, 0)
  if (total !== TOTAL) problems.push({ text: `all accounts together have ${total}, not ${TOTAL}` })
  return problems
}
