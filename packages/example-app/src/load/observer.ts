/**
 * Counts the service's connections where nobody can be wrong about them: in PostgreSQL, on a plain
 * connection beside the pool.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'

export interface ObserverOptions {
  readonly connectionString: string
  /** Whose connections to count. */
  readonly applicationName: string
  readonly everyMs: number
}

export interface Observation {
  readonly peakConnections: number
  readonly samples: number
}

export class Observer {
  readonly #client: Client
  readonly #options: ObserverOptions
  #isStopped = false
  #sampling: Promise<Observation> | undefined

  constructor(options: ObserverOptions) {
    this.#options = options
    this.#client = new Client({
      connectionString: options.connectionString,
      application_name: 'ledger-observer',
    })
    // A lost connection fails the query that runs; there is nothing to add to that.
    this.#client.on('error', () => {})
  }

  async start(): Promise<void> {
    await this.#client.connect()
    this.#sampling = this.#sample()
    // Told by stop(); until then a failure is no unhandled rejection.
    this.#sampling.catch(() => {})
  }

  /** Resolves to what was seen since start(); rejects when counting failed. */
  async stop(): Promise<Observation> {
    this.#isStopped = true
    try {
      return (await this.#sampling) ?? { peakConnections: 0, samples: 0 }
    } finally {
      await this.#client.end()
    }
  }

  async #sample(): Promise<Observation> {
    let peakConnections = 0
    let samples = 0
    while (!this.#isStopped) {
      const { rows } = await this.#client.query<{ connections: number }>({
        name: 'count-connections',
        text: `SELECT count(*)::int AS connections FROM pg_stat_activity
               WHERE application_name = $1 AND datname = current_database()`,
        values: [this.#options.applicationName],
      })
      peakConnections = Math.max(peakConnections, rows[0]?.connections ?? 0)
      samples++
      await sleep(this.#options.everyMs)
    }
    return { peakConnections, samples }
  }
}
