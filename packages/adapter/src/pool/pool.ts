/**
 * The pool: lends connections of any kind, to one borrower each or to some who share. Here are the requests:
 * served at once, queued, timed out, aborted, turned away. Where connections go is circulation.ts; how many there
 * are, supply.ts; who shares, sharing.ts; and what all decide by, the ledger.
 */
import { Aborts } from './aborts.js'
import { type Census, longestHeld, takeCensus } from './census.js'
import { Circulation } from './circulation.js'
import type { Clock } from './clock.js'
import { Conditions } from './conditions.js'
import { Deadlines } from './deadlines.js'
import {
  PoolClosedError,
  PoolConnectError,
  PoolTimeoutError,
  TooManyRequestsError,
  withoutStack,
} from './errors.js'
import { Lease, type LeaseOwner } from './lease.js'
import { type Entry, Ledger } from './ledger.js'
import { overdueMessage, timeoutMessage, tooManyMessage } from './messages.js'
import type { PoolObserver } from './observer.js'
import type { QueueItem } from './queue.js'
import { Sharing } from './sharing.js'
import { Counters, type PoolStats } from './stats.js'
import { Succession } from './succession.js'
import { Supply } from './supply.js'
import { tell } from './tell.js'
import type { AcquireOptions, CloseOptions, CloseReason, Connector, Loan, PoolSettings } from './types.js'
import { Waiter } from './waiter.js'

const DEFAULT_WAIT_MS = 30_000
const DEFAULT_CLOSE_MS = 5_000
const DONE = Promise.resolve()

export interface PoolHooks<C = unknown> {
  /** Counters to go on with, instead of new ones. */
  readonly counters?: Counters
  /** Told of every connection that is lost, or destroyed by its borrower for a reason. */
  readonly onLost?: (error: Error, wasIdle: boolean) => unknown
  /** Told when the pool gives up to open a connection, after `reconnectTimeout`. */
  readonly onGaveUp?: () => unknown
  /** Told of every request, in the stack of its call, to follow the loan that comes of it. */
  readonly onRequest?: (() => Loan) | undefined
  readonly observer?: PoolObserver<C> | undefined
}

export class Pool<C> {
  readonly settings: PoolSettings
  readonly #connector: Connector<C>
  readonly #clock: Clock
  readonly #counters: Counters
  readonly #ledger: Ledger<C, Waiter<Lease<C>>>
  readonly #circulation: Circulation<C, Waiter<Lease<C>>>
  readonly #supply: Supply<C>
  /** None where connections are never shared. */
  readonly #sharing: Sharing<C, Waiter<Lease<C>>> | undefined
  readonly #deadlines: Deadlines
  readonly #aborts = new Aborts()
  readonly #hooks: Omit<PoolHooks<C>, 'counters'>
  readonly #observer: PoolObserver<C> | undefined
  #requestsQueued = 0
  #state: 'new' | 'open' | 'closed' = 'new'
  #closed: Promise<void> | undefined
  readonly #conditions: Conditions

