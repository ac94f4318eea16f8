/** Those who wait for a state of the pool, rather than for a connection: asked again after every change. */
import type { Clock } from './clock.js'

export class Conditions {
  readonly #clock: Clock
  readonly #observers = new Set<() => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves to true when the condition holds, to false when the time is up. */
  until(condition: () => boolean, timeoutMs: number): Promise<boolean> {
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

  /** Something has changed that they may be waiting for. */
  notify(): void {
    for (const observe of this.#observers) observe()
  }
}
