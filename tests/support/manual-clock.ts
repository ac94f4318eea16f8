// A clock that moves only when a test says so. `advance` fires what falls due, in order, and lets promises
// settle from one moment to the next, so that work which a timer starts is done before a later one fires.
import type { Clock, Timer, TimerOptions } from '../../packages/adapter/src/pool/clock.js'

interface Pending {
  at: number
  callback: () => void
  options: TimerOptions
}

/** Lets every promise that can settle without time passing do so. */
export async function settle(): Promise<void> {
  // As many turns as the longest chain of work without time passing takes.
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve))
}

export class ManualClock implements Clock {
  #now = 0
  #wall = 1_000_000
  readonly #pending = new Set<Pending>()

  now(): number {
    return this.#now
  }

  wallNow(): number {
    return this.#wall
  }

  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  }

  setTimer(delayMs: number, callback: () => void, options: TimerOptions): Timer {
    const pending = { at: this.#now + Math.max(0, delayMs), callback, options }
    this.#pending.add(pending)
    return { cancel: () => this.#pending.delete(pending) }
  }

  /** Timers that are set, and of those the ones that keep the process alive. */
  get timers(): { all: number; keepAlive: number } {
    const all = [...this.#pending]
    return { all: all.length, keepAlive: all.filter((timer) => timer.options.keepAlive).length }
  }

  /** Time passes while the process is frozen: no timer fires until it runs again. */
  freeze(ms: number): void {
    this.#now += ms
    this.#wall += ms
  }

  /** The machine sleeps: the wall clock goes on, the monotonic one does not. */
  sleep(ms: number): void {
    this.#wall += ms
  }

  /** Timers of one moment fire in one turn of the event loop, as Node's do, with nothing between them but promises. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await settle()
    for (let due = this.#nextDue(end); due.length > 0; due = this.#nextDue(end)) {
      for (const timer of due) {
        this.#moveTo(Math.max(this.#now, timer.at))
        // One that fires before it may have cancelled it.
        if (this.#pending.delete(timer)) timer.callback()
        await new Promise<void>((resolve) => process.nextTick(resolve))
      }
      await settle()
    }
    this.#moveTo(end)
  }

  #moveTo(now: number): void {
    this.#wall += now - this.#now
    this.#now = now
  }

  /** The timers of the next moment at which there are any, in the order in which they were set. */
  #nextDue(end: number): Pending[] {
    const due = [...this.#pending].filter(({ at }) => at <= end)
    const next = Math.min(...due.map(({ at }) => at))
    return due.filter(({ at }) => at === next)
  }
}
