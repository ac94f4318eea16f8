// Both adapters on one database, and what a call comes to on each: its value, or its error as far as users see it.
import { createRequire } from 'node:module'
import path from 'node:path'
import type {
  SqlDriverAdapter,
  SqlDriverAdapterFactory,
  SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils'
import { type PoolOptions, RealPoolAdapter } from 'prisma-pg-real-pool'
import { PrismaClient } from '../generated/prisma/client.js'
import { createWorld } from '../prisma/support.js'
import type { TestDatabase } from '../support/database.js'
import { ROWS } from './calls.js'

interface AdapterPg {
  PrismaPg: new (config: object) => SqlMigrationAwareDriverAdapterFactory
}

// Only the benchmarks depend on it.
const fromBench = createRequire(path.join(__dirname, '../../packages/bench/package.json'))
export const { PrismaPg } = fromBench('@prisma/adapter-pg') as AdapterPg

export interface Both<T> {
  readonly theirs: T
  readonly ours: T
}

/** What a call may work with. */
export interface Scene {
  readonly prisma: PrismaClient
  readonly database: TestDatabase
  /** An adapter without a client on it. */
  readonly connect: () => Promise<SqlDriverAdapter>
}

/** Makes the adapters whose calls are compared. */
export type Adapters = (database: TestDatabase) => Both<SqlDriverAdapterFactory>

/** With pools of so many connections each, and so long to wait for one. */
export function adapters(size: number, options: { timeoutMs?: number; url?: string } = {}): Adapters {
  const { timeoutMs = 30_000, url } = options
  const pool: PoolOptions = { minSize: 1, maxSize: size, timeout: `${timeoutMs}ms` }
  return (database) => {
    const connectionString = url ?? database.url
    return {
      theirs: new PrismaPg({ connectionString, max: size, connectionTimeoutMillis: timeoutMs }),
      ours: new RealPoolAdapter({ connectionString, pool }),
    }
  }
}

type Run = (scene: Scene) => Promise<unknown>

export interface Stage {
  /** What a call comes to on each, on the same rows; with clients of its own where it is to say by which adapters. */
  outcomesOf(run: Run, make?: Adapters): Promise<Both<unknown>>
  close(): Promise<void>
}

/** @param settings - SQL to run before the tables are made, in which `%` stands for the database's name. */
export async function createStage(settings?: string): Promise<Stage> {
  const world = await createWorld(settings)
  const { database } = world
  const open = (factory: SqlDriverAdapterFactory): Scene => ({
    prisma: new PrismaClient({ adapter: factory }),
    database,
    connect: () => factory.connect(),
  })
  const openBoth = (make: Adapters): Both<Scene> => {
    const { theirs, ours } = make(database)
    return { theirs: open(theirs), ours: open(ours) }
  }
  const outcomeIn = async (scene: Scene, run: Run): Promise<unknown> => {
    await world.empty()
    await database.query(ROWS)
    try {
      return plain(await run(scene))
    } catch (error) {
      return { rejected: plain(error) }
    }
  }
  const shared = openBoth(adapters(4))
  return {
    async outcomesOf(run, make) {
      const scenes = make === undefined ? shared : openBoth(make)
      const theirs = await outcomeIn(scenes.theirs, run)
      // What a call leaves open must not keep the other's rows locked.
      if (make !== undefined) await scenes.theirs.prisma.$disconnect()
      const ours = await outcomeIn(scenes.ours, run)
      if (make !== undefined) await scenes.ours.prisma.$disconnect()
      return { theirs, ours }
    },
    async close() {
      await shared.theirs.prisma.$disconnect()
      await shared.ours.prisma.$disconnect()
      await world.close()
    },
  }
}

/** A value with its errors, at any depth, as what users may read of them. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (!(value instanceof Error)) return value
  const { name, message } = value
  const { code, meta } = value as { code?: unknown; meta?: { driverAdapterError?: { cause?: unknown } } }
  const ofAdapter = meta?.driverAdapterError
  return {
    name,
    message,
    code,
    meta: ofAdapter === undefined ? meta : { ...meta, driverAdapterError: ofAdapter.cause },
  }
}
