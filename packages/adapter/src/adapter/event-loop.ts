/**
 * Where the process has no time left, what arrives in one turn of the event loop is told together, at its end: Prisma
 * then does the same step for one after the other, and finds its code in the caches of the processor. Transactions of 16
 * callers on a near server are a sixth faster by that; `tx2` and `tx6` of `npm run bench` show it. Where there is time
 * left, it would only be told later.
 */
import { type Clock, type Loop, systemClock, systemLoop } from '../pool/clock.js'

/** Whoever is at work for more than this part of the time has none left. */
const BUSY = 0.9
/** Long enough for many answers, short enough to follow what changes. */
const SAMPLE_MS = 20
/** What lies further apart says little of the moments at which somebody asks. */
const LONGEST_SAMPLE_MS = 5 * SAMPLE_MS

export class EventLoop {
  readonly #clock: Clock
  readonly #loop: Loop
  #isBusy = false
  #sampledAt = -Infinity
  #last = { active: 0, idle: 0 }
  #waiting: (() => void)[] = []

  constructor(clock: Clock, loop: Loop) {
    this.#clock = clock
    this.#loop = loop
  }

  /** Whether the process has no time left, as of the last few moments at which this was asked. */
  get isBusy(): boolean {
    const now = this.#clock.now()
    const elapsed = now - this.#sampledAt
    if (elapsed < SAMPLE_MS) return this.#isBusy
    const { active, idle } = this.#loop.utilization()
    if (elapsed < LONGEST_SAMPLE_MS) this.#isBusy = isBusy(active - this.#last.active, idle - this.#last.idle)
    this.#sampledAt = now
    this.#last = { active, idle }
    return this.#isBusy
  }

  /** Resolves for all who wait, one directly after the other, once what has arrived at other sockets is read, too. */
  endOfTurn(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#waiting.push(resolve) === 1) this.#loop.atEndOfTurn(() => this.#endTurn())
    })
  }

  #endTurn(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}

function isBusy(active: number, idle: number): boolean {
  return active > BUSY * (active + idle)
}

/** That of this process. */
export const eventLoop = new EventLoop(systemClock, systemLoop)
