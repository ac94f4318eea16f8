/**
 * One Prisma client over one pool: the settings that a service chooses for both.
 */
import { type PoolOptions, RealPoolAdapter } from 'prisma-pg-real-pool'
import { PrismaClient } from './generated/prisma/client.js'

/** What `pg_stat_activity` shows for our connections; the load's observer counts them by it. */
export const APPLICATION_NAME = 'ledger'

export interface PrismaOptions {
  readonly connectionString: string
  readonly pool?: PoolOptions
}

export function createPrisma({ connectionString, pool = {} }: PrismaOptions) {
  const adapter = new RealPoolAdapter({
    connectionString,
    application_name: APPLICATION_NAME,
    pool: { minSize: 2, maxSize: 5, timeout: '10s', ...pool },
  })
  const prisma = new PrismaClient({
    adapter,
    errorFormat: 'minimal',
    transactionOptions: {
      // Every statement of a transaction sees one snapshot, and writing a row that changed since fails
      // with P2034. So the ledger may decide on what it has read; retry.ts does the rest.
      isolationLevel: 'RepeatableRead',
      // Prisma's own 2 s would give up on a connection that the pool would still have handed over.
      maxWait: 10_000,
      timeout: 10_000,
    },
  })
  return { adapter, prisma }
}
