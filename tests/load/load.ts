// Workers that call all the time, each with a stream of random numbers of its own, and what comes of it.
import { type Choice, Random } from './random.js'

/** What must never be; the run fails by it. */
export class Violation extends Error {}

export type Call<Stage> = (stage: Stage, random: Random) => Promise<unknown>

/** Longer than every limit and every fault together: a call that takes longer hangs. */
const HANGS_AFTER_MS = 60_000

export interface LoadOptions<Stage> {
  readonly calls: readonly Choice<Call<Stage>>[]
  /** Whether a failure is explained by a fault; any other is a violation. */
  readonly isExpected: (error: unknown) => boolean
  readonly seed: number
  readonly workers: number
}

export class Load<Stage> {
  readonly #stage: Stage
  readonly #options: LoadOptions<Stage>
  readonly #workers: Worker[]
  /** How often each call succeeded, and how often it failed with each code. */
  readonly outcomes = new Map<string, Map<string, number>>()
  readonly violations: string[] = []
  calls = 0
  #isResting = true

  constructor(stage: Stage, options: LoadOptions<Stage>) {
    this.#stage = stage
    this.#options = options
    const { seed, workers } = options
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
    const [name, call] = worker.random.pick(this.#options.calls)
    worker.call = name
    let outcome = 'ok'
    try {
      await call(this.#stage, worker.random)
    } catch (error) {
      outcome = codeOf(error)
      if (error instanceof Violation) this.violations.push(error.message)
      else if (!this.#options.isExpected(error)) this.violations.push(`${name}: ${describe(error)}`)
    }
    this.calls++
    worker.call = undefined
    const outcomes = this.outcomes.get(name) ?? new Map<string, number>()
    count(outcomes, outcome)
    this.outcomes.set(name, outcomes)
  }
}

export function count(counts: Map<string, number>, name: string, times = 1): void {
  counts.set(name, (counts.get(name) ?? 0) + times)
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

export function codeOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown }
  return typeof code === 'string' ? code : String(message)
}

export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const ours = (error.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line) && !line.includes('node_modules'))
  const because = error.cause instanceof Error ? [`because: ${describe(error.cause)}`] : []
  return [codeOf(error), error.message.trim().split('\n').at(-1), ...ours.slice(0, 3), ...because].join(' ')
}
