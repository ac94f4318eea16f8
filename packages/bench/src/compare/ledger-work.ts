/** The work of the example service: a transfer between two accounts, in a transaction of its own. */
import type { SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import type { StartedWork, Unique } from './works.js'

export async function startLedger(adapter: SqlDriverAdapterFactory, unique: Unique): Promise<StartedWork> {
  // Only here: it brings a web server along.
  const { Ledger, PrismaClient } = await import('example-app')
  const prisma = new PrismaClient({
    adapter,
    transactionOptions: { isolationLevel: 'RepeatableRead', maxWait: 60_000, timeout: 60_000 },
  })
  const ledger = new Ledger(prisma)
  const accounts = await prisma.account.findMany({
    where: { kind: 'CUSTOMER' },
    orderBy: { id: 'asc' },
    select: { id: true },
  })
  const account = (index: number): string => accounts[index % accounts.length]?.id ?? ''
  return {
    // Two accounts that no other transfer of the same moment has.
    call: (index) =>
      ledger.transfer({
        idempotencyKey: unique(),
        from: account(2 * index),
        to: account(2 * index + 1),
        amount: '0.01',
      }),
    stop: () => prisma.$disconnect(),
  }
}
