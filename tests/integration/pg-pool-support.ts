// An adapter over a `pg.Pool` as an application has it, and what is left of both after each test.
import { expect } from '@jest/globals'
import type { SqlDriverAdapter } from '@prisma/driver-adapter-utils'
import pg from 'pg'
import { RealPoolAdapter, type RealPoolAdapterOptions } from 'prisma-pg-real-pool'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { SUBJECT } from './support.js'

export interface Shared {
  readonly pool: pg.Pool
  readonly adapter: RealPoolAdapter
  readonly connection: SqlDriverAdapter
}

export interface Application {
  readonly database: TestDatabase
  /** A pool of one connection, unless other options say so. */
  makePool(options?: pg.PoolConfig): pg.Pool
  /** An adapter on such a pool, or on one that there is. */
  share(pool?: pg.Pool | pg.PoolConfig, options?: RealPoolAdapterOptions): Promise<Shared>
  pids(): Promise<number[]>
  /** For afterEach: disposes of the adapters, ends the pools, and sees the server without a session of theirs. */
  clear(): Promise<void>
}

export async function createApplication(): Promise<Application> {
  const database = await createTestDatabase()
  const pools: pg.Pool[] = []
  const shared: Shared[] = []
  const makePool = (options: pg.PoolConfig = {}): pg.Pool => {
    const pool = new pg.Pool({
      connectionString: database.url,
      application_name: SUBJECT,
      max: 1,
      ...options,
    })
    pools.push(pool)
    return pool
  }
  const pids = async () => (await database.backends(SUBJECT)).map(({ pid }) => pid)
  return {
    database,
    makePool,
    async share(given = {}, options = {}) {
      const pool = given instanceof pg.Pool ? given : makePool(given)
      const adapter = new RealPoolAdapter({ pool, ...options })
      const opened = { pool, adapter, connection: await adapter.connect() }
      shared.push(opened)
      return opened
    },
    pids,
    async clear() {
      await Promise.all(shared.splice(0).map(({ connection }) => connection.dispose()))
      await Promise.all(pools.splice(0).map(async (pool) => pool.ending || pool.end()))
      await eventually(async () => expect(await pids()).toEqual([]))
    },
  }
}

/** Nobody holds a client of the pool, and nobody waits for one. */
export function expectAllIdle(pool: pg.Pool, size: number): void {
  const { totalCount, idleCount, waitingCount } = pool
  expect({ totalCount, idleCount, waitingCount }).toEqual({
    totalCount: size,
    idleCount: size,
    waitingCount: 0,
  })
}
