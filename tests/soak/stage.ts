// What the load runs on: a bank, a client of Prisma over the adapter, and a pool without Prisma.
import { RealPool, RealPoolAdapter } from 'prisma-pg-real-pool'
import { PrismaClient } from '../generated/prisma/client.js'
import { type Bank, openBank } from '../load/bank.js'
import { Journal } from '../load/journal.js'

/** The e-mail address of somebody without an account: whoever else wants it need wait for no transfer. */
export const TAKEN = 'taken@example.com'

/** Short times, so that every limit is met within the run. */
const ADAPTER_POOL = {
  name: 'adapter',
  minSize: 2,
  maxSize: 5,
  timeout: '4s',
  check: true,
  checkIdleAfter: '200ms',
  connectTimeout: '500ms',
  maxLifetime: '3s',
  maxIdle: '1s',
} as const
const BARE_POOL = {
  name: 'bare',
  minSize: 1,
  maxSize: 4,
  timeout: '4s',
  connectTimeout: '500ms',
  reconnectTimeout: '2s',
  maxLifetime: '2s',
  maxIdle: '1s',
} as const

export interface Stage extends Bank {
  readonly journal: Journal
  readonly prisma: PrismaClient
  /** The adapter's pool, and the one without Prisma; each is known to the server by its name. */
  readonly pools: { readonly adapter: RealPool; readonly bare: RealPool }
}

export async function openStage(): Promise<Stage> {
  const bank = await openBank()
  await bank.database.query(`INSERT INTO "User" ("email") VALUES ($1)`, [TAKEN])
  const connectionString = bank.url
  const adapter = new RealPoolAdapter({ connectionString, application_name: 'adapter', pool: ADAPTER_POOL })
  const prisma = new PrismaClient({ adapter, errorFormat: 'minimal' })
  await prisma.$connect()
  const bare = new RealPool({ connectionString, application_name: 'bare', pool: BARE_POOL })
  await bare.open({ wait: true })
  return {
    ...bank,
    journal: new Journal(),
    prisma,
    pools: { adapter: adapter.pool, bare },
    async close() {
      await Promise.all([prisma.$disconnect(), bare.close({ force: true })])
      await bank.close()
    },
  }
}
