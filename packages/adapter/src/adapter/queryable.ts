/** One statement of Prisma's on one connection: arguments in, rows and counts out, errors as Prisma knows them. */
import type { SqlQuery, SqlResultSet } from '@prisma/driver-adapter-utils'
import type { QueryArrayResult } from 'pg'
import { toPgValue } from '../convert/arguments.js'
import { toDriverAdapterError } from '../convert/errors.js'
import { columnTypeOf, textParserOf } from '../convert/results.js'
import type { PgConnection } from '../pg/connection.js'

export const ADAPTER_NAME = 'prisma-pg-real-pool'

const types = { getTypeParser: textParserOf }

/** Runs a statement; rejects with what node-postgres threw. */
export function runStatement(
  connection: PgConnection,
  { sql, args, argTypes }: SqlQuery,
  before?: readonly string[],
): Promise<QueryArrayResult> {
  const config = {
    text: sql,
    values: args.map((arg, index) => toPgValue(arg, argTypes[index])),
    rowMode: 'array',
    // One statement only, with or without arguments: a second one smuggled in is refused by the server.
    queryMode: 'extended',
    types,
  } as const
  return connection.query(config, before)
}

export function toResultSet({ fields, rows }: QueryArrayResult): SqlResultSet {
  return {
    columnNames: fields.map((field) => field.name),
    columnTypes: fields.map((field) => columnTypeOf(field.dataTypeID)),
    rows: rows as unknown[][],
  }
}

export function affectedRows(result: QueryArrayResult): number {
  return result.rowCount ?? 0
}

/** Runs work whose failures reach Prisma as `DriverAdapterError`s. */
export async function asPrismaDoes<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw toDriverAdapterError(error)
  }
}
