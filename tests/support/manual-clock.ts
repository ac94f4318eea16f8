// A clock that moves only when a test says so. `advance` fires what falls due, in order, and lets promises
// settle in between, so that work which a timer starts is done before the next timer fires.
import type { Clock, Timer, TimerOptions } from '../../packages/adapter/src/pool/clock.js'

interface Pending {
  at: number
  sequence: number
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
  #sequence = 0
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
    const pending = { at: this.#now + Math.max(0, delayMs), sequence: this.#sequence++, callback, options }
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

  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await settle()
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#moveTo(Math.max(this.#now, next.at))
      this.#pending.delete(next)
      next.callback()
      await settle()
    }
    this.#moveTo(end)
  }

  #moveTo(now: number): void {
    this.#wall += now - this.#now
    this.#now = now
  }

  #next(end: number): Pending | undefined {
    let next: Pending | undefined
    for (const timer of this.#pending) {
      if (timer.at > end) continue
      if (
        next === undefined ||
        timer.at < next.at ||
        (timer.at === next.at && timer.sequence < next.sequence)
      ) {
        next = timer
      }
    }
    return next
  }
}
