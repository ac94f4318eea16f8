// Statements for the adapter's contract as Prisma would send them, failures as values, and warnings of Node.
import vm from 'node:vm'
import type { SqlQuery, SqlQueryable } from '@prisma/driver-adapter-utils'
import type { Client } from 'pg'
import type { TestDatabase } from '../support/database.js'

/** The `application_name` of every connection that a test asks about. */
export const SUBJECT = 'subject'

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

export interface Warnings {
  readonly warnings: string[]
  /** What each of them says beyond its message. */
  readonly details: string[]
  stop(): void
}

/** Collects what Node warns of, deprecations included, from now until `stop`. */
export function collectWarnings(): Warnings {
  // Jest gives tests a copy of `process`, which hears of nothing.
  const realProcess = vm.runInThisContext('process') as NodeJS.Process
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
