/**
 * Where the adapter gets its connections from, whatever stands behind it: a pool of our own, or one of the
 * user's. Prisma's clients come and go, so a lender can be suspended and opened again.
 */
import { maxSizeOf, parseSizes, type Sizes } from '../option-schema.js'
import type { PgPool } from '../options.js'
import type { ResolvedOptions } from '../resolved-options.js'
import { OptionsError } from '../pool/errors.js'
import { echo } from '../observe/echo.js'
import { type Loans, watchLoans, warnsOfUnreleased } from '../observe/loans.js'
import { takeName } from '../observe/names.js'
import { Publisher } from '../observe/publisher.js'
import { type PoolReport, reportOf, type ServerAnswer } from '../observe/report.js'
import type { Clock } from '../pool/clock.js'
import type { Lease } from '../pool/lease.js'
import { Pool } from '../pool/pool.js'
import { Counters, type PoolStats } from '../pool/stats.js'
import { tell } from '../pool/tell.js'
import type { AcquireOptions, CloseOptions } from '../pool/types.js'
import { activityOf } from './activity.js'
import type { ConnectionConfig } from './connection-config.js'
import type { PgConnection } from './connection.js'
import { PgConnector } from './connector.js'
import { outsideRequests } from './no-request.js'
import { PgPoolConnector } from './pg-pool-connector.js'
import { type PgPoolWatcher, watchersOf } from './pg-pool-watch.js'
import { askServer } from './server-activity.js'

/** How long an idle connection of a `pg.Pool` may take to answer a check. */
const CHECK_MS = 5_000

export interface SizeChange {
  readonly minSize?: number | undefined
  readonly maxSize?: number | undefined
}

export interface Lender {
  /** The name of the pool. */
  readonly name: string
  /** Whether borrowers may share connections. */
  readonly pipelines: boolean
  /** Whether a connection may go to the next borrower before COMMIT is answered. */
  readonly handsOver: boolean
  /** Begins to make connections. Does nothing when open; throws when closed for good. */
  open(): void
  /** Resolves once the lender is as ready as it is meant to be. */
  wait(timeoutMs?: number): Promise<void>
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
  /** As `getStats`, but counted since the lender began, whatever `popStats` has set back. */
  getTotals(): PoolStats
  /** When `over` aborts, its reason is told instead of what the server would have said. */
  report(over?: AbortSignal): Promise<PoolReport>
}

/** The lender that these options ask for. */
export function makeLender(
  options: ResolvedOptions,
  config: ConnectionConfig,
  clock: Clock,
  onGaveUp?: () => void,
): Lender {
  const {
    pgPool,
    hooks,
    connectTimeout,
    credentialsTimeout,
    queryTimeout,
    statementCacheSize,
    sessionReset,
    pooler,
  } = options
  const limits = {
    limitMs: connectTimeout,
    credentialsTimeoutMs: credentialsTimeout,
    queryTimeoutMs: queryTimeout,
    statementCacheSize,
    sessionReset,
    sharesSessions: pooler === 'transaction',
  }
  if (pgPool !== undefined) {
    const connector = new PgPoolConnector(pgPool, config, limits, clock)
    return new PgPoolLender(pgPool, options, connector, clock)
  }
  const connector = new PgConnector(config, { ...hooks, ...limits }, clock)
  return new PoolLender(options, connector, clock, onGaveUp)
}

class PoolLender implements Lender {
  readonly name: string
  readonly pipelines: boolean
  readonly handsOver: boolean
  readonly #counters = new Counters()
  /** What was counted before the last `popStats`. */
  readonly #popped = new Counters()
  readonly #pool: Pool<PgConnection>
  readonly #connector: PgConnector
  readonly #clock: Clock
  readonly #loans: Loans<PgConnection> | undefined
  readonly #sharesSessions: boolean
  readonly #echo: ResolvedOptions['echo']
  #endEcho: (() => void) | undefined
  #giveNameBack: (() => void) | undefined
  readonly #onPoolError: ((error: Error) => void) | undefined
  #sizes: Sizes

