/** The pool as users see it: connections to PostgreSQL, one borrower each. Usable without Prisma. */
import type { Client } from 'pg'
import { parseDuration } from '../option-schema.js'
import type { PoolReport } from '../observe/report.js'
import type { Duration, RealPoolOptions } from '../options.js'
import { resolveRealPoolOptions } from '../resolved-options.js'
import { systemClock } from '../pool/clock.js'
import type { Lease as PoolLease } from '../pool/lease.js'
import type { PoolStats } from '../pool/stats.js'
import { configFor } from './connection-config.js'
import type { PgConnection } from './connection.js'
import { type Lender, makeLender } from './lender.js'
import { lendClient, type LentClient } from './lent-client.js'

/** How many sessions may fail to be reset before the caller hears of it. */
const MOST_ATTEMPTS = 3

/** A connection on loan. Give it back exactly once, by `release` or by `destroy`. */
export interface Lease {
  /**
   * The connection. Once the lease is over it refuses every use.
   * @throws {@link LeaseError} (`POOL_LEASE`) once the lease is over.
   */
  readonly client: Client
  /**
   * Gives the connection back. An open transaction is rolled back first. The promise resolves when the
   * connection is free again, or closed because it was of no use any more; it never rejects.
   * @throws {@link LeaseError} (`POOL_LEASE`) when the lease is over already.
   */
  release(): Promise<void>
  /**
   * Closes the connection instead of returning it; the pool opens a new one.
   * @param reason - Why, for `onConnectionError`.
   * @throws {@link LeaseError} (`POOL_LEASE`) when the lease is over already.
   */
  destroy(reason?: Error): Promise<void>
}

/** How one request for a connection differs from the pool's defaults. */
export interface AcquireLeaseOptions {
  /** How long to wait; `0`: not at all. @defaultValue the pool's `timeout` */
  readonly timeout?: Duration | undefined
  /** Gives up waiting when it aborts: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/**
 * A pool of connections to PostgreSQL.
 *
 * @example
 * ```ts
 * import { RealPool } from 'prisma-pg-real-pool'
 *
 * const pool = new RealPool({ connectionString: process.env.DATABASE_URL, pool: { maxSize: 5 } })
 * await pool.open()
 * const { rows } = await pool.use((client) => client.query('SELECT now()'))
 * await pool.close()
 * ```
 */
export class RealPool {
  readonly #lender: Lender

  /** @throws {@link OptionsError} (`POOL_OPTIONS`) naming every option that is not valid. */
  constructor(options: string | RealPoolOptions)
  /** @internal The adapter's pool shares the adapter's lender. */
  constructor(options: { lender: Lender })
  constructor(options: string | RealPoolOptions | { lender: Lender }) {
    if (typeof options === 'object' && options !== null && 'lender' in options) {
      this.#lender = options.lender
      return
    }
    const resolved = resolveRealPoolOptions(options)
    this.#lender = makeLender(resolved, configFor(resolved), systemClock, () =>
      resolved.onReconnectFailed?.(this),
    )
  }

  /**
   * Opens the pool: `minSize` connections are made in the background. Opening an open pool does nothing.
   *
   * @param options - With `wait`, resolves only once those connections exist, in at most `timeout`
   * (default `'30s'`): a way to fail at the start of a service rather than at its first query.
   * @throws {@link PoolClosedError} (`POOL_CLOSED`) when the pool was closed.
   * @throws {@link PoolTimeoutError} (`POOL_TIMEOUT`), whose cause is the last failure to connect.
   */
  async open({ wait = false, timeout }: { wait?: boolean; timeout?: Duration } = {}): Promise<void> {
    this.#lender.open()
    if (wait) await this.wait(timeout)
  }

  /**
   * Resolves once `minSize` connections exist. When that takes longer than `timeout` (default `'30s'`) it
   * rejects, and the pool goes on trying.
   *
   * @throws {@link PoolTimeoutError} (`POOL_TIMEOUT`), whose cause is the last failure to connect.
   */
  async wait(timeout?: Duration): Promise<void> {
    await this.#lender.wait(timeoutMsOf(timeout))
  }

