/** How long to wait between attempts to open a connection, and when to give up. Pure arithmetic. */

const INITIAL_DELAY_MS = 1_000
const LONGEST_DELAY_MS = 5_000
const FACTOR = 2
const JITTER = 0.1

export class Backoff {
  readonly #giveUpAfterMs: number
  readonly #random: () => number
  #giveUpAt: number | undefined
  #delayMs = 0

  constructor(giveUpAfterMs: number, random: () => number = Math.random) {
    this.#giveUpAfterMs = giveUpAfterMs
    this.#random = random
  }

  /**
   * The delay before the next attempt, given when the attempt that just failed had begun; `undefined` once
   * it is time to give up. The last attempt falls exactly on the moment of giving up.
   */
  nextDelay(startedAt: number): number | undefined {
    if (this.#giveUpAt === undefined) {
      this.#giveUpAt = startedAt + this.#giveUpAfterMs
      // The jitter is drawn once: processes that lost the same server do not come back in step.
      this.#delayMs = INITIAL_DELAY_MS * (1 - JITTER + 2 * JITTER * this.#random())
    } else {
      if (startedAt >= this.#giveUpAt) return undefined
      this.#delayMs = Math.min(this.#delayMs * FACTOR, LONGEST_DELAY_MS)
    }
    return Math.max(0, Math.min(this.#delayMs, this.#giveUpAt - startedAt))
  }
}