  constructor(options: ResolvedOptions, connector: PgConnector, clock: Clock, onGaveUp = () => {}) {
    const { pool, leakDetectionThreshold, onPoolError, onConnectionError } = options
    const publisher = new Publisher<PgConnection>(pool.name, ({ processId }) => processId)
    const reports = {
      thresholdMs: leakDetectionThreshold,
      ofCollected: warnsOfUnreleased(process.env['REAL_POOL_WARN_UNRELEASED']),
      poolName: pool.name,
      describe: (connection: PgConnection) => connector.describe(connection),
      onLeak: (connection: PgConnection, heldMs: number, stack: string) => {
        this.#counters.leaksDetected++
        publisher.onLeak(connection, heldMs, stack)
      },
      report: (over: AbortSignal) => this.report(over),
    }
    this.name = pool.name
    this.#connector = connector
    this.#clock = clock
    this.#loans = watchLoans(reports, clock)
    this.#echo = options.echo
    this.#sharesSessions = options.pooler === 'transaction'
    this.pipelines = pool.pipelining > 1
    this.handsOver = mayHandOver(options)
    this.#sizes = pool
    this.#onPoolError = onPoolError
    this.#pool = new Pool(connector, pool, clock, {
      counters: this.#counters,
      onGaveUp: () => outsideRequests(onGaveUp),
      onRequest: this.#loans?.follow,
      observer: publisher,
      onLost: (error, wasIdle) => (wasIdle ? onPoolError : onConnectionError)?.(error),
    })
  }

  open(): void {
    // Its timers last as long as the pool.
    outsideRequests(() => this.#pool.open())
    this.#giveNameBack ??= takeName(this.name)
    this.#endEcho ??= echo(this.name, this.#echo.level, this.#echo.log)
  }

  wait(timeoutMs?: number): Promise<void> {
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
    this.#sizes = parseSizes(sizes, this.#sizes)
    this.#pool.resize(this.#sizes)
  }

  close(options?: CloseOptions): Promise<void> {
    return this.#silenceAfter(this.#pool.close(options))
  }

  suspend(): Promise<void> {
    // Whoever disconnects with work under way has five seconds; then even a server that is gone holds nobody.
    return this.#silenceAfter(this.#pool.suspend({ force: true }))
  }

  async #silenceAfter(closing: Promise<void>): Promise<void> {
    this.#giveNameBack?.()
    this.#giveNameBack = undefined
    await closing
    // It may have been opened again meanwhile.
    if (this.#pool.isOpen) return
    this.#endEcho?.()
    this.#endEcho = undefined
  }

  /** A connection is lost that was idle, but not in our own keeping. */
  onIdleLost(error: Error): void {
    this.#counters.connectionsLost++
    outsideRequests(() => tell(() => this.#onPoolError?.(error)))
  }

  getStats(): PoolStats {
    return this.statsOf(this.#counters)
  }

  popStats(): PoolStats {
    const stats = this.getStats()
    this.#popped.add(this.#counters)
    this.#counters.reset()
    return stats
  }

  getTotals(): PoolStats {
    const totals = new Counters()
    totals.add(this.#popped)
    totals.add(this.#counters)
    return this.statsOf(totals)
  }

  async report(over?: AbortSignal): Promise<PoolReport> {
    // All of one moment, before the server is asked.
    const { holders, waiters } = this.#pool.census()
    const facts = { stats: this.getStats(), waiters }
    const ours = holders.map(({ connection, heldMs, sharers }) => ({
      pid: connection.processId,
      heldMs,
      sharers,
      ...activityOf(connection),
      stacks: this.#loans?.stacksOf(connection) ?? [],
    }))
    const pids = ours.map(({ pid }) => pid)
    return reportOf(facts, ours, await this.#ask(pids, over))
  }

  async #ask(pids: readonly number[], over?: AbortSignal): Promise<ServerAnswer> {
    if (this.#sharesSessions) return { error: 'behind a pooler, it knows other connections than ours' }
    if (this.limit === 1) return { error: 'all its connections share one session, which is busy' }
    if (pids.length === 0) return { processes: [] }
    try {
      return { processes: await askServer(this.#connector, pids, this.#clock, over) }
    } catch (error) {
      if (over?.aborted === true) return { error: String(over.reason) }
      return { error: this.#connector.explain(error).message }
    }
  }

  /** How many connections the server can serve at a time, as far as that is known. */
  protected get limit(): number {
    return this.#pool.limit
  }

  /** The gauges of this moment, beside these counters. */
  protected statsOf(counters: Counters): PoolStats {
    return this.#pool.getStats(counters)
  }
}

/** Where nothing must happen between two borrowers, and none has a deadline that the other's COMMIT would eat up. */
function mayHandOver(options: ResolvedOptions): boolean {
  const { transaction, pgPool, pooler, queryTimeout, hooks, sessionReset } = options
  const runsHook = hooks.reset !== undefined || (hooks.configure !== undefined && sessionReset !== 'detected')
  const mustBeAlone = pgPool !== undefined || pooler === 'transaction' || runsHook
  return transaction.handOver && !mustBeAlone && queryTimeout === Infinity
}

/** Lends what a `pg.Pool` of the user's lends us. How many connections there are, and which, is its affair. */
class PgPoolLender extends PoolLender implements PgPoolWatcher {
  readonly #pgPool: PgPool
  readonly #watchers: Set<PgPoolWatcher>
  #maxSize: number

  constructor(pgPool: PgPool, options: ResolvedOptions, connector: PgPoolConnector, clock: Clock) {
    super(options, connector, clock)
    this.#pgPool = pgPool
    this.#watchers = watchersOf(pgPool)
    this.#maxSize = options.pool.maxSize
  }

  override open(): void {
    super.open()
    this.#watchers.add(this)
  }

  override acquire(options?: AcquireOptions): Promise<Lease<PgConnection>> {
    if (this.#pgPool.ending === true) this.onEnded()
    const maxSize = maxSizeOf(this.#pgPool)
    // Its owner may change it at any time.
    if (maxSize !== this.#maxSize) super.resize({ maxSize })
    this.#maxSize = maxSize
    return super.acquire(options)
  }

  override close(options?: CloseOptions): Promise<void> {
    this.#watchers.delete(this)
    return super.close(options)
  }

  override suspend(): Promise<void> {
    this.#watchers.delete(this)
    return super.suspend()
  }

  onEnded(): void {
    void this.close()
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

  protected override statsOf(counters: Counters): PoolStats {
    const { totalCount: poolSize, idleCount: poolAvailable } = this.#pgPool
    return Object.freeze({
      ...super.statsOf(counters),
      poolMax: Math.min(maxSizeOf(this.#pgPool), this.limit),
      poolSize,
      poolAvailable,
    })
  }

  /** Does something with every connection that is idle in the pool. */
  async #withIdle(work: (lease: Lease<PgConnection>) => Promise<void>): Promise<void> {
    const leases = Array.from({ length: this.#pgPool.idleCount }, () => this.acquire())
    await Promise.all(leases.map(async (lease) => work(await lease)))
  }
}
