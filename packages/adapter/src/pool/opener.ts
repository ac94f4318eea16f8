/**
 * Opens connections in the background: at most `numWorkers` at the same time, again and again with growing
 * delays while the server is away. It knows nothing of who waits; it is told when someone does (`kick`).
 */
import { Backoff } from './backoff.js'
import type { Clock, Timer } from './clock.js'
import type { Connector } from './types.js'

/** Someone waits: the next attempt may come sooner than the backoff says, but not more often than this. */
const KICK_INTERVAL_MS = 250

export interface OpenerSettings {
  readonly numWorkers: number
  readonly reconnectTimeout: number
}

export interface OpenerEvents<C> {
  onOpened(connection: C, connectMs: number, slot: Slot): void
  /** An attempt failed; the slot makes the next after that pause, or gives up. */
  onFailed(error: unknown, slot: Slot, retryInMs: number | undefined): void
}

/** The place of a connection to be, through all the attempts to open it. */
export class Slot {
  /** Whether the pool grows by it because someone waits, rather than refilling what it lost. */
  readonly isGrowth: boolean
  /** Whether it gives up when the first attempt fails. */
  readonly triesOnce: boolean
  /** @internal */ backoff: Backoff | undefined
  /** @internal */ startedAt = 0
  /** @internal */ wakeAt = 0
  /** @internal */ timer: Timer | undefined

  constructor(isGrowth: boolean, triesOnce: boolean) {
    this.isGrowth = isGrowth
    this.triesOnce = triesOnce
  }
}

export class Opener<C> {
  readonly #connector: Connector<C>
  readonly #clock: Clock
  readonly #settings: OpenerSettings
  readonly #events: OpenerEvents<C>
  #abort = new AbortController()
  readonly #ready: Slot[] = []
  readonly #sleeping = new Set<Slot>()
  #working = 0
  #lastAttemptAt = -Infinity

  constructor(connector: Connector<C>, clock: Clock, settings: OpenerSettings, events: OpenerEvents<C>) {
    this.#connector = connector
    this.#clock = clock
    this.#settings = settings
    this.#events = events
  }

  /** Opens one more connection, at once or after a while; `kick` shortens that. */
  start(slot: Slot, delayMs = 0): void {
    if (delayMs > 0) {
      this.#sleep(slot, this.#clock.now() + delayMs)
    } else {
      this.#ready.push(slot)
      this.#pump()
    }
  }

  /** Someone waits: when every slot sleeps, the one that wakes first wakes earlier. */
  kick(): void {
    if (this.#working > 0 || this.#ready.length > 0) return
    let next: Slot | undefined
    for (const slot of this.#sleeping) if (next === undefined || slot.wakeAt < next.wakeAt) next = slot
    if (next === undefined) return
    const wakeAt = Math.max(this.#clock.now(), this.#lastAttemptAt + KICK_INTERVAL_MS)
    if (wakeAt < next.wakeAt) this.#sleep(next, wakeAt)
  }

  /** Gives up every attempt, those on their way too. What is started later is not concerned. */
  stop(): void {
    this.#abort.abort()
    this.#abort = new AbortController()
    this.#ready.length = 0
    for (const slot of this.#sleeping) slot.timer?.cancel()
    this.#sleeping.clear()
  }

  #pump(): void {
    while (this.#working < this.#settings.numWorkers) {
      const slot = this.#ready.shift()
      if (slot === undefined) return
      void this.#attempt(slot)
    }
  }

  async #attempt(slot: Slot): Promise<void> {
    const { signal } = this.#abort
    this.#working++
    slot.startedAt = this.#lastAttemptAt = this.#clock.now()
    let connection: C
    try {
      connection = await this.#connector.open(signal)
    } catch (error) {
      this.#working--
      if (!signal.aborted) this.#failed(slot, error)
      this.#pump()
      return
    }
    this.#working--
    if (signal.aborted) {
      // Opened in the very moment of stopping: nobody is there to take it.
      this.#connector.destroy(connection)
      this.#pump()
      return
    }
    this.#events.onOpened(connection, this.#clock.now() - slot.startedAt, slot)
    // The server is back: no slot need sleep any longer.
    for (const sleeper of [...this.#sleeping]) this.#wake(sleeper)
    this.#pump()
  }

  #failed(slot: Slot, error: unknown): void {
    const delayMs = slot.triesOnce ? undefined : this.#nextDelay(slot)
    // Put to sleep before the event, so that whoever is told finds the slot in its place.
    if (delayMs !== undefined) this.#sleep(slot, this.#clock.now() + delayMs)
    this.#events.onFailed(error, slot, delayMs)
  }

  #nextDelay(slot: Slot): number | undefined {
    slot.backoff ??= new Backoff(this.#settings.reconnectTimeout)
    return slot.backoff.nextDelay(slot.startedAt)
  }

  #sleep(slot: Slot, wakeAt: number): void {
    slot.timer?.cancel()
    slot.wakeAt = wakeAt
    // A waiting request keeps the process alive by its own deadline; a sleeping slot never does.
    slot.timer = this.#clock.setTimer(wakeAt - this.#clock.now(), () => this.#wake(slot), {
      keepAlive: false,
    })
    this.#sleeping.add(slot)
  }

  #wake(slot: Slot): void {
    slot.timer?.cancel()
    slot.timer = undefined
    this.#sleeping.delete(slot)
    this.#ready.push(slot)
    this.#pump()
  }
}