  constructor(
    connector: Connector<C>,
    settings: PoolSettings,
    clock: Clock,
    { counters = new Counters(), ...hooks }: PoolHooks<NoInfer<C>> = {},
  ) {
    this.settings = settings
    this.#connector = connector
    this.#clock = clock
    this.#counters = counters
    this.#hooks = hooks
    this.#observer = hooks.observer
    this.#ledger = new Ledger(settings)
    this.#sharing = settings.pipelining > 1 ? this.#makeSharing(settings.pipelining) : undefined
    this.#deadlines = new Deadlines(clock, { keepAlive: true })
    this.#conditions = new Conditions(clock)
    this.#circulation = new Circulation(connector, this.#ledger, clock, settings, counters, {
      onGranted: (waiter, entry) => {
        this.#grant(waiter, entry)
        this.#sharing?.serve()
      },
      onReplaceable: (diedYoung) => this.#supply.replace(diedYoung),
      onUnfit: () => this.#serve(),
      onAnswered: () => this.#sharing?.serve(),
      onSurplus: () => this.#sharing?.serve(),
      onClosed: (entry, reason, ageMs) => this.#onClosed(entry, reason, ageMs),
      onLost: (entry, error, wasIdle) => this.#onLost(entry, error, wasIdle),
    })
    this.#supply = new Supply(connector, this.#ledger, clock, settings, counters, {
      onOpened: (connection, connectMs) => this.#onOpened(connection, connectMs),
      onFailed: (error, isFinal, retryInMs) => this.#onOpenFailed(error, isFinal, retryInMs),
      onGaveUp: () => tell(() => this.#hooks.onGaveUp?.()),
      onGrowing: () => this.#sharing?.serve(),
    })
  }

  #makeSharing(depth: number): Sharing<C, Waiter<Lease<C>>> {
    return new Sharing(this.#ledger, this.#clock, depth, {
      mayBeJoined: (entry) => this.#circulation.mayBeJoined(entry),
      onWanted: () => this.#supply.growFor(this.#ledger.waiting + 1),
      failsToOpen: () => this.#supply.lastError !== undefined,
      onGranted: (waiter, entry) => this.#grant(waiter, entry),
    })
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** Begins to open `minSize` connections in the background. Does nothing when the pool is open already. */
  open(): void {
    if (this.#state === 'open') return
    if (this.#state === 'closed') {
      throw new PoolClosedError(`the pool '${this.settings.name}' was closed and cannot be opened again`)
    }
    this.#state = 'open'
    this.#circulation.start()
    this.#supply.fill()
    this.#conditions.notify()
  }

  /**
   * Resolves once `minSize` connections exist; in a pool that keeps none, once one could be made. The pool stays
   * as it is when that takes too long.
   */
  async wait(timeoutMs = DEFAULT_WAIT_MS): Promise<void> {
    if (this.#state !== 'open') throw this.#notOpenError()
    if (this.settings.maxIdleCount === 0) {
      const lease = await this.acquire({ timeout: timeoutMs })
      return lease.release()
    }
    // A pool that has given up begins again.
    this.#supply.fill()
    this.#supply.kick()
    const isFilled = await this.#conditions.until(
      () => this.#ledger.alive >= this.#ledger.sizes.minSize || !this.isOpen,
      timeoutMs,
    )
    if (!isFilled) throw this.#timeoutError(timeoutMs)
    if (!this.isOpen) throw this.#notOpenError()
  }

  acquire(options: AcquireOptions = {}): Promise<Lease<C>> {
    const { timeout = this.settings.timeout, signal, shared = false, follows = false } = options
    this.#counters.requestsNum++
    if (this.#state !== 'open') return this.#turnAway(this.#notOpenError())
    if (signal?.aborted === true) return this.#turnAway(signal.reason)
    const loan = this.#hooks.onRequest?.()
    const isShared = shared && this.#sharing !== undefined
    const entry =
      (timeout > 0 ? this.#takeReady(isShared) : this.#circulation.takeUnexamined(isShared)) ??
      (isShared ? this.#sharing?.join(timeout > 0, follows && timeout > 0) : undefined)
    if (entry !== undefined) {
      const lease = this.#lend(entry, loan)
      if (entry.unanswered > 0) this.#succeed(lease, entry, lease.lentAt, timeout)
      return Promise.resolve(lease)
    }
    if (timeout <= 0) {
      // It gets none, but it shows that one more is wanted.
      if (this.settings.maxIdleCount > 0) this.#supply.growFor(1)
      this.#supply.kick()
      return this.#turnAway(this.#timeoutError(timeout))
    }
    if (this.#ledger.queueIsFull) {
      const { name } = this.settings
      const { maxWaiting } = this.#ledger.sizes
      const counts = this.#ledger.counts()
      return this.#turnAway(new TooManyRequestsError(tooManyMessage(name, maxWaiting, counts), { counts }))
    }
    return this.#queue(timeout, options, { isShared, follows }, loan)
  }

  /** Asks after every idle connection, replaces the dead ones, and tries to open what is missing. */
  async check(): Promise<void> {
    if (!this.isOpen) throw this.#notOpenError()
    this.#supply.fill()
    await this.#circulation.check()
  }

  /** Replaces every connection: idle ones at once, lent ones when they come back. */
  async drain(): Promise<void> {
    if (!this.isOpen) throw this.#notOpenError()
    await this.#circulation.drain()
  }

  /** Other sizes from now on. Nothing is closed at once: what is too much leaves as it comes back, or idles. */
  resize(sizes: { readonly minSize: number; readonly maxSize: number }): void {
    this.#ledger.resize(sizes)
    if (!this.isOpen) return
    this.#supply.fill()
    this.#supply.grow()
    this.#sharing?.serve()
    this.#conditions.notify()
  }

  /** How many connections the server can serve at a time, as far as that is known. */
  get limit(): number {
    return this.#ledger.limit
  }

  getStats(counters = this.#counters): PoolStats {
    return counters.snapshot(this.settings.name, this.#ledger.sizes, this.#ledger.counts())
  }

  /** Who holds which connection, and who waits. */
  census(): Census<C> {
    return takeCensus(this.#ledger.entries(), this.#ledger.waiters(), this.#clock.now())
  }

  /**
   * Turns away who waits, closes what is idle, and resolves when every connection is closed or the time is
   * up. Connections that are lent are closed when they come back, or at the deadline with `force`.
   */
  close(options?: CloseOptions): Promise<void> {
    if (this.#closed !== undefined && options?.force === true) return this.#stop('closed', options)
    this.#closed ??= this.#stop('closed', options)
    return this.#closed
  }

  /** As `close`, but the pool can be opened again; connections that are still lent then count as before. */
  suspend(options?: CloseOptions): Promise<void> {
    return this.isOpen ? this.#stop('new', options) : Promise.resolve()
  }

  async #stop(
    state: 'new' | 'closed',
    { timeout = DEFAULT_CLOSE_MS, force = false }: CloseOptions = {},
  ): Promise<void> {
    this.#state = state
    this.#turnAwayAll(() => new PoolClosedError(`the pool '${this.settings.name}' is closed`))
    this.#supply.stop()
    this.#circulation.stop()
    this.#conditions.notify()
    const isEmpty = await this.#conditions.until(
      () => this.isOpen || this.#ledger.alive + this.#ledger.closing === 0,
      timeout,
    )
    if (!isEmpty && force) this.#circulation.destroyAll()
  }

  // --- Lending ---

  /** Whoever comes behind others that wait must wait too, even if only for an examination to end. */
  #takeReady(isShared: boolean): Entry<C> | undefined {
    return this.#ledger.waiting > 0 ? undefined : this.#circulation.takeReady(isShared)
  }

  #lend(
    entry: Entry<C>,
    loan: Loan | undefined,
    now = this.#clock.now(),
    request?: number,
    waitedMs = 0,
  ): Lease<C> {
    this.#counters.waitTimes.record(waitedMs)
    if (entry.sharers <= 1) entry.leasedAt = entry.headSince = now
    this.#connector.hold(entry.connection, entry.sharers > 0)
    const lease = new Lease(entry, this.#owner, now, loan)
    loan?.onLent(lease)
    this.#observer?.onLent(entry.connection, request, waitedMs)
    return lease
  }

  #queue(
    timeoutMs: number,
    { signal, onQueued }: AcquireOptions,
    kind: Pick<QueueItem, 'isShared' | 'follows'>,
    loan: Loan | undefined,
  ): Promise<Lease<C>> {
    return new Promise((resolve, reject) => {
      const enqueuedAt = this.#clock.now()
      const waiter = new Waiter<Lease<C>>(
        ++this.#requestsQueued,
        enqueuedAt,
        timeoutMs,
        kind,
        loan,
        resolve,
        reject,
      )
      this.#ledger.enqueue(waiter)
      this.#counters.requestsQueued++
      waiter.watch(
        this.#deadlines.add(enqueuedAt + timeoutMs, () =>
          this.#giveUp(waiter, () => withoutStack(() => this.#timeoutError(timeoutMs))),
        ),
        signal && this.#aborts.add(signal, () => this.#giveUp(waiter, () => signal.reason)),
      )
      onQueued?.((reason) => this.#giveUp(waiter, () => reason))
      // Watched by now, since whoever is told may end the wait at once.
      this.#observer?.onWaiting(waiter.request, this.#ledger.waiting)
      this.#serve()
      this.#supply.kick()
    })
  }

  /** Whoever waits gets what is idle, or else what can be opened. */
  #serve(): void {
    this.#circulation.serve()
    this.#supply.grow()
    this.#sharing?.serve()
  }

  #grant(waiter: Waiter<Lease<C>>, entry: Entry<C>): void {
    const now = this.#clock.now()
    const waitedMs = now - waiter.enqueuedAt
    this.#counters.waited(waitedMs)
    const lease = this.#lend(entry, waiter.loan, now, waiter.request, waitedMs)
    if (entry.unanswered > 0) this.#succeed(lease, entry, waiter.enqueuedAt, waiter.timeoutMs)
    waiter.grant(lease)
  }

  /** A lease begins behind the COMMIT of another: until that is answered, the deadline of its request stays. */
  #succeed(lease: Lease<C>, entry: Entry<C>, askedAt: number, timeoutMs: number): void {
    lease.succession = new Succession(entry, this.#deadlines, askedAt + timeoutMs, () => {
      entry.isOverdue = true
      const error = withoutStack(() => this.#overdueError(timeoutMs))
      this.#counters.failed(error)
      this.#observer?.onFailed(error, undefined, this.#clock.now() - askedAt)
      return error
    })
  }

  /** A waiter leaves the queue without a connection, for a reason of its own. */
  #giveUp(waiter: Waiter<Lease<C>>, reason: () => unknown): void {
    // First it leaves, so that the numbers in its error are those of the others.
    if (!this.#ledger.withdraw(waiter)) return
    this.#fail(waiter, reason())
    // A connection that was meant for it alone may be shared again; not by those who give up in the same moment.
    if (this.#sharing !== undefined) queueMicrotask(() => this.#sharing?.serve())
  }

  #turnAwayAll(reason: () => Error): void {
    let waiter = this.#ledger.nextWaiter()
    while (waiter !== undefined) {
      this.#fail(waiter, reason())
      waiter = this.#ledger.nextWaiter()
    }
  }

  #fail(waiter: Waiter<Lease<C>>, reason: unknown): void {
    const waitedMs = this.#clock.now() - waiter.enqueuedAt
    this.#counters.failed(reason)
    this.#counters.waited(waitedMs)
    this.#observer?.onFailed(reason, waiter.request, waitedMs)
    waiter.reject(reason)
  }

  #turnAway(reason: unknown): Promise<never> {
    this.#counters.failed(reason)
    this.#observer?.onFailed(reason, undefined, 0)
    // An AbortSignal's reason may be anything; it is the caller's own.
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
    return Promise.reject(reason)
  }

  // Made once, so that a lease costs no closure.
  readonly #owner: LeaseOwner<C> = {
    takeBack: (lease, entry, how, reason) => {
      const isAnswered = lease.overdue === undefined
      const now = this.#end(lease, entry, how, reason)
      if (reason !== undefined) tell(() => this.#hooks.onLost?.(reason, false))
      if (how === 'destroyed') entry.isUseless = true
      return entry.sharers > 0 ? this.#leave(entry, now, isAnswered) : this.#takeBack(entry, now)
    },
    hasFollower: () => this.#ledger.hasFollower,
    handOver: (lease, entry, answered) => {
      const waiter = this.#circulation.handOver(entry, answered)
      if (waiter === undefined) return false
      // Whoever is told of it may reset the counters.
      const now = this.#end(lease, entry, 'released')
      this.#counters.usageMs += now - entry.leasedAt
      this.#grant(waiter, entry)
      this.#sharing?.serve()
      return true
    },
  }

  /** Returns when it was. */
  #end(lease: Lease<C>, { connection }: Entry<C>, how: 'released' | 'destroyed', reason?: Error): number {
    const now = this.#clock.now()
    const heldMs = now - lease.lentAt
    lease.succession?.end()
    this.#counters.useTimes.record(heldMs)
    this.#observer?.onReturned(connection, how, heldMs, reason)
    lease.loan?.onReturned()
    return now
  }

  /** One who shares a connection is done with it; with the last of them it goes its way. */
  #leave(entry: Entry<C>, now: number, isAnswered: boolean): Promise<void> {
    if (isAnswered && !entry.isUseless) this.#circulation.noteAnswer(entry)
    const left = isAnswered ? this.#sharing?.leave(entry) : this.#sharing?.abandon(entry)
    const done = left === 0 ? this.#takeBack(entry, now) : DONE
    this.#sharing?.serve()
    return done
  }

  #takeBack(entry: Entry<C>, now: number): Promise<void> {
    this.#counters.usageMs += now - entry.leasedAt
    return this.#circulation.takeBack(entry)
  }

  // --- What happens to connections ---

  #onOpened(connection: C, connectMs: number): void {
    const isLimited = this.#limitTo(this.#connector.limitOf?.(connection) ?? Infinity)
    // Whoever is told may ask for a connection: not told before this one counts, lest there be one too many.
    this.#circulation.admit(connection, () => this.#observer?.onOpened(connection, connectMs))
    if (isLimited) {
      this.#supply.fill()
      this.#supply.grow()
    }
    // It may have to be cleaned first, or be of no use.
    this.#sharing?.serve()
    this.#conditions.notify()
  }

  /** Gives up what is being opened beyond the limit; returns whether it is another limit than before. */
  #limitTo(limit: number): boolean {
    if (limit === this.#ledger.limit) return false
    this.#ledger.limit = limit
    if (Number.isFinite(limit)) this.#supply.stop()
    return true
  }

  #onLost({ connection }: Entry<C>, error: Error, wasIdle: boolean): void {
    this.#observer?.onLost(connection, error, wasIdle)
    tell(() => this.#hooks.onLost?.(error, wasIdle))
  }

  #onClosed({ connection }: Entry<C>, reason: CloseReason, ageMs: number): void {
    this.#counters.closed(reason)
    this.#observer?.onClosed(connection, reason, ageMs)
    // What was wanted while its place was taken may be opened now.
    if (this.isOpen) {
      this.#supply.fill()
      this.#supply.grow()
      this.#sharing?.serve()
    }
    this.#conditions.notify()
  }

  #onOpenFailed(error: unknown, isFinal: boolean, retryInMs: number | undefined): void {
    this.#observer?.onOpenFailed(error, retryInMs)
    const { isPermanent, message } = this.#connector.explain(error)
    const counts = this.#ledger.counts()
    const connectError = (): Error => new PoolConnectError(message, { cause: error, counts })
    const isHopeless = this.#ledger.alive === 0
    // With nothing to be returned to them and no hope of a connection, those who wait need wait no longer.
    if (isPermanent && isHopeless) this.#turnAwayAll(connectError)
    if (isFinal && this.#ledger.waiting > this.#ledger.onTheirWay) {
      const waiter = this.#ledger.nextWaiter()
      if (waiter !== undefined) this.#fail(waiter, connectError())
    }
    // Nor have they anything else to hope for; where everybody waits, no new request comes that would say so.
    if (isHopeless && this.#ledger.waiting > 0) this.#supply.kick()
    // What cannot be opened need not be waited for.
    this.#sharing?.serve()
  }

  // --- Errors ---

  #notOpenError(): PoolClosedError {
    const state = this.#state === 'new' ? 'is not open yet: call open() first' : 'is already closed'
    return new PoolClosedError(`the pool '${this.settings.name}' ${state}`)
  }

  #timeoutError(timeoutMs: number): PoolTimeoutError {
    const counts = this.#ledger.counts()
    const cause = this.#supply.lastError
    const failure = cause === undefined ? undefined : this.#connector.explain(cause).message
    const { name } = this.settings
    const message = timeoutMessage(name, timeoutMs, counts, failure, this.#longestHolding())
    return new PoolTimeoutError(message, { cause, counts })
  }

  #overdueError(timeoutMs: number): PoolTimeoutError {
    const counts = this.#ledger.counts()
    return new PoolTimeoutError(overdueMessage(this.settings.name, timeoutMs, counts), { counts })
  }

  #longestHolding(): string | undefined {
    const entry = longestHeld(this.#ledger.entries())
    if (entry === undefined) return undefined
    const heldS = ((this.#clock.now() - entry.leasedAt) / 1_000).toFixed(1)
    return `for ${heldS} s, ${this.#connector.describe(entry.connection)}`
  }
}
