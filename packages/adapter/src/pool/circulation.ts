/**
 * Where each connection goes: from its opening to a borrower or to rest, from a borrower back by way of its
 * condition, and out when its time is over. Who waits, and for how long, is not its business.
 */
import type { Clock } from './clock.js'
import { Keeper } from './keeper.js'
import { Entry, type Ledger } from './ledger.js'
import type { ListItem } from './list.js'
import type { Counters } from './stats.js'
import type { CloseReason, Connector } from './types.js'

/** An expired connection is replaced at up to 5 % less than `maxLifetime`, so that not all expire at once. */
const LIFETIME_JITTER = 0.05

const DONE = Promise.resolve()

/** Why a connection that leaves is not replaced. */
const NOT_REPLACED: ReadonlySet<CloseReason> = new Set(['idle', 'poolClosed'])

export interface CirculationSettings {
  readonly maxLifetime: number
  readonly maxIdle: number
}

export interface CirculationEvents<C, W> {
  /** The connection is the waiter's from now on. */
  onGranted(waiter: W, entry: Entry<C>): void
  /** A connection that has left is closed; one should be opened in its place. */
  onReplaceable(): void
  /** A connection that has left is closed. */
  onClosed(): void
  /** A connection was lost, other than by our closing it. */
  onLost(error: Error, wasIdle: boolean): void
}

export class Circulation<C, W extends ListItem> {
  readonly #connector: Connector<C>
  readonly #ledger: Ledger<C, W>
  readonly #clock: Clock
  readonly #settings: CirculationSettings
  readonly #counters: Counters
  readonly #events: CirculationEvents<C, W>
  readonly #keeper: Keeper
  #isStopped = false

  constructor(
    connector: Connector<C>,
    ledger: Ledger<C, W>,
    clock: Clock,
    settings: CirculationSettings,
    counters: Counters,
    events: CirculationEvents<C, W>,
  ) {
    this.#connector = connector
    this.#ledger = ledger
    this.#clock = clock
    this.#settings = settings
    this.#counters = counters
    this.#events = events
    this.#keeper = new Keeper(clock, settings.maxIdle, {
      onIdleWindowEnd: () => this.#onIdleWindowEnd(),
      onExpiry: (now) => this.#onExpiry(now),
    })
  }

  start(): void {
    this.#keeper.start()
  }

  /** From now on every connection leaves: the idle ones at once, the others when they come back. */
  stop(): void {
    this.#isStopped = true
    this.#keeper.stop()
    for (const entry of this.#ledger.idleEntries()) void this.#retire(entry, 'poolClosed')
  }

  /** A connection was opened. */
  admit(connection: C): void {
    const now = this.#clock.now()
    const lifetime = this.#settings.maxLifetime * (1 - LIFETIME_JITTER * Math.random())
    const entry = new Entry(connection, now, now + lifetime)
    this.#ledger.add(entry)
    this.#keeper.watch(entry.expiresAt)
    this.#connector.onLost(connection, (error) => this.#onLost(entry, error))
    void this.#judge(entry)
  }

  /** The idle connection that is next to be lent, if there is one that is fit. */
  takeIdle(): Entry<C> | undefined {
    for (;;) {
      const entry = this.#ledger.takeIdle()
      if (entry === undefined) return undefined
      const isExpired = entry.expiresAt <= this.#clock.now()
      if (!isExpired && this.#connector.condition(entry.connection) === 'clean') return entry
      void this.#retire(entry, isExpired ? 'expired' : 'broken')
    }
  }

  /** A borrower is done; resolves when the connection is free again, or closed. Never rejects. */
  takeBack(entry: Entry<C>, how: 'released' | 'destroyed'): Promise<void> {
    return how === 'destroyed' ? this.#retire(entry, 'destroyed') : this.#judge(entry)
  }

  /** Closes every connection at once, whatever it is doing. */
  destroyAll(): void {
    for (const entry of this.#ledger.entries()) this.#connector.destroy(entry.connection)
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
    if (this.#isStopped) return this.#retire(entry, 'poolClosed')
    if (entry.expiresAt <= this.#clock.now()) return this.#retire(entry, 'expired')
    const waiter = this.#ledger.settle(entry)
    if (waiter === undefined) this.#connector.rest(entry.connection)
    else this.#events.onGranted(waiter, entry)
    return DONE
  }

  /**
   * A connection leaves for good; resolves when it is closed. Only then is it replaced: the server must not
   * see more than `maxSize`, not even for a moment.
   */
  async #retire(entry: Entry<C>, reason: CloseReason): Promise<void> {
    this.#ledger.remove(entry)
    await this.#connector.close(entry.connection)
    this.#ledger.forget()
    if (!this.#isStopped && !NOT_REPLACED.has(reason)) this.#events.onReplaceable()
    this.#events.onClosed()
  }

  #onLost(entry: Entry<C>, error: Error): void {
    const wasIdle = entry.place === 'idle'
    // Whoever holds the connection learns it from what fails there; its return will find it broken.
    if (wasIdle) {
      this.#counters.connectionsLost++
      void this.#retire(entry, 'broken')
    }
    this.#events.onLost(error, wasIdle)
  }

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
}
