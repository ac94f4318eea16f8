/**
 * The ledger's check after the load: is all the money there, and did every payment that the service
 * acknowledged happen exactly once? Reads the tables directly and trusts nothing that the service says.
 */
import type { PrismaClient } from '../generated/prisma/client.js'
import { Prisma } from '../generated/prisma/client.js'
import type { LoadRecord } from './driver.js'

export interface Audit {
  /** What all customers own together, and what they owned before the load. */
  readonly total: Prisma.Decimal
  readonly expectedTotal: Prisma.Decimal
  /** Accounts whose balance is not the sum of their entries. */
  readonly wrongAccounts: number
  /** Transfers that do not have two entries which sum to zero and match the transfer's amount. */
  readonly wrongTransfers: number
  /** Keys of acknowledged payments that are not in the database. */
  readonly missing: readonly string[]
  /** Keys of payments that the service made again when they were sent again. */
  readonly doubled: readonly string[]
  /** Payments in the database that no caller sent. */
  readonly unknown: number
  /** Payments that were made although their caller got no answer: allowed, and worth knowing. */
  readonly madeUnacknowledged: number
}

export async function audit(
  prisma: PrismaClient,
  record: Pick<LoadRecord, 'acknowledged' | 'unacknowledged' | 'madeTwice'>,
  expectedTotal: Prisma.Decimal,
): Promise<Audit> {
  const { _sum } = await prisma.account.aggregate({ where: { kind: 'CUSTOMER' }, _sum: { balance: true } })
  const wrongAccounts = await countRows(
    prisma,
    Prisma.sql`
      SELECT 1 FROM account LEFT JOIN entry ON entry.account_id = account.id
      GROUP BY account.id HAVING account.balance <> coalesce(sum(entry.amount), 0)`,
  )
  const wrongTransfers = await countRows(
    prisma,
    Prisma.sql`
      SELECT 1 FROM transfer LEFT JOIN entry ON entry.transfer_id = transfer.id
      GROUP BY transfer.id
      HAVING count(*) FILTER (WHERE entry.account_id = from_account_id AND entry.amount = -transfer.amount) <> 1
          OR count(*) FILTER (WHERE entry.account_id = to_account_id AND entry.amount = transfer.amount) <> 1
          OR count(*) <> 2`,
  )
  const payments = await prisma.transfer.findMany({ where: { kind: 'PAYMENT' }, select: { id: true } })
  const made = new Set(payments.map((payment) => payment.id))
  const isKnown = (id: string) => record.acknowledged.has(id) || record.unacknowledged.has(id)
  return {
    total: _sum.balance ?? new Prisma.Decimal(0),
    expectedTotal,
    wrongAccounts,
    wrongTransfers,
    missing: [...record.acknowledged].filter((id) => !made.has(id)),
    doubled: [...record.madeTwice],
    unknown: [...made].filter((id) => !isKnown(id)).length,
    madeUnacknowledged: [...record.unacknowledged].filter((id) => made.has(id)).length,
  }
}

/** What is wrong, one sentence for each problem; empty when the books are in order. */
export function problemsOf(audit: Audit): string[] {
  const { total, expectedTotal, wrongAccounts, wrongTransfers, missing, doubled, unknown } = audit
  return [
    !total.equals(expectedTotal) &&
      `Customers own ${total.toFixed(2)} together instead of ${expectedTotal.toFixed(2)}.`,
    wrongAccounts > 0 && `${wrongAccounts} accounts have a balance that is not the sum of their entries.`,
    wrongTransfers > 0 && `${wrongTransfers} transfers do not have their two entries.`,
    missing.length > 0 &&
      `${missing.length} acknowledged transfers are missing, such as ${missing[0] ?? ''}.`,
    doubled.length > 0 && `${doubled.length} transfers were made twice, such as ${doubled[0] ?? ''}.`,
    unknown > 0 && `${unknown} transfers are in the database that nobody sent.`,
  ].filter((problem) => problem !== false)
}

async function countRows(prisma: PrismaClient, query: Prisma.Sql): Promise<number> {
  const rows = await prisma.$queryRaw<{ count: bigint }[]>`SELECT count(*) FROM (${query}) AS rows`
  return Number(rows[0]?.count ?? 0)
}
