/**
 * Where the adapter gets its connections from, whatever stands behind it; and the lender that everybody has,
 * a pool of our own. Prisma's clients come and go, so a lender can be suspended and opened again.
 */
import { parseSizes, type ResolvedOptions } from '../options.js'
import type { Clock } from '../pool/clock.js'
import type { Lease } from '../pool/lease.js'
import { Pool } from '../pool/pool.js'
import { Counters, type PoolStats } from '../pool/stats.js'
import type { AcquireOptions, CloseOptions } from '../pool/types.js'
import type { ConnectionConfig } from './connection-config.js'
import type { PgConnection } from './connection.js'
import { PgConnector } from './connector.js'

export interface Sizes {
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
  resize(sizes: Sizes): void
  /** Closes for good. */
  close(options?: CloseOptions): Promise<void>
  /** Closes every connection; `open` begins anew. */
  suspend(): Promise<void>
  getStats(): PoolStats
  popStats(): PoolStats
}

export class PoolLender implements Lender {
  readonly #counters = new Counters()
  readonly #pool: Pool<PgConnection>
  #sizes: { minSize: number; maxSize: number }

  constructor(options: ResolvedOptions, config: ConnectionConfig, clock: Clock, onGaveUp = () => {}) {
    const { pool, hooks, connectTimeout, onPoolError, onConnectionError } = options
    this.#sizes = pool
    const connector = new PgConnector(config, { ...hooks, limitMs: connectTimeout }, clock)
    this.#pool = new Pool(connector, pool, clock, {
      counters: this.#counters,
      onGaveUp,
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

  resize(sizes: Sizes): void {
    this.#sizes = parseSizes(sizes, this.#sizes)
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
    const stats = this.#pool.getStats()
    this.#counters.reset()
    return stats
  }
}
