/**
 * Time for the pool: monotonic, in milliseconds, and injected, so that tests move it by hand.
 * The only file that touches the timers and the clock of the process.
 */

/** A timer that has been set. Cancelling twice, or after it fired, does nothing. */
export interface Timer {
  cancel(): void
}

export interface TimerOptions {
  /** Whether the timer keeps the process alive. Only a pending request may do that. */
  readonly keepAlive: boolean
}

export interface Clock {
  /** Milliseconds since some fixed moment; never goes back. */
  now(): number
  setTimer(delayMs: number, callback: () => void, options: TimerOptions): Timer
}

/** Node fires at once, with a warning, when asked to wait longer than this (24.8 days). */
const LONGEST_DELAY_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => performance.now(),
  setTimer(delayMs, callback, { keepAlive }) {
    const timer = setTimeout(callback, Math.min(Math.max(delayMs, 0), LONGEST_DELAY_MS))
    if (!keepAlive) timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
}
