/**
 * Time for the pool: monotonic, in milliseconds, and injected, so that tests move it by hand.
 * The only file of the pool that touches the timers and the clock of the process.
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
  /** Milliseconds of the wall clock. Unlike `now` it goes on while the machine sleeps, and may jump. */
  wallNow(): number
  setTimer(delayMs: number, callback: () => void, options: TimerOptions): Timer
  /** Resolves once everything that had arrived at the process's sockets by now has been read. */
  turn(): Promise<void>
}

/** Node fires at once, with a warning, when asked to wait longer than this (24.8 days). */
const LONGEST_DELAY_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  setTimer(delayMs, callback, { keepAlive }) {
    const timer = setTimeout(callback, Math.min(Math.max(delayMs, 0), LONGEST_DELAY_MS))
    if (!keepAlive) timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
  // A callback of I/O runs inside the poll phase, so that the next immediate comes before the next poll; the
  // one after that comes behind a whole one. https://nodejs.org/learn/asynchronous-work/event-loop-timers-and-nexttick
  turn: () => new Promise((resolve) => setImmediate(() => setImmediate(resolve))),
}
