/**
 * Where the adapter gets its connections from, whatever stands behind it: a pool of our own, or one of the
 * user's. Prisma's clients come and go, so a lender can be suspended and opened again.
 */
import { parseSizes } from '../option-schema.js'
import type { PgPool, ResolvedOptions } from '../options.js'
import { OptionsError } from '../pool/errors.js'
import { watchLoans, warnsOfUnreleased } from '../observe/loans.js'
import type { Clock } from '../pool/clock.js'
import type { Lease } from '../pool/lease.js'
import { Pool } from '../pool/pool.js'
import { Counters, type PoolStats } from '../pool/stats.js'
import { tell } from '../pool/tell.js'
import type { AcquireOptions, CloseOptions, PoolSettings } from '../pool/types.js'
import type { ConnectionConfig } from './connection-config.js'
import type { PgConnection } from './connection.js'
import { PgConnector } from './connector.js'
import { PgPoolConnector } from './pg-pool-connector.js'

/** How long an idle connection of a `pg.Pool` may take to answer a check. */
const CHECK_MS = 5_000

export interface SizeChange {
  readonly minSize?: number | undefined
  readonly maxSize?: number | undefined
}

export interface Lender {
  /** Begins to make connections. Does nothing when open; throws when closed for good. */
  open(): void
  /** Resolves once the lender is as ready as it is meant to be. */
  wait(timeoutMs: number): Promise<void>
  acquire(options?: AcquireOptions): Promise<Lease<PgConnection>>
  check(): Promise<void>
  drain(): Promise<void>
  /** Also for the pools to come. Throws when the sizes make no sense. */
  resize(sizes: SizeChange): void
  /** Closes for good. */
  close(options?: CloseOptions): Promise<void>
  /** Closes every connection; `open` begins anew. */
  suspend(): Promise<void>
  getStats(): PoolStats
  popStats(): PoolStats
}

/** The lender that these options ask for. */
export function makeLender(
  options: ResolvedOptions,
  config: ConnectionConfig,
  clock: Clock,
  onGaveUp?: () => void,
): Lender {
  const { pgPool, hooks, connectTimeout, queryTimeout } = options
  const limits = { limitMs: connectTimeout, queryTimeoutMs: queryTimeout }
  if (pgPool !== undefined) {
    const connector = new PgPoolConnector(pgPool, config, limits, clock)
    return new PgPoolLender(pgPool, options, connector, clock)
  }
  const connector = new PgConnector(config, { ...hooks, ...limits }, clock)
  return new PoolLender(options, connector, clock, onGaveUp)
}

class PoolLender implements Lender {
  readonly #counters = new Counters()
  readonly #pool: Pool<PgConnection>
  #sizes: Pick<PoolSettings, 'minSize' | 'maxSize' | 'maxIdleCount'>

  constructor(options: ResolvedOptions, connector: PgConnector, clock: Clock, onGaveUp = () => {}) {
    const { pool, leakDetectionThreshold, onPoolError, onConnectionError } = options
    const reports = {
      thresholdMs: leakDetectionThreshold,
      ofCollected: warnsOfUnreleased(process.env['REAL_POOL_WARN_UNRELEASED']),
      poolName: pool.name,
      onLeak: () => this.#counters.leaksDetected++,
    }
    this.#sizes = pool
    this.#pool = new Pool(connector, pool, clock, {
      counters: this.#counters,
      onGaveUp,
      onRequest: watchLoans(reports, clock),
      onLost: (error, wasIdle) => (wasIdle ? onPoolError : onConnectionError)?.(error),
    })
  }

  open(): void {
    this.#pool.open()
  }

  wait(timeoutMs: number): Promise<void> {
    return this.#pool.wait(timeoutMs)
  }

  acquire(options?: AcquireOptions): Promise<Lease<PgConnection>> {
    return this.#pool.acquire(options)
  }

  check(): Promise<void> {
    return this.#pool.check()
  }

  drain(): Promise<void> {
    return this.#pool.drain()
  }

  resize(sizes: SizeChange): void {
    const { maxIdleCount } = this.#sizes
    this.#sizes = parseSizes(sizes, { ...this.#sizes, maxIdleCount })
    this.#pool.resize(this.#sizes)
  }

  close(options?: CloseOptions): Promise<void> {
    return this.#pool.close(options)
  }

  suspend(): Promise<void> {
    // Whoever disconnects with work under way has five seconds; then even a server that is gone holds nobody.
    return this.#pool.suspend({ force: true })
  }

  getStats(): PoolStats {
    return this.#pool.getStats()
  }

  popStats(): PoolStats {
    const stats = this.getStats()
    this.#counters.reset()
    return stats
  }
}

/** Pools whose idle connections somebody listens to, lest the loss of one end the process. */
const guarded = new WeakSet<PgPool>()

/** Lends what a `pg.Pool` of the user's lends us. How many connections there are, and which, is its affair. */
class PgPoolLender extends PoolLender {
  readonly #pgPool: PgPool
  readonly #onPoolError: ((error: Error) => void) | undefined
  #isOpen = false

  constructor(pgPool: PgPool, options: ResolvedOptions, connector: PgPoolConnector, clock: Clock) {
    super(options, connector, clock)
    this.#pgPool = pgPool
    const { onPoolError } = options
    this.#onPoolError = onPoolError && ((error) => tell(() => onPoolError(error)))
    if (!guarded.has(pgPool)) pgPool.on('error', () => {})
    guarded.add(pgPool)
  }

  override open(): void {
    super.open()
    if (!this.#isOpen && this.#onPoolError !== undefined) this.#pgPool.on('error', this.#onPoolError)
    this.#isOpen = true
  }

  override close(options?: CloseOptions): Promise<void> {
    this.#stopListening()
    return super.close(options)
  }

  override suspend(): Promise<void> {
    this.#stopListening()
    return super.suspend()
  }

  override async check(): Promise<void> {
    await super.check()
    await this.#withIdle((lease) => {
      return lease.connection.ping(CHECK_MS).then(
        () => lease.release(),
        () => lease.destroy(),
      )
    })
  }

  override async drain(): Promise<void> {
    await super.drain()
    await this.#withIdle((lease) => lease.destroy())
  }

  override resize(): void {
    throw new OptionsError(
      'the sizes of a pg.Pool are its own: set `max` and `min` where it is made, or its `options.max`',
    )
  }

  override getStats(): PoolStats {
    const { totalCount: poolSize, idleCount: poolAvailable } = this.#pgPool
    return Object.freeze({ ...super.getStats(), poolSize, poolAvailable })
  }

  /** Does something with every connection that is idle in the pool. */
  async #withIdle(work: (lease: Lease<PgConnection>) => Promise<void>): Promise<void> {
    const leases = Array.from({ length: this.#pgPool.idleCount }, () => this.acquire())
    await Promise.all(leases.map(async (lease) => work(await lease)))
  }

  #stopListening(): void {
    if (this.#onPoolError !== undefined) this.#pgPool.removeListener('error', this.#onPoolError)
    this.#isOpen = false
  }
}
