/** One statement of Prisma's on one connection: arguments in, rows and counts out, errors as Prisma knows them. */
import type { SqlQuery, SqlQueryable, SqlResultSet } from '@prisma/driver-adapter-utils'
import type { QueryArrayResult } from 'pg'
import { refuseNul, toPgValues } from '../convert/arguments.js'
import { toDriverAdapterError } from '../convert/errors.js'
import { FIRST_USER_OID } from '../convert/oids.js'
import { columnTypeIn, textParserOf } from '../convert/results.js'
import type { UserDefinedTypeParser } from '../options.js'
import type { StatementConfig } from '../pg/batch-query.js'

export const ADAPTER_NAME = 'prisma-pg-real-pool'

const types = { getTypeParser: textParserOf }

/**
 * What goes over the wire for a query of Prisma's.
 *
 * @throws DriverAdapterError where PostgreSQL cannot be given its text or its arguments.
 */
export function statementOf({ sql, args, argTypes }: SqlQuery): StatementConfig {
  refuseNul(sql)
  return {
    text: sql,
    values: toPgValues(args, argTypes),
    rowMode: 'array',
    // One statement only, with or without arguments: a second one smuggled in is refused by the server.
    queryMode: 'extended',
    types,
  }
}

/** @param queryable - What the parser may ask for more: the transaction, or the adapter outside of one. */
export function toResultSet(
  { fields, rows }: QueryArrayResult,
  queryable: SqlQueryable,
  parse: UserDefinedTypeParser | undefined,
): SqlResultSet | Promise<SqlResultSet> {
  const cells = rows as unknown[][]
  const oids = fields.map((field) => field.dataTypeID)
  const result = {
    columnNames: fields.map((field) => field.name),
    columnTypes: oids.map((oid, column) => columnTypeIn(cells, column, oid)),
    rows: cells,
  }
  return parse === undefined ? result : parseUserTypes(result, oids, queryable, parse)
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
