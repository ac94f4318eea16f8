/** One statement of Prisma's on one connection: arguments in, rows and counts out, errors as Prisma knows them. */
import type { SqlQuery, SqlQueryable, SqlResultSet } from '@prisma/driver-adapter-utils'
import { refuseNul, toPgValues } from '../convert/arguments.js'
import { columnsOf, type ResultColumns, resultSetOf } from '../convert/columns.js'
import { toDriverAdapterError } from '../convert/errors.js'
import { FIRST_USER_OID } from '../convert/oids.js'
import { debug } from './debug.js'
import type { UserDefinedTypeParser } from '../options.js'
import { type Facts, factsOf } from '../pg/sql/facts.js'
import type { StatementConfig, StatementResult } from '../pg/statement.js'
import { generatedName, type StatementNameGenerator } from './statement-name.js'

export const ADAPTER_NAME = 'prisma-pg-real-pool'

/**
 * What goes over the wire for a query of Prisma's. One statement only, with or without arguments: a second one smuggled
 * in is refused by the server.
 *
 * @throws DriverAdapterError where PostgreSQL cannot be given its text or its arguments.
 * @throws OptionsError where PostgreSQL cannot be given its name.
 */
export function statementOf(
  query: SqlQuery,
  generateName: StatementNameGenerator | undefined,
): StatementConfig<ResultColumns> & { readonly facts: Facts } {
  const { sql, args, argTypes } = query
  refuseNul(sql)
  const name = generateName === undefined ? undefined : generatedName(generateName, query)
  return { text: sql, facts: factsOf(sql), values: toPgValues(args, argTypes), columnsOf, name }
}

/** @param queryable - What the parser may ask for more: the transaction, or the adapter outside of one. */
export function toResultSet(
  { columns, rows }: StatementResult<ResultColumns>,
  queryable: SqlQueryable,
  parse: UserDefinedTypeParser | undefined,
): SqlResultSet | Promise<SqlResultSet> {
  const result = resultSetOf(columns, rows)
  return parse === undefined ? result : parseUserTypes(result, columns.oids, queryable, parse)
}

/** One cell at a time: each may cost a query. */
async function parseUserTypes(
  result: SqlResultSet,
  oids: readonly number[],
  queryable: SqlQueryable,
  parse: UserDefinedTypeParser,
): Promise<SqlResultSet> {
  for (const [column, oid] of oids.entries()) {
    if (oid < FIRST_USER_OID) continue
    for (const row of result.rows) row[column] = await parse(oid, row[column], queryable)
  }
  return result
}

/** The number at the end of the tag, which not every command has (PostgreSQL manual 54.7, CommandComplete). */
export function affectedRows({ tag }: StatementResult<ResultColumns>): number {
  const count = Number(tag.slice(tag.lastIndexOf(' ') + 1))
  return Number.isNaN(count) ? 0 : count
}

/** Runs work whose failures reach Prisma as `DriverAdapterError`s. */
export async function asPrismaDoes<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    debug?.('Error: %O', error)
    throw toDriverAdapterError(error)
  }
}
