/**
 * The pool: lends connections of any kind, one borrower each. Every decision about who gets which connection
 * is made synchronously by the ledger; here are the promises, deadlines and background work around it.
 */
import type { Clock } from './clock.js'
import { Deadlines } from './deadlines.js'
import { PoolClosedError, PoolConnectError, PoolTimeoutError, TooManyRequestsError } from './errors.js'
import { Keeper } from './keeper.js'
import { Lease, type TakeBack } from './lease.js'
import { Entry, Ledger } from './ledger.js'
import { timeoutMessage, tooManyMessage } from './messages.js'
import { Opener, type Slot } from './opener.js'
import { Counters, type PoolStats } from './stats.js'
import type { AcquireOptions, CloseOptions, CloseReason, Connector, PoolSettings } from './types.js'
import { Waiter } from './waiter.js'

const DEFAULT_WAIT_MS = 30_000
const DEFAULT_CLOSE_MS = 5_000

/** An expired connection is replaced at up to 5 % less than `maxLifetime`, so that not all expire at once. */
const LIFETIME_JITTER = 0.05

const DONE = Promise.resolve()

/** Why a connection that leaves is not replaced. */
const NOT_REPLACED: ReadonlySet<CloseReason> = new Set(['idle', 'poolClosed'])

export interface PoolHooks {
  /** Counters to go on with, instead of new ones. */
  readonly counters?: Counters
  /** Told of every connection that is lost. */
  readonly onLost?: (error: Error, wasIdle: boolean) => void
}

export class Pool<C> {
  readonly settings: PoolSettings
  readonly #connector: Connector<C>
  readonly #clock: Clock
  readonly #counters: Counters
  readonly #ledger: Ledger<C, Waiter<Lease<C>>>
  readonly #opener: Opener<C>
  readonly #keeper: Keeper
  readonly #deadlines: Deadlines
  #state: 'new' | 'open' | 'closed' = 'new'
  /** Only one connection at a time is opened because someone waits: a burst must not open them all. */
  #isGrowing = false
  #lastConnectError: unknown
  readonly #tellLost: PoolHooks['onLost']
  readonly #closing = new Set<Promise<void>>()
  #closed: Promise<void> | undefined
  /** Told after every change that they may be waiting for: see `#until`. */
  readonly #observers = new Set<() => void>()

