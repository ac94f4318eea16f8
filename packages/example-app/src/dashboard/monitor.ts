/**
 * What the dashboard shows, derived here and nowhere else: looks at the server several times for each tick,
 * at the pool and the load once, remembers the last while, and tells whoever subscribed.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { PoolStats } from 'prisma-pg-real-pool'
import type { LiveLoad } from '../load/live.js'
import type { Lane, Point, Settings, SlowHolder, Snapshot, Tick, Totals } from '../page/messages.js'
import type { Backend } from './server-view.js'
import { Strips } from './strips.js'

const TICK_MS = 500
const LOOKS_PER_TICK = 4
const REMEMBERED_TICKS = 240
const REMEMBERED_LOOKS = 240

export interface MonitorSources {
  /** The service's connections as the server sees them. */
  readonly look: () => Promise<Backend[]>
  readonly stats: () => PoolStats
  readonly load: Pick<LiveLoad, 'payments' | 'failures' | 'latency'>
  readonly retries: () => number
  readonly slowHolders: () => readonly SlowHolder[]
  readonly settings: () => Settings
  readonly limits: { readonly maxCallers: number; readonly slowHolderMs: number }
}

export type Listener = (tick: Tick) => void

export class Monitor {
  readonly #sources: MonitorSources
  readonly #strips = new Strips(REMEMBERED_LOOKS)
  readonly #listeners = new Set<Listener>()
  readonly #stopped = new AbortController()
  #points: Point[] = []
  #backends: readonly Backend[] | null = null
  #stats: PoolStats
  #payments = 0
  #running: Promise<void> | undefined

  constructor(sources: MonitorSources) {
    this.#sources = sources
    this.#stats = sources.stats()
  }

  start(): void {
    this.#running ??= this.#run()
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#running
  }

  /** Returns what ends it. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  snapshot(): Snapshot {
    const { name, poolMin: min, poolMax: max } = this.#sources.stats()
    return {
      ...this.#now(REMEMBERED_LOOKS),
      ...this.#sources.limits,
      points: this.#points,
      pool: { name, min, max },
      tickMs: TICK_MS,
      looksPerTick: LOOKS_PER_TICK,
    }
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      const point = await this.#observe()
      this.#points = [...this.#points, point].slice(-REMEMBERED_TICKS)
      const tick = { ...this.#now(LOOKS_PER_TICK), point }
      for (const listener of this.#listeners) listener(tick)
    }
  }

  /** Lasts a tick. */
  async #observe(): Promise<Point> {
    const since = performance.now()
    let inUse: number | null = null
    for (let look = 1; look <= LOOKS_PER_TICK; look++) {
      this.#backends = await this.#sources.look().catch(() => null)
      if (this.#backends === null) this.#strips.clear()
      else {
        this.#strips.add(this.#backends)
        inUse = Math.max(inUse ?? 0, this.#backends.filter(({ state }) => state !== 'idle').length)
      }
      const nextAt = since + (look * TICK_MS) / LOOKS_PER_TICK
      await sleep(Math.max(1, nextAt - performance.now()), undefined, {
        signal: this.#stopped.signal,
      }).catch(() => {})
    }
    return this.#point(inUse, performance.now() - since)
  }

  #point(inUse: number | null, lastedMs: number): Point {
    const { load, settings } = this.#sources
    const before = this.#stats
    const stats = (this.#stats = this.#sources.stats())
    const requests = stats.requestsNum - before.requestsNum
    const mean = (ms: number) => (requests > 0 ? round(Math.max(0, ms) / requests) : null)
    const payments = load.payments - this.#payments
    this.#payments = load.payments
    const latency = (share: number) =>
      load.latency.count > 0 ? round(load.latency.percentile(share) / 1000) : null
    const point = {
      at: Date.now(),
      callers: settings().callers,
      inUse,
      open: this.#backends?.length ?? null,
      waiting: stats.requestsWaiting,
      waitMs: mean(stats.requestsWaitMs - before.requestsWaitMs),
      holdMs: mean(stats.usageMs - before.usageMs),
      paymentsPerSecond: round((payments * 1000) / lastedMs),
      latencyP50Ms: latency(50),
      latencyP99Ms: latency(99),
    }
    load.latency.reset()
    return point
  }

  #now(looks: number): Omit<Tick, 'point'> {
    return {
      settings: this.#sources.settings(),
      lanes: this.#backends?.map((backend) => this.#lane(backend, looks)) ?? null,
      totals: this.#totals(),
      slowHolders: this.#sources.slowHolders(),
    }
  }

  #lane(backend: Backend, looks: number): Lane {
    return { ...backend, forMs: Math.round(backend.forMs), strip: this.#strips.of(backend.pid, looks) }
  }

  #totals(): Totals {
    const { load, retries } = this.#sources
    const stats = this.#sources.stats()
    return {
      payments: load.payments,
      failures: load.failures,
      retries: retries(),
      requests: stats.requestsNum,
      requestsErrors: stats.requestsErrors,
      longestWaitMs: Math.round(stats.longestWaitMs),
      connectionsOpened: stats.connectionsNum - stats.connectionsErrors,
      connectionsLost: stats.connectionsLost,
      leaksDetected: stats.leaksDetected,
    }
  }
}

/** One decimal is all that anyone reads. */
function round(value: number): number {
  return Math.round(value * 10) / 10
}
