// A fresh database with the tests' tables, made by the adapter itself, and clients on it over small pools.
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { expect } from '@jest/globals'
import { type PoolOptions, RealPoolAdapter } from 'prisma-pg-real-pool'
import { Prisma, PrismaClient } from '../generated/prisma/client.js'
import { errorOf, statesOf as statesIn, SUBJECT } from '../integration/support.js'
import { BACKEND, backendFor, type BackendName, type OtherOptions } from '../support/backends.js'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import type { WireTap } from '../support/wire-tap.js'

export { collectWarnings, errorOf, SUBJECT } from '../integration/support.js'

const MIGRATIONS = path.join(__dirname, 'migrations')

const TABLES =
  '"User", "Profile", "Post", "Tag", "_PostToTag", "Transfer", "Log", "Deferred", "Scalars", "Lists"'

export interface Opened {
  readonly adapter: RealPoolAdapter
  readonly prisma: PrismaClient
}

export interface World {
  readonly database: TestDatabase
  /** An adapter over a pool of its own, and a client on it; over the backend of the run unless one is named. */
  open(pool?: PoolOptions, options?: OtherOptions, backend?: BackendName): Opened
  /** One more client on an adapter. */
  share(adapter: RealPoolAdapter): PrismaClient
  /** Empties every table, and lets their ids begin anew. */
  empty(): Promise<void>
  /** Disconnects every client, and ends the pools that are the application's own. */
  disconnect(): Promise<void>
  /** As `disconnect`, until the server has none of their connections any more. */
  leave(): Promise<void>
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
  const ends: (() => Promise<void>)[] = []
  const share = (adapter: RealPoolAdapter): PrismaClient => {
    // Else a message begins with the source of the call, where whatever a test looks for may stand.
    const prisma = new PrismaClient({ adapter, errorFormat: 'minimal' })
    clients.push(prisma)
    return prisma
  }
  const disconnect = async () => {
    await Promise.all(clients.splice(0).map((prisma) => prisma.$disconnect()))
    await Promise.all(ends.splice(0).map((end) => end()))
  }
  return {
    database,
    open(pool = {}, options = {}, name = BACKEND) {
      const backend = backendFor(name, database.url, pool, { application_name: SUBJECT, ...options })
      ends.push(() => backend.end())
      const adapter = new RealPoolAdapter(backend.options)
      return { adapter, prisma: share(adapter) }
    },
    share,
    async empty() {
      await database.query(`TRUNCATE ${TABLES} RESTART IDENTITY`)
    },
    disconnect,
    async leave() {
      await disconnect()
      await eventually(async () => expect(await statesIn(database)).toEqual([]))
    },
    async close() {
      await disconnect()
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

/** A client on a connection by way of a tap, which has forgotten what it took to get there. */
export async function openBehind(
  tap: WireTap,
  world: World,
  pool: PoolOptions,
  options: OtherOptions,
): Promise<Opened> {
  const opened = world.open({ minSize: 1, maxSize: 1, ...pool }, options)
  await opened.adapter.pool.open({ wait: true })
  await opened.prisma.$connect()
  tap.take()
  return opened
}

/** The server's process that answers a client. */
export async function pidOf(client: Pick<PrismaClient, '$queryRaw'>): Promise<number> {
  const [row] = await client.$queryRaw<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`
  return row!.pid
}

/** Writes a row, for `logged` to find. */
export function log(client: Prisma.TransactionClient, text: string) {
  return client.log.create({ data: { text } })
}

/** The texts that were written and saved, in their order. */
export async function logged({ database }: World): Promise<string[]> {
  const rows = await database.query<{ text: string }>('SELECT "text" FROM "Log" ORDER BY "id"')
  return rows.map(({ text }) => text)
}

/** Waits until the server has no such process any more. */
export async function sessionEnds({ database }: World, pid: number): Promise<void> {
  await eventually(async () =>
    expect(await database.query('SELECT FROM pg_stat_activity WHERE pid = $1', [pid])).toEqual([]),
  )
}

/** A COMMIT behind an INSERT into the table takes so long from now on, for rows that fit. */
export async function slowCommits(
  { database }: World,
  table: string,
  seconds: number,
  rows = 'true',
): Promise<void> {
  const name = `slow_${table}`
  await database.query(`
    CREATE FUNCTION "${name}"() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN IF ${rows} THEN PERFORM pg_sleep(${seconds}); END IF; RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON "${table}" DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION "${name}"()`)
}

/** The states of the subject's connections, as the server sees them. */
export function statesOf({ database }: World): Promise<(string | null)[]> {
  return statesIn(database)
}

/** A busy machine takes its time to make a connection. */
export const PATIENT = { maxWait: 20_000, timeout: 20_000 } as const

/** Uses so many connections at the same time, so that a pool that opens them as they are wanted has them. */
export async function warmUp(prisma: PrismaClient, connections: number): Promise<void> {
  const all = meeting(connections)
  await Promise.all(Array.from({ length: connections }, () => prisma.$transaction(all, PATIENT)))
}

/** Holds a connection, in a transaction that the server has begun, for as long as the gate is shut. */
export function hold(prisma: PrismaClient, until: { readonly opened: Promise<void> }): Promise<void> {
  return prisma.$transaction(async (tx) => {
    await tx.user.count()
    await until.opened
  }, PATIENT)
}

/**
 * Nobody holds a connection, by our own numbers and by what the server says. At once, because the caller has
 * just been answered; only a connection that is not kept takes a moment to close.
 *
 * @param size - How many connections the pool has, where it keeps any and none was lost.
 */
export function expectAtRest(
  { database }: World,
  { pool }: RealPoolAdapter,
  size: number,
  backend = BACKEND,
): Promise<void> {
  const check = async () => {
    const { poolSize, poolAvailable, requestsWaiting } = pool.getStats()
    const sizes = { native: size, null: 0, 'pg-pool': Math.min(poolSize, size) }
    expect({ poolSize, poolAvailable, requestsWaiting }).toEqual({
      poolSize: sizes[backend],
      poolAvailable: sizes[backend],
      requestsWaiting: 0,
    })
    expect(await statesIn(database)).toEqual(Array(poolSize).fill('idle'))
  }
  return backend === 'null' ? eventually(check) : check()
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

/** Those who come wait until they are so many; then all go on. */
export function meeting(size: number): () => Promise<void> {
  const all = gate()
  let arrived = 0
  return () => {
    if (++arrived === size) all.open()
    return all.opened
  }
}
