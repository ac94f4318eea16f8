/**
 * Which connection is where, and who waits: the pool's state, and nothing but state. Every move is
 * synchronous and atomic; no promise, timer or I/O. Promises and sockets live around it.
 *
 * Invariants: a connection is in exactly one place; someone waits only while nothing fit is idle; who has a
 * connection alone shares it with nobody;
 * `idle + leased + reserved + opening + closing` exceeds `maxSize` only after that was lowered.
 */
import type { PoolCounts } from './errors.js'
import { List, ListItem } from './list.js'
import { Queue, type QueueItem } from './queue.js'
import type { Succession } from './succession.js'

/**
 * - `idle`: free to be lent;
 * - `leased`: lent to a borrower;
 * - `reserved`: held by the pool itself, between a return and the next loan;
 * - `gone`: no longer the pool's.
 */
export type Place = 'idle' | 'leased' | 'reserved' | 'gone'

/** The reasons for which the pool reserves a connection; see `PoolCounts`. */
export type Work = 'checking' | 'resetting' | 'committing'

/** A connection, as the ledger sees it. */
export class Entry<C> extends ListItem {
  readonly connection: C
  readonly openedAt: number
  /** When the connection has lived long enough. */
  readonly expiresAt: number
  /** @internal Only the ledger moves an entry. */
  place: Place = 'reserved'
  /** @internal The reason, while it is reserved. A connection that was just opened may need a reset, too. */
  work: Work = 'resetting'
  /** When it was last lent. */
  leasedAt = 0
  /** @internal */
  hasBeenLent = false
  /** How many borrowers share it; 0: it is not lent, or lent to one alone. */
  sharers = 0
  /** While it is shared: since when the server is at the call that it is at now. */
  headSince = 0
  /** Whether one of those who had it, or have it together, found it to be of no use. */
  isUseless = false
  /** How many have handed it over, and wait for the answer to what they sent last. */
  unanswered = 0
  /** The waits of its holders until then. */
  readonly successions = new Set<Succession>()
  /** Whether one of these waits has ended at its deadline: no other call joins until the answer. */
  isOverdue = false
  /** When it last fell idle. */
  idleSince = 0
  /** The pool's generation when it was opened; `drain` begins another. */
  readonly generation: number
  /** How many alarms it has outlived, or been cleared of since. */
  alarmsCleared: number
  /** The round of `WriteAccess` in which it was opened. */
  round = 0

  constructor(connection: C, openedAt: number, lifetime: number, generation = 0, alarmsCleared = 0) {
    super()
    this.connection = connection
    this.openedAt = openedAt
    this.expiresAt = openedAt + lifetime
    this.generation = generation
    this.alarmsCleared = alarmsCleared
  }
}

export interface Sizes {
  readonly minSize: number
  readonly maxSize: number
  readonly maxWaiting: number
  readonly maxIdleCount: number
  readonly growth: 'gradual' | 'immediate'
}

export class Ledger<C, W extends QueueItem> {
  #sizes: Sizes
  /** The sizes without the limit. */
  #wanted: Sizes
  #limit = Infinity
  readonly #idle = new List<Entry<C>>()
  readonly #waiters = new Queue<W>()
  readonly #entries = new Set<Entry<C>>()
  readonly #shared = new Set<Entry<C>>()
  #leased = 0
  #opening = 0
  #closing = 0
  #replacing = 0
  #examining = 0
  #leastIdle: number

  constructor(sizes: Sizes) {
    this.#sizes = this.#wanted = sizes
    this.#leastIdle = sizes.minSize
  }

  get sizes(): Sizes {
    return this.#sizes
  }

  resize(sizes: Pick<Sizes, 'minSize' | 'maxSize'>): void {
    this.#wanted = { ...this.#wanted, ...sizes }
    this.#applyLimit()
  }

  /** How many connections the server can serve at a time: no size is larger. */
  get limit(): number {
    return this.#limit
  }

  set limit(limit: number) {
    this.#limit = limit
    this.#applyLimit()
  }

  #applyLimit(): void {
    const { minSize, maxSize } = this.#wanted
    this.#sizes = {
      ...this.#wanted,
      minSize: Math.min(minSize, this.#limit),
      maxSize: Math.min(maxSize, this.#limit),
    }
  }

