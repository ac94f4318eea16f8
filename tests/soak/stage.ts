// What the load runs on: a throwaway server behind a proxy, a database with accounts, a client of Prisma over
// the adapter, and a pool without Prisma.
import path from 'node:path'
import { type LocalPostgres, startLocalPostgres } from 'local-postgres'
import { RealPool, RealPoolAdapter } from 'prisma-pg-real-pool'
import { PrismaClient } from '../generated/prisma/client.js'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { Proxy } from '../support/proxy.js'

export const ACCOUNTS = 20
export const BALANCE = 1_000
export const TOTAL = ACCOUNTS * BALANCE
/** The e-mail address of somebody without an account: whoever else wants it need wait for no transfer. */
export const TAKEN = 'taken@example.com'

const root = path.join(__dirname, '../../../..')

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

export interface Stage {
  readonly server: LocalPostgres
  readonly database: TestDatabase
  readonly proxy: Proxy
  readonly prisma: PrismaClient
  /** The adapter's pool, and the one without Prisma; each is known to the server by its name. */
  readonly pools: { readonly adapter: RealPool; readonly bare: RealPool }
  /** Ends everything that this process has to do with it. */
  close(): Promise<void>
}

export async function openStage(): Promise<Stage> {
  const server = await startLocalPostgres()
  const database = await createTestDatabase(server.url)
  await database.migrate(path.join(root, 'tests/prisma/migrations'))
  await database.query(
    `INSERT INTO "User" ("id", "email", "balance")
     SELECT n, 'user' || n || '@example.com', ${BALANCE} FROM generate_series(1, ${ACCOUNTS}) AS n`,
  )
  await database.query(`INSERT INTO "User" ("id", "email") VALUES (${ACCOUNTS + 1}, $1)`, [TAKEN])
  await database.query(`SELECT setval(pg_get_serial_sequence('"User"', 'id'), ${ACCOUNTS + 1})`)
  const proxy = await Proxy.inFrontOf(database.url)
  const connectionString = proxy.urlOf(database.url)
  const adapter = new RealPoolAdapter({ connectionString, application_name: 'adapter', pool: ADAPTER_POOL })
  const prisma = new PrismaClient({ adapter, errorFormat: 'minimal' })
  await prisma.$connect()
  const bare = new RealPool({ connectionString, application_name: 'bare', pool: BARE_POOL })
  await bare.open({ wait: true })
  return {
    server,
    database,
    proxy,
    prisma,
    pools: { adapter: adapter.pool, bare },
    async close() {
      await Promise.all([prisma.$disconnect(), bare.close({ force: true })])
      proxy.close()
      await database.drop()
      await server.stop()
    },
  }
}