  /**
   * Borrows a connection. Prefer `use`, which cannot forget to give it back.
   *
   * @throws {@link PoolTimeoutError} (`POOL_TIMEOUT`) when none became free in time.
   * @throws {@link TooManyRequestsError} (`POOL_TOO_MANY_REQUESTS`) when `maxWaiting` requests wait already.
   * @throws {@link PoolConnectError} (`POOL_CONNECT`) when none can be made: a wrong password, a missing database.
   * @throws {@link PoolClosedError} (`POOL_CLOSED`) when the pool is not open.
   */
  async acquire({ timeout, signal }: AcquireLeaseOptions = {}): Promise<Lease> {
    for (let attempt = 1; ; attempt++) {
      const lease = await this.#lender.acquire({ timeout: timeoutMsOf(timeout), signal })
      const { connection } = lease
      if (connection.reset?.isDue !== true) return new ClientLease(lease)
      // node-postgres sends by itself from now on, and so must not send behind a reset that may fail.
      try {
        await connection.becomesReset()
        return new ClientLease(lease)
      } catch (error) {
        void lease.release()
        if (attempt === MOST_ATTEMPTS) throw error
      }
    }
  }

  /** Borrows a connection for as long as `work` runs. Rejects as `acquire` does, or with what `work` throws. */
  async use<T>(work: (client: Client) => Promise<T>, options?: AcquireLeaseOptions): Promise<T> {
    const lease = await this.acquire(options)
    try {
      return await work(lease.client)
    } finally {
      await lease.release()
    }
  }

  /**
   * Closes the pool for good: whoever waits is turned away, idle connections are closed, and connections on
   * loan are closed when they come back. Resolves when all are closed, or after `timeout` (default `'5s'`);
   * with `force`, those still on loan then are destroyed.
   *
   * @throws {@link OptionsError} (`POOL_OPTIONS`) when `timeout` is no duration.
   */
  async close({ timeout, force }: { timeout?: Duration; force?: boolean } = {}): Promise<void> {
    await this.#lender.close({ timeout: timeoutMsOf(timeout), force })
  }

  /**
   * Asks after every idle connection, and replaces those that do not answer or have expired; also tries to
   * open what is missing for `minSize`. Resolves when all have answered or failed to.
   *
   * @throws {@link PoolClosedError} (`POOL_CLOSED`) when the pool is not open.
   */
  async check(): Promise<void> {
    await this.#lender.check()
  }

  /**
   * Replaces every connection, for example after a change that only new sessions see: idle ones now, those on
   * loan when they come back. Resolves when the idle ones are closed.
   *
   * @throws {@link PoolClosedError} (`POOL_CLOSED`) when the pool is not open.
   */
  async drain(): Promise<void> {
    await this.#lender.drain()
  }

  /**
   * Changes the sizes; what is not given stays as it is. A larger `minSize` is filled at once. With a smaller
   * `maxSize` no connection is closed at once: those that are too many are closed as they come back or are
   * next to be lent, or after `maxIdle`.
   *
   * @throws {@link OptionsError} (`POOL_OPTIONS`) when the sizes make no sense; then nothing changes.
   */
  resize(sizes: { readonly minSize?: number; readonly maxSize?: number }): void {
    this.#lender.resize(sizes)
  }

  /** Closes the pool, so that it can be declared with `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** How the pool is doing: gauges of this moment, and counters since it began or since `popStats`. */
  getStats(): PoolStats {
    return this.#lender.getStats()
  }

  /** As `getStats`, then sets the counters back to zero. */
  popStats(): PoolStats {
    return this.#lender.popStats()
  }

  /**
   * As `getStats`, but with the counters since the pool began, whatever `popStats` has set back: for whoever watches
   * beside others. The exporters read these.
   */
  getTotals(): PoolStats {
    return this.#lender.getTotals()
  }

  /**
   * Who holds connections, for how long, in which transaction and at which statement; who waits; and what the server
   * says about it, with those that block them. `String(report)` is a text to read. The server is asked on a
   * connection beside the pool's, which is closed again; without an answer in two seconds the report says so.
   *
   * @example
   * ```ts
   * process.on('SIGUSR2', async () => console.warn(String(await adapter.pool.report())))
   * ```
   */
  report(): Promise<PoolReport> {
    return this.#lender.report()
  }
}

function timeoutMsOf(timeout: Duration | undefined): number | undefined {
  return timeout === undefined ? undefined : parseDuration('timeout', timeout)
}

class ClientLease implements Lease {
  readonly #lease: PoolLease<PgConnection>
  #lent: LentClient | undefined

  constructor(lease: PoolLease<PgConnection>) {
    this.#lease = lease
  }

  get client(): Client {
    const { client } = this.#lease.connection
    this.#lent ??= lendClient(client)
    return this.#lent.client
  }

  release(): Promise<void> {
    this.#lent?.revoke()
    return this.#lease.release()
  }

  destroy(reason?: Error): Promise<void> {
    this.#lent?.revoke()
    return this.#lease.destroy(reason)
  }
}
