/**
 * Keeps the pool supplied with connections: fills it, grows it for those who wait, replaces what it lost.
 * It decides how many are wanted; the opener makes them.
 */
import type { Clock } from './clock.js'
import type { Ledger } from './ledger.js'
import type { ListItem } from './list.js'
import { Opener, type OpenerSettings, type Slot } from './opener.js'
import type { Counters } from './stats.js'
import type { Connector } from './types.js'

export interface SupplyEvents<C> {
  onOpened(connection: C): void
  onFailed(error: unknown): void
  onGaveUp(): void
}

export class Supply<C> {
  readonly #ledger: Ledger<C, ListItem>
  readonly #counters: Counters
  readonly #events: SupplyEvents<C>
  readonly #opener: Opener<C>
  /** Only one connection at a time is opened because someone waits: a burst must not open them all. */
  #isGrowing = false
  #lastError: unknown

  constructor(
    connector: Connector<C>,
    ledger: Ledger<C, ListItem>,
    clock: Clock,
    settings: OpenerSettings,
    counters: Counters,
    events: SupplyEvents<C>,
  ) {
    this.#ledger = ledger
    this.#counters = counters
    this.#events = events
    this.#opener = new Opener(connector, clock, settings, {
      onOpened: (connection, connectMs, slot) => this.#onOpened(connection, connectMs, slot),
      onFailed: (error) => this.#onFailed(error),
      onGaveUp: (slot) => this.#onGaveUp(slot),
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

  /** Opens one more where so many are wanted, unless as many are on their way. */
  growFor(wanted: number): void {
    const { onTheirWay, canGrow } = this.#ledger
    if (!this.#isGrowing && canGrow && wanted > onTheirWay) this.#openOne(true)
  }

  /** Opens another in the place of one that has left. */
  replace(): void {
    if (this.#ledger.canGrow) this.#openOne(false)
  }

  /** Someone waits: attempts that sleep wake sooner. */
  kick(): void {
    this.#opener.kick()
  }

  /** Gives up whatever is being opened. */
  stop(): void {
    this.#opener.stop()
    this.#ledger.dropAllSlots()
    this.#isGrowing = false
  }

  #openOne(isGrowth: boolean): void {
    if (isGrowth) this.#isGrowing = true
    this.#ledger.addSlot()
    this.#opener.start(isGrowth)
  }

  #onOpened(connection: C, connectMs: number, slot: Slot): void {
    this.#counters.connectionsNum++
    this.#counters.connectionsMs += connectMs
    this.#lastError = undefined
    if (slot.isGrowth) this.#isGrowing = false
    this.#ledger.dropSlot()
    // First it serves who waits; what is still wanted after that is opened next.
    this.#events.onOpened(connection)
    if (!slot.isGrowth) return
    this.grow()
    this.fill()
  }

  #onFailed(error: unknown): void {
    this.#counters.connectionsNum++
    this.#counters.connectionsErrors++
    this.#lastError = error
    this.#events.onFailed(error)
  }

  #onGaveUp(slot: Slot): void {
    if (slot.isGrowth) this.#isGrowing = false
    this.#ledger.dropSlot()
    this.#events.onGaveUp()
    this.grow()
  }
}
