// Workers that call all the time, each with a stream of random numbers of its own, and what comes of it.
import { CALLS, isExpected, Violation } from './calls.js'
import type { Journal } from './journal.js'
import { Random } from './random.js'
import type { Stage } from './stage.js'

/** Longer than every limit and every fault together: a call that takes longer hangs. */
const HANGS_AFTER_MS = 60_000

export class Load {
  readonly #stage: Stage
  readonly #journal: Journal
  readonly #workers: Worker[]
  /** How often each call succeeded, and how often it failed with each code. */
  readonly outcomes = new Map<string, Map<string, number>>()
  readonly violations: string[] = []
  calls = 0
  #isResting = true

  constructor(stage: Stage, journal: Journal, { seed, workers }: { seed: number; workers: number }) {
    this.#stage = stage
    this.#journal = journal
    this.#workers = Array.from({ length: workers }, (_, index) => new Worker(new Random(seed, index + 1)))
  }

  start(): void {
    this.#isResting = false
    for (const worker of this.#workers) worker.running = this.#run(worker)
  }

  /** Lets every call that has begun end, and begins no other. */
  async rest(): Promise<void> {
    this.#isResting = true
    let timer: NodeJS.Timeout | undefined
    const isOver = await Promise.race([
      Promise.all(this.#workers.map(({ running }) => running)).then(() => true),
      new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), HANGS_AFTER_MS))),
    ])
    clearTimeout(timer)
    if (isOver) return
    const hanging = this.#workers.flatMap(({ call }) => call ?? [])
    throw new Violation(`calls hang: ${hanging.join(', ')}`)
  }

  async #run(worker: Worker): Promise<void> {
    while (!this.#isResting) await this.#callOnce(worker)
  }

  async #callOnce(worker: Worker): Promise<void> {
    const [name, call] = worker.random.pick(CALLS.map(([weight, ...rest]) => [weight, rest] as const))
    worker.call = name
    let outcome = 'ok'
    try {
      await call(this.#stage, this.#journal, worker.random)
    } catch (error) {
      outcome = codeOf(error)
      if (error instanceof Violation) this.violations.push(error.message)
      else if (!isExpected(error)) this.violations.push(`${name}: ${describe(error)}`)
    }
    this.calls++
    worker.call = undefined
    const outcomes = this.outcomes.get(name) ?? new Map<string, number>()
    this.outcomes.set(name, outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1))
  }
}

class Worker {
  readonly random: Random
  running: Promise<void> = Promise.resolve()
  /** What it is calling now. */
  call: string | undefined

  constructor(random: Random) {
    this.random = random
  }
}

function codeOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown }
  return typeof code === 'string' ? code : String(message)
}

export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const ours = (error.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line) && !line.includes('node_modules'))
  return [codeOf(error), error.message.trim().split('\n').at(-1), ...ours.slice(0, 3)].join(' ')
}