  get idle(): number {
    return this.#idle.length
  }

  get waiting(): number {
    return this.#waiters.length
  }

  /** Connections that are of use, whatever their place; not those that are being closed. */
  get alive(): number {
    return this.#entries.size
  }

  /** Connections that are out of use, and not closed yet. */
  get closing(): number {
    return this.#closing
  }

  /** Every connection that the server may see, and those about to be opened. */
  get size(): number {
    return this.#entries.size + this.#opening + this.#closing
  }

  /** Connections that will be free without anyone's return: being opened, replaced or examined. */
  get onTheirWay(): number {
    return this.#opening + this.#replacing + this.#examining
  }

  /** Connections that are examined for somebody who waits. */
  get examining(): number {
    return this.#examining
  }

  counts(): PoolCounts {
    const work = { checking: 0, resetting: 0, committing: 0 }
    for (const entry of this.#entries) if (entry.place === 'reserved') work[entry.work]++
    return {
      size: this.size,
      idle: this.#idle.length,
      leased: this.#leased,
      reserved: this.#entries.size - this.#idle.length - this.#leased,
      ...work,
      opening: this.#opening,
      closing: this.#closing,
      waiting: this.#waiters.length,
      maxSize: this.#sizes.maxSize,
    }
  }

  entries(): Iterable<Entry<C>> {
    return this.#entries
  }

  /** In their order. */
  waiters(): Iterable<W> {
    return this.#waiters
  }

  idleEntries(): Iterable<Entry<C>> {
    return this.#idle
  }

  // --- Borrowers ---

  /** The connection that would be lent next. */
  get firstIdle(): Entry<C> | undefined {
    return this.#idle.first
  }

  /** Lends the connection that has been idle longest, so that all are used in turn. */
  takeIdle(isShared = false): Entry<C> | undefined {
    const entry = this.#idle.first
    if (entry === undefined) return undefined
    this.#move(entry, 'leased')
    if (isShared) this.join(entry)
    this.#noteNeed()
    return entry
  }

  /** Whoever has a connection on its way to them alone does not count. */
  get queueIsFull(): boolean {
    const { maxWaiting, growth } = this.#sizes
    if (maxWaiting === 0 || this.#idle.length > 0) return false
    const served = growth === 'immediate' ? this.onTheirWay : this.#examining
    return this.#waiters.length - served >= maxWaiting
  }

  enqueue(waiter: W): void {
    this.#waiters.push(waiter)
  }

  /** Whether the waiter was still waiting, and now is not: its place in the queue is free at once. */
  withdraw(waiter: W): boolean {
    return this.#waiters.remove(waiter)
  }

  nextWaiter(): W | undefined {
    return this.#waiters.shift()
  }

  /**
   * A connection is free: it goes to the waiter returned, who has waited longest, or falls idle.
   * A connection never passes through idle while someone waits.
   */
  settle(entry: Entry<C>): W | undefined {
    if (entry.place === 'leased') this.#move(entry, 'reserved')
    const waiter = this.#waiters.shift()
    this.#move(entry, waiter === undefined ? 'idle' : 'leased')
    if (waiter?.isShared === true) this.join(entry)
    return waiter
  }

  /** Whether the first who waits is ready to follow a borrower. */
  get hasFollower(): boolean {
    return this.#waiters.first?.follows === true
  }

  /**
   * A connection that is lent goes on to the waiter returned, if the first who waits is ready to follow its borrower;
   * else nothing happens.
   */
  handOver(entry: Entry<C>): W | undefined {
    if (!this.hasFollower) return undefined
    const waiter = this.#waiters.shift()
    if (waiter?.isShared === true) this.join(entry)
    return waiter
  }

  // --- Those who share ---

  /** Connections that are shared, also by one borrower so far. */
  get shared(): number {
    return this.#shared.size
  }

  sharedEntries(): Iterable<Entry<C>> {
    return this.#shared
  }

  /** How many wait for a connection alone. */
  get waitingAlone(): number {
    return this.#waiters.exclusive
  }

  /** How many wait for a connection that they would share. */
  get waitingToShare(): number {
    return this.#waiters.length - this.#waiters.exclusive
  }

  /** The first of those who would share. */
  get firstToShare(): W | undefined {
    return this.#waiters.firstShared
  }

  /** How many who want a connection alone came before that waiter, as far as there are shared connections. */
  aloneAheadOf(waiter: W): number {
    return this.#waiters.exclusiveAhead(waiter, this.#shared.size)
  }

  /** One more borrower shares the connection. */
  join(entry: Entry<C>): void {
    entry.sharers++
    this.#shared.add(entry)
  }

  /** One of those who share a connection is done with it; returns how many are left. */
  leave(entry: Entry<C>): number {
    entry.sharers--
    if (entry.sharers === 0) this.#shared.delete(entry)
    return entry.sharers
  }

  // --- The pool itself ---

  /** Takes a connection out of circulation while the pool works on it, or notes the next work on it. */
  reserve(entry: Entry<C>, work: Work): void {
    if (entry.place !== 'reserved') this.#move(entry, 'reserved')
    entry.work = work
  }

  beginExamination(entry: Entry<C>): void {
    this.reserve(entry, 'checking')
    this.#examining++
    if (this.#waiters.length > 0) this.#noteNeed()
  }

  endExamination(): void {
    this.#examining--
  }

  /** Whether there are more than `maxSize`, because it was lowered; those that are leaving do not count. */
  get isOverfull(): boolean {
    return this.#entries.size + this.#opening > this.#sizes.maxSize
  }

  /** Whether one more idle connection would be one too many. */
  get hasEnoughIdle(): boolean {
    return this.#waiters.length === 0 && this.#idle.length >= this.#sizes.maxIdleCount
  }

  /** A connection leaves circulation. Until it is closed, `forget` says when, it counts: the server sees it. */
  remove(entry: Entry<C>, isReplaced: boolean): void {
    this.#move(entry, 'gone')
    this.#entries.delete(entry)
    this.#closing++
    if (isReplaced) this.#replacing++
  }

  /** A connection that was removed is closed. */
  forget(isReplaced: boolean): void {
    if (this.#closing === 0) throw new Error('bug: no connection is being closed')
    this.#closing--
    if (isReplaced) this.#replacing--
  }

  get canGrow(): boolean {
    return this.size < this.#sizes.maxSize
  }

  /** How many connections are missing for `minSize`. */
  get missing(): number {
    const { minSize, maxSize } = this.#sizes
    const expected = this.#entries.size + this.#opening + this.#replacing
    // Those that are being closed are of no use any more, but still take their place.
    return Math.min(minSize - expected, maxSize - this.size)
  }

  /** Reserves the place of a connection that is going to be opened. */
  addSlot(): void {
    this.#opening++
  }

  /** The place of a connection that was opened, or could not be, is free again. */
  dropSlot(): void {
    if (this.#opening === 0) throw new Error('bug: no slot to give up')
    this.#opening--
  }

  /** Nothing is being opened any more. */
  dropAllSlots(): void {
    this.#opening = 0
  }

  /** A connection was opened; it stays reserved until it is settled. */
  add(entry: Entry<C>): void {
    this.#entries.add(entry)
  }

  /**
   * Ends a window of `maxIdle`: returns the connection that the whole window could have done without, if
   * there was one. The least number that was idle at any moment of the window tells; one at most leaves
   * in each window, so that a pool shrinks slower than it grows.
   */
  endIdleWindow(): Entry<C> | undefined {
    const spare = this.#leastIdle
    this.#leastIdle = this.#idle.length
    if (spare === 0 || this.#entries.size + this.#opening <= this.#sizes.minSize) return undefined
    const entry = this.#idle.first
    if (entry !== undefined) this.#leastIdle--
    return entry
  }

  /** An idle connection was needed: the window of `maxIdle` could not have done without as many as before. */
  #noteNeed(): void {
    this.#leastIdle = Math.min(this.#leastIdle, this.#idle.length)
  }

  #move(entry: Entry<C>, to: Place): void {
    if (entry.place === to || entry.place === 'gone') {
      throw new Error(`bug: a connection cannot go from ${entry.place} to ${to}`)
    }
    if (entry.place === 'idle') this.#idle.remove(entry)
    if (entry.place === 'leased') this.#leased--
    entry.place = to
    if (to === 'idle') this.#idle.push(entry)
    if (to === 'leased') {
      this.#leased++
      entry.hasBeenLent = true
    }
  }
}
