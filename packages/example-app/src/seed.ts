/**
 * Fills a fresh ledger with customers that have money, in a handful of statements.
 */
import { randomUUID } from 'node:crypto'
import type { PrismaClient } from './generated/prisma/client.js'
import { Currency, Prisma, TransferKind } from './generated/prisma/client.js'
import { TREASURY } from './ledger.js'

export interface SeedOptions {
  readonly accounts: number
  /** What each account starts with, as decimal text. */
  readonly deposit: string
}

export interface Seeded {
  readonly accountIds: readonly string[]
  /** What all customers own together. */
  readonly total: Prisma.Decimal
}

export async function seed(prisma: PrismaClient, { accounts, deposit }: SeedOptions): Promise<Seeded> {
  const amount = new Prisma.Decimal(deposit)
  const total = amount.times(accounts)
  const treasuryId = TREASURY.EUR
  const customers = Array.from({ length: accounts }, (_, i) => ({
    id: randomUUID(),
    owner: `Customer ${i + 1}`,
    currency: Currency.EUR,
    balance: amount,
    tags: i % 10 === 0 ? ['seed', 'premium'] : ['seed'],
  }))
  const transfers = customers.map((customer, i) => ({
    id: randomUUID(),
    kind: TransferKind.DEPOSIT,
    amount,
    metadata: { batch: 'seed', line: i + 1 },
    fromAccountId: treasuryId,
    toAccountId: customer.id,
  }))
  const entries = transfers.flatMap((transfer, i) => [
    {
      transferId: transfer.id,
      accountId: treasuryId,
      amount: amount.negated(),
      balanceAfter: amount.times(i + 1).negated(),
    },
    { transferId: transfer.id, accountId: transfer.toAccountId, amount, balanceAfter: amount },
  ])
  await prisma.$transaction([
    prisma.account.createMany({ data: customers }),
    prisma.account.update({ where: { id: treasuryId }, data: { balance: { decrement: total } } }),
    prisma.transfer.createMany({ data: transfers }),
    prisma.entry.createMany({ data: entries }),
  ])
  return { accountIds: customers.map((customer) => customer.id), total }
}
