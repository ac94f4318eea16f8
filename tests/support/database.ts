// A fresh database for each test file, and what the server says about it: `pg_stat_activity` and
// `pg_stat_database` are the truth that tests compare our own statistics with.
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import pg from 'pg'
import { eventually } from './eventually.js'

/** A row of `pg_stat_activity`. */
export interface Backend {
  readonly pid: number
  readonly state: string | null
  readonly query: string
  readonly application_name: string
  readonly xact_start: Date | null
}

export interface TestDatabase {
  readonly url: string
  readonly name: string
  /** Runs on a connection of its own in this database, whose application name is `observer`; returns the rows. */
  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(
    sql: string,
    values?: readonly unknown[],
  ): Promise<Row[]>
  /** Clients' backends in this database, all but the observer's, oldest first. */
  backends(applicationName?: string): Promise<Backend[]>
  /**
   * How many sessions clients have opened in this database since its creation, the observer's and those of
   * `migrate` not counted. After a crash of the server its statistics, and so this count, begin anew.
   */
  sessionsOpened(): Promise<number>
  /** Applies the `migration.sql` of each folder in this one, by name, on a connection of its own. */
  migrate(folder: string): Promise<void>
  /** Ends every session in the database and removes it. May be called more than once. */
  drop(): Promise<void>
}

/** In the server of the whole run, or in the one whose URL is given. */
export async function createTestDatabase(serverUrl = process.env.TEST_SERVER_URL): Promise<TestDatabase> {
  if (serverUrl === undefined)
    throw new Error('TEST_SERVER_URL is not set: tests/support/global-setup.ts sets it.')
  const name = `test_${process.pid}_${randomBytes(6).toString('hex')}`
  // template0, because nobody can be connected to it, which would make this fail.
  await runOnce(serverUrl, `CREATE DATABASE ${name} TEMPLATE template0`)
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  // Only how to get there: what else DATABASE_URL asks for (a schema, a name, limits) is for tests to choose.
  for (const key of [...url.searchParams.keys()]) {
    if (!/^(ssl|host$)/.test(key)) url.searchParams.delete(key)
  }
  return new Database(serverUrl, url.href, name)
}

/** What the server has said of sessions, and which backends were live by then. */
interface SessionCount {
  readonly sessions: number
  readonly live: readonly string[]
}

const NOTHING_COUNTED: SessionCount = { sessions: 0, live: [] }

class Database implements TestDatabase {
  readonly #serverUrl: string
  #observer: Promise<pg.Client> | undefined
  #ownSessions = 0
  #counted: SessionCount = NOTHING_COUNTED
  #dropped: Promise<void> | undefined

  constructor(
    serverUrl: string,
    readonly url: string,
    readonly name: string,
  ) {
    this.#serverUrl = serverUrl
  }

  async query<Row extends pg.QueryResultRow>(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    const observer = await (this.#observer ??= this.#observe())
    const { rows } = await observer.query<Row>(sql, [...values])
    return rows
  }

  backends(applicationName?: string): Promise<Backend[]> {
    return this.query<Backend & pg.QueryResultRow>(
      `SELECT pid, state, query, application_name, xact_start
         FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
          AND ($1::text IS NULL OR application_name = $1)
        ORDER BY backend_start, pid`,
      [applicationName ?? null],
    )
  }

  async sessionsOpened(): Promise<number> {
    await this.#statisticsAreCurrent()
    // A backend reports its session before it answers the client for the first time; where another holds
    // the lock on the statistics at that moment, only when it next goes idle, or after ten seconds. Until
    // then there are more backends that were not there at the last count than sessions reported since.
    return eventually(
      async () => {
        const [row] = await this.query<{ sessions: number; live: string[] }>(
          `SELECT coalesce(pg_stat_get_db_sessions(d.oid), 0)::int AS sessions,
                  array(SELECT a.pid || ' ' || a.backend_start FROM pg_stat_activity a
                         WHERE a.datid = d.oid AND a.backend_type = 'client backend') AS live
             FROM pg_database d
            WHERE d.datname = current_database()`,
        )
        const { sessions, live } = row!
        // The server has crashed since.
        if (sessions < this.#counted.sessions) this.#counted = NOTHING_COUNTED
        const reported = sessions - this.#counted.sessions
        const opened = live.filter((backend) => !this.#counted.live.includes(backend)).length
        if (reported < opened)
          throw new Error(`${opened} more backends live, but only ${reported} more sessions are reported.`)
        this.#counted = { sessions, live }
        return sessions - this.#ownSessions
      },
      { timeoutMs: 12_000 },
    )
  }

  /** Before 15 a process of its own collects the statistics, and hands them out up to half a second old. */
  async #statisticsAreCurrent(): Promise<void> {
    const [row] = await this.query<{ version: number }>(
      `SELECT current_setting('server_version_num')::int AS version`,
    )
    if (row!.version < 150_000) await new Promise((resolve) => setTimeout(resolve, 1_500))
  }

  async migrate(folder: string): Promise<void> {
    const names = await readdir(folder)
    const files = names
      .map((name) => path.join(folder, name, 'migration.sql'))
      .filter((file) => existsSync(file))
    if (files.length === 0) throw new Error(`${folder} holds no */migration.sql.`)
    const client = await connect(this.url)
    this.#ownSessions += 1
    try {
      for (const file of files.sort()) await client.query(await readFile(file, 'utf8'))
    } finally {
      await client.end()
    }
  }

  drop(): Promise<void> {
    this.#dropped ??= this.#drop()
    return this.#dropped
  }

  async #drop(): Promise<void> {
    const observer = await this.#observer?.catch(() => undefined)
    await observer?.end()
    await runOnce(this.#serverUrl, `DROP DATABASE IF EXISTS ${this.name} WITH (FORCE)`)
  }

  /** A test may restart the server; the next question then gets a new connection. */
  async #observe(): Promise<pg.Client> {
    const forget = () => {
      this.#observer = undefined
    }
    try {
      const client = await connect(this.url)
      this.#ownSessions += 1
      client.once('end', forget)
      return client
    } catch (error) {
      forget()
      throw error
    }
  }
}

/** A URL as the fields of node-postgres. */
export function fieldsOf(url: string) {
  const { hostname, port, username, password, pathname } = new URL(url)
  return {
    host: hostname,
    port: Number(port || 5432),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: pathname.slice(1),
  }
}

async function connect(url: string): Promise<pg.Client> {
  const observed = new URL(url)
  observed.searchParams.set('application_name', 'observer')
  const client = new pg.Client({ connectionString: observed.href })
  client.on('error', () => {}) // The query that runs says it, or the next one.
  await client.connect()
  return client
}

async function runOnce(url: string, sql: string): Promise<void> {
  const client = await connect(url)
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
