// A fresh database with the tests' tables, made by the adapter itself, and clients on it over small pools.
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { type PoolOptions, RealPoolAdapter, type RealPoolAdapterOptions } from 'prisma-pg-real-pool'
import { Prisma, PrismaClient } from '../generated/prisma/client.js'
import { errorOf, statesOf as statesIn, SUBJECT } from '../integration/support.js'
import { createTestDatabase, type TestDatabase } from '../support/database.js'

export { collectWarnings, errorOf, SUBJECT } from '../integration/support.js'

const MIGRATIONS = path.join(__dirname, 'migrations')

const TABLES = '"User", "Profile", "Post", "Tag", "_PostToTag", "Log", "Deferred", "Scalars", "Lists"'

export interface Opened {
  readonly adapter: RealPoolAdapter
  readonly prisma: PrismaClient
}

export interface World {
  readonly database: TestDatabase
  /** An adapter over a pool of its own, and a client on it. */
  open(pool?: PoolOptions, options?: RealPoolAdapterOptions): Opened
  /** One more client on an adapter. */
  share(adapter: RealPoolAdapter): PrismaClient
  /** Empties every table, and lets their ids begin anew. */
  empty(): Promise<void>
  /** Disconnects every client and drops the database. */
  close(): Promise<void>
}

/**
 * In the server of the whole run, or in the one whose URL is given.
 *
 * @param settings - SQL to run before the tables are made, in which `%` stands for the database's name.
 */
export async function createWorld(settings?: string, serverUrl?: string): Promise<World> {
  const database = await createTestDatabase(serverUrl)
  if (settings !== undefined) await database.query(settings.replaceAll('%', database.name))
  await migrate(database)
  const clients: PrismaClient[] = []
  const share = (adapter: RealPoolAdapter): PrismaClient => {
    const prisma = new PrismaClient({ adapter })
    clients.push(prisma)
    return prisma
  }
  return {
    database,
    open(pool = {}, options = {}) {
      const adapter = new RealPoolAdapter({
        connectionString: database.url,
        application_name: SUBJECT,
        pool,
        ...options,
      })
      return { adapter, prisma: share(adapter) }
    },
    share,
    async empty() {
      await database.query(`TRUNCATE ${TABLES} RESTART IDENTITY`)
    },
    async close() {
      await Promise.all(clients.map((prisma) => prisma.$disconnect()))
      await database.drop()
    },
  }
}

async function migrate({ url }: TestDatabase): Promise<void> {
  const adapter = await new RealPoolAdapter({ connectionString: url, pool: { maxSize: 1 } }).connect()
  const entries = await readdir(MIGRATIONS, { withFileTypes: true })
  for (const { name } of entries.filter((entry) => entry.isDirectory())) {
    await adapter.executeScript(await readFile(path.join(MIGRATIONS, name, 'migration.sql'), 'utf8'))
  }
  await adapter.dispose()
}

/** The server's process that answers a client. */
export async function pidOf(client: Pick<PrismaClient, '$queryRaw'>): Promise<number> {
  const [row] = await client.$queryRaw<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`
  return row!.pid
}

/** The states of the subject's connections, as the server sees them. */
export function statesOf({ database }: World): Promise<(string | null)[]> {
  return statesIn(database)
}

/** The Prisma error that a promise rejects with; fails when it does not, or with another kind of error. */
export async function knownErrorOf(promise: Promise<unknown>): Promise<Prisma.PrismaClientKnownRequestError> {
  const error = await errorOf(promise)
  if (error instanceof Prisma.PrismaClientKnownRequestError) return error
  throw new Error(`rejected with ${error.name}: ${error.message}`, { cause: error })
}

/** A promise to be settled from outside, to hold a transaction open at a known place. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}
