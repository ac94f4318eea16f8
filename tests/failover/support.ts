// A stage for failovers: a primary and its standby, an address that can point at either, and clients by way of it.
import { setTimeout as sleep } from 'node:timers/promises'
import { type PoolOptions, RealPoolAdapter, type RealPoolAdapterOptions } from 'prisma-pg-real-pool'
import type { SqlDriverAdapter } from '@prisma/driver-adapter-utils'
import { errorOf, sql, SUBJECT } from '../integration/support.js'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { Proxy } from '../support/proxy.js'
import { type Replicated, startReplicated, withClient } from '../support/standby.js'

export interface Subject {
  readonly adapter: RealPoolAdapter
  readonly db: SqlDriverAdapter
}

export interface FailoverStage {
  readonly servers: Replicated
  /** On the primary; the standby has it, too. */
  readonly database: TestDatabase
  /** The same database on the standby. */
  readonly standbyUrl: string
  /** Points at the primary at first. */
  readonly address: Proxy
  open(pool: PoolOptions, options?: RealPoolAdapterOptions): Promise<Subject>
  /** Callers that write until `stop`, or until the stage is closed. */
  write(subject: Subject, count: number): Writers
  close(): Promise<void>
}

/** With a table `notes(text)`. */
export async function createFailoverStage(): Promise<FailoverStage> {
  const servers = await startReplicated()
  const database = await createTestDatabase(servers.primary.url)
  await database.query('CREATE TABLE notes (id serial PRIMARY KEY, text text NOT NULL)')
  await servers.catchUp()
  const address = await Proxy.inFrontOf(database.url)
  const standby = new URL(servers.standby.url)
  standby.pathname = `/${database.name}`
  const subjects: Subject[] = []
  const loads: Writers[] = []
  return {
    servers,
    database,
    standbyUrl: standby.href,
    address,
    async open(pool, options = {}) {
      const adapter = new RealPoolAdapter({
        connectionString: address.urlOf(database.url),
        application_name: SUBJECT,
        pool,
        ...options,
      })
      const db = await adapter.connect()
      await adapter.pool.open({ wait: true })
      const subject = { adapter, db }
      subjects.push(subject)
      return subject
    },
    write(subject, count) {
      const writers = new Writers(subject, count)
      loads.push(writers)
      return writers
    },
    async close() {
      await Promise.all(loads.map((writers) => writers.stop()))
      await Promise.all(subjects.map(({ db }) => db.dispose()))
      address.close()
      await servers.close()
    },
  }
}

/** Many callers that write at the same time, each one write after another, until `stop`. */
export class Writers {
  acknowledged = 0
  refused = 0
  /** How many writes in a row have succeeded by now. */
  inARow = 0
  /** When the last refusal came. */
  lastRefusedAt = -Infinity
  readonly #codes = new Set<unknown>()
  #isOver = false
  readonly #done: Promise<unknown>

  constructor({ db }: Subject, count: number) {
    this.#done = Promise.all(Array.from({ length: count }, () => this.#write(db)))
  }

  /** The SQLSTATEs, or kinds, of what was refused. */
  get codes(): unknown[] {
    return [...this.#codes]
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await this.#done
  }

  async #write(db: SqlDriverAdapter): Promise<void> {
    while (!this.#isOver) {
      try {
        await db.executeRaw(sql(`INSERT INTO notes (text) VALUES ('load')`))
        this.acknowledged++
        this.inARow++
      } catch (error) {
        const { cause } = error as { cause?: { kind?: unknown; originalCode?: unknown } }
        this.#codes.add(cause?.originalCode ?? cause?.kind ?? error)
        this.refused++
        this.inARow = 0
        this.lastRefusedAt = performance.now()
      }
      // As a caller would, who does something else between two writes.
      await sleep(2)
    }
  }
}

/** The SQLSTATE with which a statement is refused. */
export async function refusalOf(promise: Promise<unknown>): Promise<unknown> {
  const error = await errorOf(promise)
  return (error as { cause?: { originalCode?: unknown } }).cause?.originalCode
}

export const INSERT = sql(`INSERT INTO notes (text) VALUES ('note')`)

/** Counts the sessions that the pool opens from now on, as the server knows them. */
export async function watchPids(url: string): Promise<() => Promise<number[]>> {
  const before = new Set(await pidsOn(url))
  return async () => (await pidsOn(url)).filter((pid) => !before.has(pid))
}

/** The processes that serve the subject on one server. */
export function pidsOn(url: string): Promise<number[]> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE application_name = $1 ORDER BY backend_start, pid`,
      [SUBJECT],
    )
    return rows.map(({ pid }) => pid)
  })
}
