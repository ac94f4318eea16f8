/**
 * Keeps the pool supplied with connections: fills it, grows it for those who wait, replaces what it lost.
 * It decides how many are wanted; the opener makes them.
 */
import type { Clock } from './clock.js'
import type { Ledger } from './ledger.js'
import type { QueueItem } from './queue.js'
import { Opener, type OpenerSettings, Slot } from './opener.js'
import type { Counters } from './stats.js'
import type { Connector } from './types.js'

/** Deaths of young connections this close together have one cause. */
const SERIES_MS = 10_000
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 5_000

export interface SupplyEvents<C> {
  /** One more is going to be opened. */
  onGrowing(): void
  onOpened(connection: C, connectMs: number): void
  /**
   * An attempt failed, and is made again after that pause, if at all; `isFinal`: it was made for those who wait, and
   * will not be.
   */
  onFailed(error: unknown, isFinal: boolean, retryInMs: number | undefined): void
  onGaveUp(): void
}

export interface SupplySettings extends OpenerSettings {
  readonly growth: 'gradual' | 'immediate'
}

export class Supply<C> {
  readonly #ledger: Ledger<C, QueueItem>
  readonly #counters: Counters
  readonly #events: SupplyEvents<C>
  readonly #opener: Opener<C>
  readonly #isImmediate: boolean
  /** Connections that are opened because someone waits. */
  #growing = 0
  #lastError: unknown
  readonly #clock: Clock
  #youngDeaths = 0
  #lastYoungDeath = -Infinity

  constructor(
    connector: Connector<C>,
    ledger: Ledger<C, QueueItem>,
    clock: Clock,
    settings: SupplySettings,
    counters: Counters,
    events: SupplyEvents<C>,
  ) {
    this.#ledger = ledger
    this.#isImmediate = settings.growth === 'immediate'
    this.#clock = clock
    this.#counters = counters
    this.#events = events
    this.#opener = new Opener(connector, clock, settings, {
      onOpened: (connection, connectMs, slot) => this.#onOpened(connection, connectMs, slot),
      onFailed: (error, slot, retryInMs) => this.#onFailed(error, slot, retryInMs),
    })
  }

  /** Why the last attempt to open failed; `undefined` once one has succeeded. */
  get lastError(): unknown {
    return this.#lastError
  }

  /** Opens what is missing for `minSize`. */
  fill(): void {
    while (this.#ledger.missing > 0) this.#openOne(false)
  }

  /** Opens one more for those who wait, unless as many are on their way as wait. */
  grow(): void {
    this.growFor(this.#ledger.waiting)
  }

  /**
   * Opens what is missing where so many are wanted. Gradual growth opens one at a time: a burst of short jobs
   * must not open them all.
   */
  growFor(wanted: number, delayMs = 0): void {
    while (this.#ledger.canGrow && wanted > this.#ledger.onTheirWay) {
      if (!this.#isImmediate && this.#growing > 0) return
      this.#openOne(true, delayMs)
    }
  }

  /** Opens another in the place of one that has left; with pauses where all of them die young. */
  replace(diedYoung: boolean): void {
    const now = this.#clock.now()
    const isSeries = diedYoung && now - this.#lastYoungDeath < SERIES_MS
    this.#youngDeaths = isSeries ? this.#youngDeaths + 1 : 0
    if (diedYoung) this.#lastYoungDeath = now
    if (!this.#ledger.canGrow) return
    // Each may die once, of one cause, before that is a reason to wait.
    const excess = this.#youngDeaths - this.#ledger.sizes.maxSize
    this.#openOne(false, excess <= 0 ? 0 : Math.min(FIRST_PAUSE_MS * 2 ** (excess - 1), LONGEST_PAUSE_MS))
  }

  /** Someone waits: attempts that sleep wake sooner. */
  kick(): void {
    this.#opener.kick()
  }

  /** Gives up whatever is being opened. */
  stop(): void {
    this.#opener.stop()
    this.#ledger.dropAllSlots()
    this.#growing = 0
  }

  #openOne(isGrowth: boolean, delayMs = 0): void {
    if (isGrowth) this.#growing++
    this.#ledger.addSlot()
    this.#opener.start(new Slot(isGrowth, isGrowth && this.#isImmediate), delayMs)
    // A pause is for an idle pool; those who wait shorten it.
    if (delayMs > 0 && this.#ledger.waiting > 0) this.#opener.kick()
    this.#events.onGrowing()
  }

  #onOpened(connection: C, connectMs: number, slot: Slot): void {
    this.#counters.connected(connectMs)
    this.#lastError = undefined
    this.#drop(slot)
    // First it serves who waits; what is still wanted after that is opened next.
    this.#events.onOpened(connection, connectMs)
    if (!slot.isGrowth) return
    this.grow()
    this.fill()
  }

  #onFailed(error: unknown, slot: Slot, retryInMs: number | undefined): void {
    const isLast = retryInMs === undefined
    this.#counters.connectionsNum++
    this.#counters.connectionsErrors++
    this.#lastError = error
    if (isLast) this.#drop(slot)
    this.#events.onFailed(error, slot.triesOnce, retryInMs)
    if (!isLast) return
    if (!slot.triesOnce) this.#events.onGaveUp()
    this.growFor(this.#ledger.waiting, slot.triesOnce ? 0 : FIRST_PAUSE_MS)
  }

  #drop(slot: Slot): void {
    if (slot.isGrowth) this.#growing--
    this.#ledger.dropSlot()
  }
}
