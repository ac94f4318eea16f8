/**
 * Notices that the process was frozen: stopped, suspended with its machine, or thawed by its platform. What
 * was idle then may be dead, and nothing has told us.
 */
import type { Clock, Timer } from './clock.js'

const BEAT_MS = 5_000
/** A beat this late is more than a busy process. */
const LATE_MS = 5_000

export class Heartbeat {
  readonly #clock: Clock
  #timer: Timer | undefined
  #lastBeat = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  start(): void {
    this.#lastBeat = this.#clock.wallNow()
    this.#timer = this.#clock.setTimer(BEAT_MS, () => this.#beat(), { keepAlive: false })
  }

  stop(): void {
    this.#timer?.cancel()
  }

  /**
   * Whether the heart has stopped since it was last asked. To be asked before a connection is lent: after a
   * thaw the request that wants it may come before the timer.
   */
  get wasFrozen(): boolean {
    const now = this.#clock.wallNow()
    if (now - this.#lastBeat <= BEAT_MS + LATE_MS) return false
    this.#lastBeat = now
    return true
  }

  #beat(): void {
    // A beat that comes late leaves the traces of it for whoever asks.
    if (this.#clock.wallNow() - this.#lastBeat <= BEAT_MS + LATE_MS) this.#lastBeat = this.#clock.wallNow()
    this.#timer = this.#clock.setTimer(BEAT_MS, () => this.#beat(), { keepAlive: false })
  }
}
