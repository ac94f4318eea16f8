// A database with the tests' tables behind a PgBouncer in transaction mode, and clients on it by way of that.
import { expect } from '@jest/globals'
import type { PoolOptions, RealPoolAdapterOptions } from 'prisma-pg-real-pool'
import { createWorld, type Opened, SUBJECT, type World } from '../prisma/support.js'
import { eventually } from '../support/eventually.js'
import { PgBouncer, type PgBouncerSettings } from '../support/pgbouncer.js'

export interface Stage {
  readonly world: World
  readonly bouncer: PgBouncer
  readonly url: string
  open(pool?: PoolOptions, options?: RealPoolAdapterOptions): Opened
  /** The server's own view of the sessions that PgBouncer has lent to the subject, and keeps. */
  expectAtRest(opened: Opened): Promise<void>
  close(): Promise<void>
}

export async function createStage(
  options: {
    readonly bouncer?: PgBouncerSettings
    /** SQL to run before the tables are made, in which `%` stands for the database's name. */
    readonly settings?: string
    readonly serverUrl?: string | undefined
  } = {},
): Promise<Stage> {
  const world = await createWorld(options.settings, options.serverUrl)
  const bouncer = await PgBouncer.inFrontOf(world.database.url, options.bouncer)
  const url = bouncer.urlOf(world.database.url)
  return {
    world,
    bouncer,
    url,
    open: (pool = {}, others = {}) =>
      world.open(pool, { connectionString: url, pooler: 'transaction', ...others }, 'native'),
    async expectAtRest({ adapter }) {
      await eventually(async () => {
        const { poolSize, poolAvailable, requestsWaiting } = adapter.pool.getStats()
        expect({ poolAvailable, requestsWaiting }).toEqual({ poolAvailable: poolSize, requestsWaiting: 0 })
        const backends = await world.database.backends(SUBJECT)
        expect(backends.filter(({ state }) => state !== 'idle')).toEqual([])
      })
    },
    async close() {
      await world.close()
      await bouncer.close()
    },
  }
}
