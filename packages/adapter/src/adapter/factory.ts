/** What users hand to `new PrismaClient({ adapter })`: one adapter is one pool, however many clients share it. */
import type { SqlDriverAdapter, SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import type { RealPoolAdapterOptions } from '../options.js'
import { type ResolvedOptions, resolveAdapterOptions } from '../resolved-options.js'
import { type ConnectionConfig, configFor, withDatabase } from '../pg/connection-config.js'
import { type Lender, makeLender } from '../pg/lender.js'
import { RealPool } from '../pg/real-pool.js'
import { systemClock } from '../pool/clock.js'
import { RealPoolConnection } from './adapter.js'
import { debug } from './debug.js'
import { ADAPTER_NAME, asPrismaDoes } from './queryable.js'

/**
 * A Prisma driver adapter for PostgreSQL with a real connection pool.
 *
 * @example
 * ```ts
 * import { RealPoolAdapter } from 'prisma-pg-real-pool'
 * import { PrismaClient } from './generated/client.js'
 *
 * const adapter = new RealPoolAdapter({
 *   connectionString: process.env.DATABASE_URL,
 *   pool: { minSize: 2, maxSize: 10, timeout: '10s' },
 * })
 * const prisma = new PrismaClient({ adapter })
 * ```
 */
export class RealPoolAdapter implements SqlMigrationAwareDriverAdapterFactory {
  readonly provider = 'postgres'
  readonly adapterName = ADAPTER_NAME
  /** The pool behind the adapter: its statistics, and its end. It opens when the first client connects. */
  readonly pool: RealPool
  readonly #options: ResolvedOptions
  readonly #config: ConnectionConfig
  readonly #lender: Lender
  #clients = 0

  /**
   * @param options - A connection URL, or the options.
   * @throws {@link OptionsError} (`POOL_OPTIONS`) naming every option that is not valid.
   */
  constructor(options: string | RealPoolAdapterOptions) {
    const resolved = resolveAdapterOptions(options)
    this.#options = debug === undefined ? resolved : { ...resolved, echo: { level: 'debug', log: debug } }
    this.#config = configFor(this.#options)
    this.#lender = makeLender(this.#options, this.#config, systemClock, () =>
      this.#options.onReconnectFailed?.(this.pool),
    )
    this.pool = new RealPool({ lender: this.#lender })
  }

  /** Called by Prisma when a client connects. The pool is open from the first client to the last. */
  connect(): Promise<SqlDriverAdapter> {
    // eslint-disable-next-line @typescript-eslint/require-await -- a failure must be a rejection
    return asPrismaDoes(async () => {
      this.#lender.open()
      this.#clients++
      return new RealPoolConnection(this.#lender, this.#config.schema, this.#options, () => {
        this.#clients--
        return this.#clients === 0 ? this.#lender.suspend() : Promise.resolve()
      })
    })
  }

  /** Called by Prisma Migrate: a database of its own, dropped when the adapter is disposed of. */
  async connectToShadowDb(): Promise<SqlDriverAdapter> {
    const database = `prisma_migrate_shadow_db_${globalThis.crypto.randomUUID()}`
    const main = await this.connect()
    try {
      await main.executeScript(`CREATE DATABASE "${database}"`)
    } catch (error) {
      await main.dispose()
      throw error
    }
    const config = withDatabase(this.#config, database)
    // It is another pool, open beside the main one.
    const pool = { ...this.#options.pool, name: database }
    const lender = makeLender({ ...this.#options, pool, pgPool: undefined }, config, systemClock)
    lender.open()
    return new RealPoolConnection(lender, this.#config.schema, this.#options, async () => {
      // A database that is in use cannot be dropped: first our own connections to it end.
      await lender.close({ force: true })
      const drop = () => main.executeScript(`DROP DATABASE IF EXISTS "${database}" WITH (FORCE)`)
      try {
        // Once more, lest the loss of one connection leave it behind: it does no harm to say it twice.
        await drop().catch(drop)
      } finally {
        await main.dispose()
      }
    })
  }
}
