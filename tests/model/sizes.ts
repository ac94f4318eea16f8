// How many connections the model allows: what is being opened, what must be, and by how much the pool's size may
// change from one look at it to the next.
import type { Attempt, OpenError } from './connector.js'
import type { Model } from './model.js'

/** Who comes to wait while every attempt to open sleeps wakes one within this time. */
const KICK_MS = 250

const NO_CHANGES = { mayHaveLeft: 0, mustHaveLeft: 0, mayHaveCome: 0 }

export class Sizes {
  minSize: number
  maxSize: number
  /** How large the pool may become. */
  limit: number
  /** The size when the open pool was last looked at. */
  lastSize: number | undefined
  /** The changes of the size since then. */
  changes = { ...NO_CHANGES }
  /** The largest minSize since then. */
  mostFilled: number
  /** Whether there were minSize connections at some moment since then. */
  wasFilled = false
  /** Whether there may be fewer than minSize, because the pool gave up. */
  mayLackConnections = false
  /** Attempts to open that have not ended, and are still wanted. */
  readonly attempts = new Set<Attempt>()
  /** Attempts that have not ended, those that were given up included. */
  inFlight = 0
  /** At most so many places of connections to be sleep before the next attempt. */
  mayAsleep = 0
  /** By when the next attempt must have been made, because someone came to wait. */
  attemptDueAt = Infinity
  /** Why the last attempt failed; `undefined` once one has succeeded. */
  lastError: OpenError | undefined
  readonly #model: Model
  /** Whether one more may be opened because somebody waits. */
  #mayGrow = true
  #firstFailureAt = Infinity
  #lastFailureAt = -Infinity

  constructor(model: Model) {
    const { minSize, maxSize } = model.settings
    this.#model = model
    this.minSize = this.mostFilled = minSize
    this.maxSize = this.limit = maxSize
  }

  /** Places of connections to be: what the pool counts beyond the connections that there are. */
  get slots(): number {
    const { connections } = this.#model
    return this.#model.poolSize() - connections.usable - connections.count('closing')
  }

  /** Connections that will be replaced once they are closed. */
  get replacing(): number {
    const { connections } = this.#model
    return connections.in('closing').filter((known) => connections.isReplaced(known)).length
  }

  /** Connections that will be free without anyone's return, as far as the pool reckons with them. */
  get onTheirWay(): number {
    return this.slots + this.replacing + this.#model.connections.count('examined')
  }

  get isOverfull(): boolean {
    return this.#model.connections.usable + this.slots > this.maxSize
  }

  // --- What is done to the pool ---

  opened(): void {
    this.mayLackConnections = false
    this.#firstFailureAt = Infinity
  }

  stopped(): void {
    this.lastSize = undefined
    this.attempts.clear()
    this.mayAsleep = 0
    this.attemptDueAt = Infinity
    this.#mayGrow = true
  }

  resize(minSize: number, maxSize: number): void {
    this.minSize = minSize
    this.maxSize = maxSize
    // What is too much leaves by and by.
    this.limit = Math.max(maxSize, this.#model.poolSize())
    this.mostFilled = Math.max(this.mostFilled, minSize)
    this.growthIsDue()
    this.fillingIsDue()
  }

  /** The pool opens what is missing for minSize. */
  fillingIsDue(): void {
    this.mayLackConnections = false
    this.noteFilling()
  }

  noteFilling(): void {
    if (this.#model.connections.usable >= this.minSize) this.wasFilled = true
  }

  /** The pool has been looked at. */
  note(size: number): void {
    this.lastSize = this.#model.isOpen ? size : undefined
    this.limit = Math.max(this.maxSize, size)
    this.changes = { ...NO_CHANGES }
    this.mostFilled = this.minSize
    this.wasFilled = false
    this.noteFilling()
  }

  // --- Growth ---

  /** Something happened after which the pool may grow for those who wait. */
  growthIsDue(): void {
    const waiting = this.#model.requests.waiting.length
    this.changes.mayHaveCome += this.#model.settings.growth === 'immediate' ? waiting : Math.min(waiting, 1)
  }

  /** The pool grew for a request; so many connections were wanted. */
  grew(growth: number, wanted: number): void {
    this.changes.mayHaveCome += growth
    if (this.onTheirWay > wanted) this.#model.blame('grew, though enough is on its way')
    if (this.#model.settings.growth === 'immediate') return
    if (growth > 1) this.#model.blame(`grew by ${growth} for one request`)
    if (!this.#mayGrow) this.#model.blame('grew twice before either connection was there')
    this.#mayGrow = false
  }

  /** A request that does not wait got none, and showed that one more is wanted. */
  mustHaveGrown(): void {
    const keepsSome = this.#model.settings.maxIdleCount > 0
    if (keepsSome && this.onTheirWay === 0 && this.#model.poolSize() < this.maxSize) {
      this.#model.blame('does not grow, though a request was turned away')
    }
  }

  /** Someone waits: where every attempt sleeps, one must come soon. */
  wakeAttempts(): void {
    const allSleep = this.inFlight === 0 && this.slots > 0
    if (allSleep) this.attemptDueAt = Math.min(this.attemptDueAt, this.#model.now + KICK_MS)
  }

  // --- Attempts to open ---

  attempted(attempt: Attempt): void {
    this.attempts.add(attempt)
    this.inFlight++
    this.attemptDueAt = Infinity
    const { isOpen, settings } = this.#model
    if (!isOpen) this.#model.blame('opens a connection, though the pool is not open')
    if (this.inFlight > settings.numWorkers) this.#model.blame('opens more at once than numWorkers')
  }

  attemptEnded(attempt: Attempt): void {
    this.inFlight--
    this.attempts.delete(attempt)
    this.#mayGrow = true
  }

  succeeded(): void {
    this.lastError = undefined
    // All that sleep wake: the server is there.
    this.mayAsleep = 0
    this.growthIsDue()
    this.noteFilling()
  }

  failed(error: OpenError, { startedAt }: Attempt): void {
    this.lastError = error
    this.mayAsleep++
    this.#firstFailureAt = Math.min(this.#firstFailureAt, startedAt)
    this.#lastFailureAt = startedAt
    if (this.#model.settings.growth === 'immediate') {
      this.changes.mayHaveLeft++
      this.growthIsDue()
    }
    const { connections, requests } = this.#model
    // Where everybody waits, no new request comes that would wake an attempt.
    if (connections.usable === 0 && requests.waiting.length > 0) this.wakeAttempts()
  }

  gaveUp(): void {
    this.changes.mayHaveLeft++
    this.mayLackConnections = true
    this.growthIsDue()
    const { reconnectTimeout } = this.#model.settings
    if (this.#lastFailureAt < this.#firstFailureAt + reconnectTimeout) this.#model.blame('gave up too soon')
  }

  /** A connection is closed for good. */
  closed(isReplaced: boolean, diedYoung: boolean): void {
    if (!isReplaced || this.#model.poolSize() > this.maxSize) {
      this.changes.mayHaveLeft++
      this.changes.mustHaveLeft++
    }
    this.growthIsDue()
    // Where all die young, the next attempt comes after a pause.
    if (diedYoung) this.mayAsleep++
  }
}
