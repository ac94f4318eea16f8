/**
 * The service's connections as PostgreSQL sees them, on a connection beside the pool that is made again when
 * it is lost.
 */
import { Client } from 'pg'
import type { LaneState } from '../page/messages.js'

export interface Backend {
  readonly pid: number
  readonly state: LaneState
  readonly forMs: number
  readonly blockedBy: readonly number[]
  readonly statement: string
}

const LOOK = {
  name: 'look',
  // Who blocks whom is asked only of those that wait: the answer locks the server's table of locks.
  text: `
    SELECT pid,
           CASE WHEN wait_event_type = 'Lock' THEN 'lock'
                WHEN state = 'active' THEN 'active'
                WHEN state LIKE 'idle in transaction%' THEN 'transaction'
                ELSE 'idle' END AS state,
           greatest(0, extract(epoch FROM clock_timestamp() - state_change) * 1000)::float8 AS "forMs",
           CASE WHEN wait_event_type = 'Lock' THEN pg_blocking_pids(pid) ELSE '{}' END AS "blockedBy",
           left(query, 300) AS statement
      FROM pg_stat_activity
     WHERE application_name = $1 AND datname = current_database() AND backend_type = 'client backend'
     ORDER BY backend_start, pid`,
}

const TIMEOUT_MS = 2_000

export class ServerView {
  readonly #connectionString: string
  readonly #applicationName: string
  #client: Promise<Client> | undefined

  constructor(connectionString: string, applicationName: string) {
    this.#connectionString = connectionString
    this.#applicationName = applicationName
  }

  /** Oldest connection first. Rejects when the server does not answer; the next look tries again. */
  async look(): Promise<Backend[]> {
    const connecting = (this.#client ??= this.#connect())
    try {
      const client = await connecting
      const { rows } = await client.query<Backend>({ ...LOOK, values: [this.#applicationName] })
      return rows
    } catch (error) {
      await this.close()
      throw error
    }
  }

  async close(): Promise<void> {
    const client = this.#client
    this.#client = undefined
    await client?.then((client) => client.end()).catch(() => {})
  }

  async #connect(): Promise<Client> {
    const client = new Client({
      connectionString: this.#connectionString,
      application_name: 'ledger-dashboard',
      connectionTimeoutMillis: TIMEOUT_MS,
      query_timeout: TIMEOUT_MS,
    })
    // A lost connection fails the next look; there is nothing to add to that.
    client.on('error', () => {})
    await client.connect()
    return client
  }
}
