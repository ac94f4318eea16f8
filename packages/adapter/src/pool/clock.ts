/**
 * Time for the pool: monotonic, in milliseconds, and injected, so that tests move it by hand.
 * The only file that touches the timers and the clock of the process, and its event loop.
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

/** The event loop of the process. */
export interface Loop {
  /** For how many milliseconds it has been at work so far, and idle. */
  utilization(): { readonly active: number; readonly idle: number }
  /** Calls back once what has arrived at any socket by now is read. */
  atEndOfTurn(callback: () => void): void
}

// Kept from the beginning: what tests of an application put in their place later would never tell an answer.
const { performance: ownPerformance, setImmediate: ownImmediate } = globalThis

export const systemLoop: Loop = {
  utilization: () => ownPerformance.eventLoopUtilization(),
  // Immediates run behind the callbacks of all sockets (see `turn`).
  atEndOfTurn: (callback) => void ownImmediate(callback),
}
