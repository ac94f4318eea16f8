/**
 * Looks after connections that nobody uses: ends the window of `maxIdle`, and tells when a connection has
 * lived long enough, so that it is replaced while it is idle rather than when someone wants it.
 * One timer for each of the two, neither of which keeps the process alive.
 */
import type { Clock, Timer } from './clock.js'

export interface KeeperEvents {
  onIdleWindowEnd(): void
  /** Some connection may have expired; returns when the next one will. */
  onExpiry(now: number): number
}

export class Keeper {
  readonly #clock: Clock
  readonly #maxIdle: number
  readonly #events: KeeperEvents
  #windowTimer: Timer | undefined
  #expiryTimer: Timer | undefined
  #expiryAt = Infinity

  constructor(clock: Clock, maxIdle: number, events: KeeperEvents) {
    this.#clock = clock
    this.#maxIdle = maxIdle
    this.#events = events
  }

  start(): void {
    if (this.#maxIdle === Infinity) return
    const endWindow = (): void => {
      // Armed again before the work, so that no failure of the work ever ends the series.
      this.start()
      this.#events.onIdleWindowEnd()
    }
    this.#windowTimer = this.#clock.setTimer(this.#maxIdle, endWindow, { keepAlive: false })
  }

  /** A connection that expires at this time has come into being. */
  watch(expiresAt: number): void {
    if (expiresAt >= this.#expiryAt) return
    this.#expiryTimer?.cancel()
    this.#expiryAt = expiresAt
    this.#expiryTimer = this.#clock.setTimer(expiresAt - this.#clock.now(), () => this.#expire(), {
      keepAlive: false,
    })
  }

  stop(): void {
    this.#windowTimer?.cancel()
    this.#expiryTimer?.cancel()
    this.#expiryAt = Infinity
  }

  #expire(): void {
    this.#expiryAt = Infinity
    this.watch(this.#events.onExpiry(this.#clock.now()))
  }
}