  constructor(
    connector: Connector<C>,
    settings: PoolSettings,
    clock: Clock,
    { counters = new Counters(), onLost }: PoolHooks = {},
  ) {
    this.settings = settings
    this.#tellLost = onLost
    this.#connector = connector
    this.#clock = clock
    this.#counters = counters
    this.#ledger = new Ledger(settings)
    this.#deadlines = new Deadlines(clock)
    this.#opener = new Opener(connector, clock, settings, {
      onOpened: (connection, connectMs, slot) => this.#onOpened(connection, connectMs, slot),
      onFailed: (error) => this.#onOpenFailed(error),
      onGaveUp: (slot) => this.#onGaveUp(slot),
    })
    this.#keeper = new Keeper(clock, settings.maxIdle, {
      onIdleWindowEnd: () => this.#onIdleWindowEnd(),
      onExpiry: (now) => this.#onExpiry(now),
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
    this.#keeper.start()
    this.#refill()
  }

  /** Resolves once `minSize` connections exist. The pool stays as it is when that takes too long. */
  async wait(timeoutMs = DEFAULT_WAIT_MS): Promise<void> {
    if (this.#state !== 'open') throw this.#notOpenError()
    const isFilled = await this.#until(
      () => this.#ledger.alive >= this.settings.minSize || this.#state === 'closed',
      timeoutMs,
    )
    if (!isFilled) throw this.#timeoutError(timeoutMs)
    if (!this.isOpen) throw this.#notOpenError()
  }

  acquire({ timeout = this.settings.timeout, signal }: AcquireOptions = {}): Promise<Lease<C>> {
    this.#counters.requestsNum++
    if (this.#state !== 'open') return this.#turnAway(this.#notOpenError())
    if (signal?.aborted === true) return this.#turnAway(signal.reason)
    const entry = this.#takeIdle()
    if (entry !== undefined) return Promise.resolve(this.#lend(entry))
    if (timeout <= 0) return this.#turnAway(this.#timeoutError(timeout))
    if (this.#ledger.queueIsFull) {
      const { name, maxWaiting } = this.settings
      const counts = this.#ledger.counts()
      return this.#turnAway(new TooManyRequestsError(tooManyMessage(name, maxWaiting, counts), { counts }))
    }
    return this.#queue(timeout, signal)
  }

  getStats(): PoolStats {
    return this.#counters.snapshot(this.settings.name, this.settings.minSize, this.#ledger.counts())
  }

  /**
   * Turns away who waits, closes what is idle, and resolves when every connection is closed or the time is
   * up. Connections that are lent are closed when they come back, or at the deadline with `force`.
   */
  close(options: CloseOptions = {}): Promise<void> {
    this.#closed ??= this.#close(options)
    return this.#closed
  }

  async #close({ timeout = DEFAULT_CLOSE_MS, force = false }: CloseOptions): Promise<void> {
    this.#state = 'closed'
    this.#turnAwayAll(() => new PoolClosedError(`the pool '${this.settings.name}' is closed`))
    this.#opener.stop()
    this.#keeper.stop()
    for (const entry of this.#ledger.idleEntries()) void this.#retire(entry, 'poolClosed')
    this.#notify()
    const isEmpty = await this.#until(() => this.#ledger.alive === 0 && this.#closing.size === 0, timeout)
    if (isEmpty || !force) return
    for (const entry of this.#ledger.entries()) this.#connector.destroy(entry.connection)
  }

  // --- Lending ---

  #takeIdle(): Entry<C> | undefined {
    for (;;) {
      const entry = this.#ledger.takeIdle()
      if (entry === undefined) return undefined
      const isExpired = entry.expiresAt <= this.#clock.now()
      if (!isExpired && this.#connector.condition(entry.connection) === 'clean') return entry
      void this.#retire(entry, isExpired ? 'expired' : 'broken')
    }
  }

  #lend(entry: Entry<C>): Lease<C> {
    entry.leasedAt = this.#clock.now()
    this.#connector.hold(entry.connection)
    return new Lease(entry, this.#takeBack)
  }

  #queue(timeoutMs: number, signal: AbortSignal | undefined): Promise<Lease<C>> {
    return new Promise((resolve, reject) => {
      const enqueuedAt = this.#clock.now()
      const waiter = new Waiter(enqueuedAt, resolve, reject, signal, (aborted, reason) =>
        this.#giveUp(aborted, reason),
      )
      this.#ledger.enqueue(waiter)
      this.#counters.requestsQueued++
      waiter.watch(
        this.#deadlines.add(enqueuedAt + timeoutMs, () =>
          this.#giveUp(waiter, this.#timeoutError(timeoutMs)),
        ),
      )
      this.#grow()
      this.#opener.kick()
    })
  }

  #grant(waiter: Waiter<Lease<C>>, entry: Entry<C>): void {
    this.#counters.waited(this.#clock.now() - waiter.enqueuedAt)
    waiter.grant(this.#lend(entry))
  }

  /** A waiter leaves the queue without a connection, for a reason of its own. */
  #giveUp(waiter: Waiter<Lease<C>>, reason: unknown): void {
    if (!this.#ledger.withdraw(waiter)) return
    this.#fail(waiter, reason)
  }

  #turnAwayAll(reason: () => Error): void {
    let waiter = this.#ledger.nextWaiter()
    while (waiter !== undefined) {
      this.#fail(waiter, reason())
      waiter = this.#ledger.nextWaiter()
    }
  }

  #fail(waiter: Waiter<Lease<C>>, reason: unknown): void {
    this.#counters.requestsErrors++
    this.#counters.waited(this.#clock.now() - waiter.enqueuedAt)
    waiter.reject(reason)
  }

  #turnAway(reason: unknown): Promise<never> {
    this.#counters.requestsErrors++
    // An AbortSignal's reason may be anything; it is the caller's own.
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
    return Promise.reject(reason)
  }

  // --- Taking back ---

  // Bound once, so that a lease costs no closure.
  readonly #takeBack: TakeBack<C> = (entry, how) => {
    this.#counters.usageMs += this.#clock.now() - entry.leasedAt
    return how === 'destroyed' ? this.#retire(entry, 'destroyed') : this.#judge(entry)
  }

  /** A connection that was lent, or has just been opened, goes where its condition sends it. */
  #judge(entry: Entry<C>): Promise<void> {
    switch (this.#connector.condition(entry.connection)) {
      case 'clean':
        return this.#settle(entry)
      case 'unclean':
        return this.#restore(entry)
      case 'broken':
        this.#counters.returnsBad++
        return this.#retire(entry, 'broken')
    }
  }

  async #restore(entry: Entry<C>): Promise<void> {
    this.#ledger.reserve(entry)
    try {
      await this.#connector.restore(entry.connection)
    } catch {
      this.#counters.returnsBad++
      return this.#retire(entry, 'unrestored')
    }
    return this.#settle(entry)
  }

  /** A clean connection is free: for the first waiter, else to be idle, unless its time is over. */
  #settle(entry: Entry<C>): Promise<void> {
    if (this.#state === 'closed') return this.#retire(entry, 'poolClosed')
    if (entry.expiresAt <= this.#clock.now()) return this.#retire(entry, 'expired')
    const waiter = this.#ledger.settle(entry)
    if (waiter === undefined) this.#connector.rest(entry.connection)
    else this.#grant(waiter, entry)
    return DONE
  }

  /** A connection leaves the pool for good; resolves when it is closed. Others wait for a new one meanwhile. */
  #retire(entry: Entry<C>, reason: CloseReason): Promise<void> {
    this.#ledger.remove(entry)
    const closing = this.#connector.close(entry.connection).then(() => {
      this.#closing.delete(closing)
      this.#notify()
    })
    this.#closing.add(closing)
    if (this.#state === 'open' && !NOT_REPLACED.has(reason)) this.#openOne(false)
    return closing
  }

  // --- Opening ---

  #openOne(isGrowth: boolean): void {
    if (isGrowth) this.#isGrowing = true
    this.#ledger.addSlot()
    this.#opener.start(isGrowth)
  }

  #refill(): void {
    for (let missing = this.#ledger.missing; missing > 0; missing--) this.#openOne(false)
  }

  /** Opens one more for those who wait, unless as many are on their way as wait. */
  #grow(): void {
    const { waiting, opening, canGrow } = this.#ledger
    if (!this.#isGrowing && canGrow && waiting > opening) this.#openOne(true)
  }

  #onOpened(connection: C, connectMs: number, slot: Slot): void {
    this.#counters.connectionsNum++
    this.#counters.connectionsMs += connectMs
    this.#lastConnectError = undefined
    const now = this.#clock.now()
    const lifetime = this.settings.maxLifetime * (1 - LIFETIME_JITTER * Math.random())
    const entry = new Entry(connection, now, now + lifetime)
    this.#ledger.fillSlot(entry)
    this.#keeper.watch(entry.expiresAt)
    this.#connector.onLost(connection, (error) => this.#onLost(entry, error))
    if (slot.isGrowth) this.#isGrowing = false
    void this.#judge(entry)
    if (slot.isGrowth) {
      this.#grow()
      this.#refill()
    }
    this.#notify()
  }

  #onOpenFailed(error: unknown): void {
    this.#counters.connectionsNum++
    this.#counters.connectionsErrors++
    this.#lastConnectError = error
    // With nothing to be returned to them and no hope of a connection, those who wait need wait no longer.
    if (this.#ledger.alive > 0) return
    const { isPermanent, message } = this.#connector.explain(error)
    if (!isPermanent) return
    const counts = this.#ledger.counts()
    this.#turnAwayAll(() => new PoolConnectError(message, { cause: error, counts }))
  }

  #onGaveUp(slot: Slot): void {
    if (slot.isGrowth) this.#isGrowing = false
    this.#ledger.dropSlot()
    this.#grow()
  }

  #onLost(entry: Entry<C>, error: Error): void {
    try {
      this.#tellLost?.(error, entry.place === 'idle')
    } catch {
      // What a listener throws is its own affair: the pool goes on.
    }
    // Whoever holds the connection learns it from what fails there; its return will find it broken.
    if (entry.place !== 'idle') return
    this.#counters.connectionsLost++
    void this.#retire(entry, 'broken')
  }

  // --- Keeping ---

  #onIdleWindowEnd(): void {
    const spare = this.#ledger.endIdleWindow()
    if (spare !== undefined) void this.#retire(spare, 'idle')
  }

  #onExpiry(now: number): number {
    let next = Infinity
    for (const entry of this.#ledger.entries()) {
      if (entry.expiresAt > now) next = Math.min(next, entry.expiresAt)
      else if (entry.place === 'idle') void this.#retire(entry, 'expired')
    }
    return next
  }

  // --- Waiting for a state, and errors ---

  /** Resolves to true when the condition holds, to false when the time is up. */
  #until(condition: () => boolean, timeoutMs: number): Promise<boolean> {
    if (condition()) return Promise.resolve(true)
    return new Promise((resolve) => {
      const settle = (isMet: boolean): void => {
        this.#observers.delete(observe)
        timer.cancel()
        resolve(isMet)
      }
      const observe = (): void => {
        if (condition()) settle(true)
      }
      const timer = this.#clock.setTimer(timeoutMs, () => settle(false), { keepAlive: true })
      this.#observers.add(observe)
    })
  }

  #notify(): void {
    for (const observe of this.#observers) observe()
  }

  #notOpenError(): PoolClosedError {
    const state = this.#state === 'new' ? 'is not open yet: call open() first' : 'is already closed'
    return new PoolClosedError(`the pool '${this.settings.name}' ${state}`)
  }

  #timeoutError(timeoutMs: number): PoolTimeoutError {
    const counts = this.#ledger.counts()
    const cause = this.#lastConnectError
    const failure = cause === undefined ? undefined : this.#connector.explain(cause).message
    return new PoolTimeoutError(timeoutMessage(this.settings.name, timeoutMs, counts, failure), {
      cause,
      counts,
    })
  }
}
