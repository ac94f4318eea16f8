// Faults, one after another, until told to stop. Each ends by itself, so that what waits for its end is served.
import { setTimeout as sleep } from 'node:timers/promises'
import { count } from './load.js'
import type { Choice, Random } from './random.js'

/** Resolves to `false` where there was nothing to hit. */
export type Fault<Stage> = (stage: Stage, random: Random) => unknown

export interface FaultsOptions<Stage> {
  readonly faults: readonly Choice<Fault<Stage>>[]
  readonly random: Random
  /** How long the next pause between two is. */
  readonly pauseMs: (random: Random) => number
  /** What is dear, by the clock rather than by chance; the first fault of all. */
  readonly dear?: { readonly everyMs: number; readonly fault: Fault<Stage>; readonly name: string }
}

/** When something was wrong, in milliseconds of the process. */
export interface Incident {
  readonly name: string
  readonly from: number
  to: number
}

export class Faults<Stage> {
  readonly counts = new Map<string, number>()
  readonly incidents: Incident[] = []
  readonly #options: FaultsOptions<Stage>
  /** Those still to come before any comes again, as often as its weight says. */
  #deck: [name: string, fault: Fault<Stage>][] = []
  #isOver = true
  #dearAt = 0
  #running: Promise<void> = Promise.resolve()

  constructor(options: FaultsOptions<Stage>) {
    this.#options = options
  }

  get total(): number {
    return [...this.counts.values()].reduce((sum, each) => sum + each, 0)
  }

  start(stage: Stage): void {
    this.#isOver = false
    this.#running = this.#run(stage)
    // Whoever stops them hears of it.
    this.#running.catch(() => {})
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await this.#running
  }

  async #run(stage: Stage): Promise<void> {
    const { random, pauseMs } = this.#options
    while (!this.#isOver) {
      const [name, fault] = this.#next()
      const incident = { name, from: performance.now(), to: Infinity }
      this.incidents.push(incident)
      const hasHit = await fault(stage, random)
      incident.to = performance.now()
      if (hasHit === false) this.incidents.pop()
      else count(this.counts, name)
      await sleep(pauseMs(random))
    }
  }

  #next(): [name: string, fault: Fault<Stage>] {
    const { faults, random, dear } = this.#options
    if (dear !== undefined && performance.now() >= this.#dearAt) {
      this.#dearAt = performance.now() + dear.everyMs
      return [dear.name, dear.fault]
    }
    if (this.#deck.length === 0) {
      const all = faults.flatMap(([weight, ...rest]) => Array.from({ length: weight }, () => rest))
      this.#deck = random.shuffle(all)
    }
    return this.#deck.pop()!
  }
}
