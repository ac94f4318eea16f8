/**
 * Calls that share connections: which connection one more may join, and when those who wait for that need wait no
 * longer. It joins the connection with the fewest calls, of those that nobody waits to have alone, and on which no
 * call holds up the others; and none while an idle one is there or a new one can be made.
 */
import type { Clock } from './clock.js'
import type { Entry, Ledger } from './ledger.js'
import type { QueueItem } from './queue.js'

/** A call that takes so many times as long as others do is slow: nobody is sent behind it. */
const SLOW = 4
/** Shorter than this nothing is slow: a busy event loop alone may hold up an answer for as long. */
export const LEAST_SLOW_MS = 20
/** How much one call counts in what is typical. */
const WEIGHT = 1 / 16

export interface SharingEvents<C, W> {
  /** Whether the connection itself allows one more. */
  mayBeJoined(entry: Entry<C>): boolean
  /** One more connection would be of use. */
  onWanted(): void
  /** Whether connections fail to open at present. */
  failsToOpen(): boolean
  /** The waiter shares the connection from now on. */
  onGranted(waiter: W, entry: Entry<C>): void
}

export class Sharing<C, W extends QueueItem> {
  readonly #ledger: Ledger<C, W>
  readonly #clock: Clock
  /** How many may share one connection. */
  readonly #depth: number
  readonly #events: SharingEvents<C, W>
  /** How long the server is at a call, on average; where the network takes longer, how long that is. */
  #typicalMs = 0

  constructor(ledger: Ledger<C, W>, clock: Clock, depth: number, events: SharingEvents<C, W>) {
    this.#ledger = ledger
    this.#clock = clock
    this.#depth = depth
    this.#events = events
  }

  /** A connection for a request that has just come, and for which none is ready; `waits`: it may wait for one. */
  join(waits: boolean, follows: boolean): Entry<C> | undefined {
    if (this.#ledger.idle > 0 || this.#ledger.waitingToShare > 0) return undefined
    // That it can be served need not mean that there are enough.
    this.#events.onWanted()
    if (waits && this.#onTheirWay > this.#ledger.waiting) return undefined
    return this.#joinBehind(this.#ledger.waitingAlone, follows)
  }

  /** Serves those who wait and need not. To be asked whenever a connection may have room for one more. */
  serve(): void {
    // Where one is idle beside them, it is about to be examined for them: another that was has just left.
    while (this.#ledger.idle === 0 && this.#ledger.waiting > this.#onTheirWay) {
      const waiter = this.#ledger.firstToShare
      if (waiter === undefined) return
      const entry = this.#joinBehind(this.#ledger.aloneAheadOf(waiter), waiter.follows)
      if (entry === undefined) return
      this.#ledger.withdraw(waiter)
      this.#events.onGranted(waiter, entry)
    }
  }

  /** A call has given up before its answer; returns how many are left. The server still runs its statement. */
  abandon(entry: Entry<C>): number {
    return this.#ledger.leave(entry)
  }

  /** A call that has shared a connection is over; returns how many are left on it. */
  leave(entry: Entry<C>): number {
    const now = this.#clock.now()
    // Of a slow one no more than what makes it slow: one alone must not change what is typical by much.
    this.#learn(Math.min(now - entry.headSince, this.#slowMs))
    // What came behind it is the server's next.
    entry.headSince = now
    return this.#ledger.leave(entry)
  }

  /** How many who wait will have a connection soon without anyone's return, as far as can be told. */
  get #onTheirWay(): number {
    return this.#events.failsToOpen() ? this.#ledger.examining : this.#ledger.onTheirWay
  }

  #joinBehind(ahead: number, follows: boolean): Entry<C> | undefined {
    if (ahead >= this.#ledger.shared) return undefined
    if (this.#ledger.canGrow && !this.#events.failsToOpen()) return undefined
    const entry = ahead === 0 ? this.#leastShared(follows) : this.#leastSharedBut(ahead, follows)
    if (entry === undefined || entry.sharers >= this.#depth) return undefined
    this.#ledger.join(entry)
    return entry
  }

  #leastShared(follows: boolean): Entry<C> | undefined {
    let least: Entry<C> | undefined
    for (const entry of this.#ledger.sharedEntries()) {
      if (least !== undefined && entry.sharers >= least.sharers) continue
      if (this.#isFit(entry, follows)) least = entry
    }
    return least
  }

  /** Not while a call on it is slow; and behind the COMMIT of another, only if the call follows. */
  #isFit(entry: Entry<C>, follows: boolean): boolean {
    const isSlow = entry.headSince < this.#clock.now() - this.#slowMs
    return !isSlow && (follows || entry.unanswered === 0) && this.#events.mayBeJoined(entry)
  }

  /**
   * Of those before whom so many wait for a connection alone, as many connections get no more calls, so that one falls
   * free for each: those that will do so first. Told anew each time, so that it always fits who waits.
   */
  #leastSharedBut(ahead: number, follows: boolean): Entry<C> | undefined {
    const fit = [...this.#ledger.sharedEntries()].filter((entry) => this.#isFit(entry, follows))
    return fit.sort((one, other) => one.sharers - other.sharers)[ahead]
  }

  get #slowMs(): number {
    return Math.max(LEAST_SLOW_MS, SLOW * this.#typicalMs)
  }

  /** By time, not by number: answers that come together count little beside the one that was waited for. */
  #learn(ms: number): void {
    const share = ms < this.#typicalMs ? ms / this.#typicalMs : 1
    this.#typicalMs += (ms - this.#typicalMs) * share * WEIGHT
  }
}
