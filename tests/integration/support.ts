// Statements for the adapter's contract as Prisma would send them, failures as values, and warnings of Node.
import { expect } from '@jest/globals'
import type { SqlQuery, SqlQueryable } from '@prisma/driver-adapter-utils'
import type { Client } from 'pg'
import type { PoolOptions } from 'prisma-pg-real-pool'
import type { TestDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { realProcess } from '../support/real-process.js'

/** The `application_name` of every connection that a test asks about. */
export const SUBJECT = 'subject'

/** What `pool: false` stands for, where a test needs other options beside it. */
export const NO_POOLING: PoolOptions = {
  minSize: 0,
  maxIdleCount: 0,
  growth: 'immediate',
  numWorkers: Infinity,
}

export function sql(text: string, ...args: unknown[]): SqlQuery {
  return { sql: text, args, argTypes: args.map(() => ({ scalarType: 'unknown', arity: 'scalar' })) }
}

/** The first column of the first row. */
export async function valueOf(target: SqlQueryable, text: string, ...args: unknown[]): Promise<unknown> {
  return (await target.queryRaw(sql(text, ...args))).rows[0]?.[0]
}

/** What a promise rejects with; fails when it does not. */
export async function errorOf(promise: Promise<unknown>): Promise<Error> {
  let value: unknown
  try {
    value = await promise
  } catch (error) {
    if (error instanceof Error) return error
    throw new Error('rejected, but not with an error', { cause: error })
  }
  throw new Error(`did not reject, but resolved to ${JSON.stringify(value)}`)
}

export async function statesOf(database: TestDatabase): Promise<(string | null)[]> {
  return (await database.backends(SUBJECT)).map(({ state }) => state)
}

/** Counts the sessions that are opened from now on. */
export async function countSessions(database: TestDatabase): Promise<() => Promise<number>> {
  const before = await database.sessionsOpened()
  return async () => (await database.sessionsOpened()) - before
}

/** Asks how many advisory locks there are in the database. */
export const COUNT_LOCKS = `SELECT count(*)::int FROM pg_locks JOIN pg_database ON pg_database.oid = database
  WHERE datname = current_database() AND locktype = 'advisory'`

/** Ends the subject's sessions that a condition on `pg_stat_activity` chooses; tells how many. */
export async function terminate(
  { database }: { readonly database: TestDatabase },
  where = 'true',
): Promise<number> {
  const rows = await database.query(
    `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = $1 AND (${where})`,
    [SUBJECT],
  )
  return rows.length
}

type Asked = Pick<TestDatabase, 'query'>

/** Waits until `pg_sleep` runs on the server: a request to cancel that comes before it would go by. */
export async function sleepRuns(database: Asked): Promise<void> {
  await statementWaits(database, 'PgSleep')
}

/** Waits until a statement waits on the server, for something that `pg_stat_activity` calls so. */
export async function statementWaits(database: Asked, event: string): Promise<void> {
  await eventually(async () => {
    const rows = await database.query(
      `SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = $1 AND state = 'active' AND wait_event = $2`,
      [SUBJECT, event],
    )
    expect(rows).toHaveLength(1)
  })
}

export interface Warnings {
  readonly warnings: string[]
  /** What each of them says beyond its message. */
  readonly details: string[]
  stop(): void
}

/** Collects what Node warns of, deprecations included, from now until `stop`. */
export function collectWarnings(): Warnings {
  const warnings: string[] = []
  const details: string[] = []
  const note = ({ message, detail = '' }: Error & { detail?: string }) => {
    warnings.push(message)
    details.push(detail)
  }
  realProcess.on('warning', note)
  return { warnings, details, stop: () => realProcess.off('warning', note) }
}

/** The server's process that answers a client. */
export async function pidOf(client: Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  return rows[0]!.pid
}

/** What a setting is in the session, or nothing where it was never set. */
export async function settingOf(client: Client, name: string): Promise<unknown> {
  const { rows } = await client.query<{ value: string }>('SELECT current_setting($1, true) AS value', [name])
  return rows[0]?.value
}
