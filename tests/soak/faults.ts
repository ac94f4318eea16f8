// Faults, one after another, until told to stop: of the network, of the server, and of those who look after
// the pools. Each ends by itself, so that what waits for its end is served.
import { setTimeout as sleep } from 'node:timers/promises'
import { Random } from './random.js'
import type { Stage } from './stage.js'

type Fault = (stage: Stage, random: Random) => unknown

const FAULTS: readonly (readonly [weight: number, name: string, fault: Fault])[] = [
  [6, 'cut', ({ proxy }) => proxy.cut()],
  [6, 'fin', ({ proxy }) => proxy.fin()],
  [
    8,
    'cut within a message',
    ({ proxy }, random) => {
      const direction = random.pick([
        [1, 'toServer'],
        [1, 'toClient'],
      ] as const)
      proxy.cutAfterBytes(random.between(1, 300), direction)
    },
  ],
  [
    4,
    'stall',
    async ({ proxy }, random) => {
      proxy.stall()
      await sleep(random.between(10, 500))
      proxy.resume()
    },
  ],
  [
    3,
    'forgotten connections',
    async ({ proxy }, random) => {
      proxy.forget()
      await sleep(random.between(100, 600))
      // What nobody asked after is given back; the rest has been closed by its pool.
      proxy.resume()
    },
  ],
  [
    4,
    'delay',
    async ({ proxy }, random) => {
      proxy.delay(random.between(1, 20))
      await sleep(random.between(50, 300))
      proxy.delay(0)
    },
  ],
  [
    3,
    'refuse',
    async ({ proxy }, random) => {
      proxy.refuse()
      if (random.next() < 0.5) proxy.cut()
      await sleep(random.between(10, 500))
      await proxy.listen()
    },
  ],
  [
    2,
    'deaf',
    async ({ proxy }, random) => {
      proxy.deafen()
      if (random.next() < 0.5) proxy.fin()
      await sleep(random.between(10, 500))
      proxy.hear()
    },
  ],
  [8, 'kill one', (stage, random) => kill(stage, `LIMIT 1 OFFSET ${random.between(0, 5)}`)],
  [4, 'kill all', (stage) => kill(stage, '')],
  [
    3,
    'freeze',
    async ({ server }, random) => {
      await server.signal('SIGSTOP')
      await sleep(random.between(10, 500))
      await server.signal('SIGCONT')
    },
  ],
  [2, 'drain', ({ pools }) => Promise.all([pools.adapter.drain(), pools.bare.drain()])],
  [2, 'check', ({ pools }) => Promise.all([pools.adapter.check(), pools.bare.check()])],
  [
    2,
    'resize',
    async ({ pools }, random) => {
      const { poolMin, poolMax } = pools.bare.getStats()
      pools.bare.resize({ minSize: 0, maxSize: random.between(1, 8) })
      await sleep(random.between(50, 500))
      pools.bare.resize({ minSize: poolMin, maxSize: poolMax })
    },
  ],
]

function kill({ database }: Stage, which: string): Promise<unknown> {
  return database.query(
    `SELECT pg_terminate_backend(pid)
       FROM (SELECT pid FROM pg_stat_activity
              WHERE datname = current_database() AND application_name IN ('adapter', 'bare')
              ORDER BY pid ${which}) AS victims`,
  )
}

/** Dear, so by the clock rather than by chance. */
const RESTART_EVERY_MS = 8_000

export class Faults {
  readonly counts = new Map<string, number>()
  /** How long after each return of the server both pools had as many connections as they keep. */
  readonly recoveriesMs: number[] = []
  readonly #stage: Stage
  readonly #random: Random
  #isOver = false
  #restartAt = 0
  #running: Promise<void> = Promise.resolve()

  constructor(stage: Stage, seed: number) {
    this.#stage = stage
    this.#random = new Random(seed)
  }

  start(): void {
    this.#isOver = false
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await this.#running
    const { proxy } = this.#stage
    proxy.cutAfterBytes(Infinity, 'toServer')
    proxy.cutAfterBytes(Infinity, 'toClient')
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      if (performance.now() >= this.#restartAt) {
        await this.#restart()
        this.#restartAt = performance.now() + RESTART_EVERY_MS
      } else {
        const [name, fault] = this.#random.pick(FAULTS.map(([weight, ...rest]) => [weight, rest] as const))
        this.#count(name)
        await fault(this.#stage, this.#random)
      }
      await sleep(this.#random.between(50, 400))
    }
  }

  async #restart(): Promise<void> {
    const mode = this.#random.pick([
      [1, 'fast'],
      [1, 'immediate'],
    ] as const)
    this.#count(`restart (${mode})`)
    const { server, database, pools } = this.#stage
    await server.shutdown(mode)
    await sleep(this.#random.between(0, 1_500))
    await server.restart()
    const returnedAt = performance.now()
    // By the server's count: whoever is there has been let in.
    const wanted = pools.adapter.getStats().poolMin + pools.bare.getStats().poolMin
    while ((await database.backends()).length < wanted) await sleep(5)
    this.recoveriesMs.push(performance.now() - returnedAt)
  }

  #count(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1)
  }
}
