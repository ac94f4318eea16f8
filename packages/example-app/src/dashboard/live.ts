/**
 * The service with its dashboard and a load that goes on: puts the parts together, and starts and stops them
 * in order.
 */
import type { RealPoolAdapter } from 'prisma-pg-real-pool'
import { LiveLoad } from '../load/live.js'
import { APPLICATION_NAME } from '../prisma.js'
import { Controls } from './controls.js'
import { Monitor } from './monitor.js'
import type { Dashboard } from './routes.js'
import { ServerView } from './server-view.js'
import { SlowHolders } from './slow-holders.js'

/** From when on a holder is slow: most payments take half of it. */
const SLOW_HOLDER_MS = 1_000

/** What the pool needs beside its size for the dashboard to show how it breathes. */
export const LIVE_POOL = {
  // What a burst opened goes back to the server while one looks.
  maxIdle: '500ms',
  leakDetectionThreshold: SLOW_HOLDER_MS,
} as const

export interface LiveOptions {
  readonly connectionString: string
  readonly adapter: RealPoolAdapter
  readonly retries: () => number
  /** How many callers there are at the beginning. */
  readonly callers: number
}

export class Live implements Dashboard {
  readonly load = new LiveLoad()
  readonly controls: Controls
  readonly monitor: Monitor
  readonly #view: ServerView
  readonly #slowHolders = new SlowHolders()

  constructor({ connectionString, adapter, retries, callers }: LiveOptions) {
    this.controls = new Controls(this.load, callers)
    this.#view = new ServerView(connectionString, APPLICATION_NAME)
    this.monitor = new Monitor({
      look: () => this.#view.look(),
      stats: () => adapter.pool.getStats(),
      load: this.load,
      retries,
      slowHolders: () => this.#slowHolders.last,
      settings: () => this.controls.settings,
      limits: { maxCallers: this.controls.maxCallers, slowHolderMs: SLOW_HOLDER_MS },
    })
  }

  /** Begins to observe, and to call the service at `address`. */
  start(address: string, accountIds: readonly string[]): void {
    this.#slowHolders.start()
    this.monitor.start()
    this.load.start(address, accountIds)
  }

  /** Resolves when the last caller has been answered and nothing is open any more. */
  async stop(): Promise<void> {
    await this.load.stop()
    await this.monitor.stop()
    this.#slowHolders.stop()
    await this.#view.close()
  }
}
