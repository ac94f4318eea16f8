/**
 * What can be known of the columns of a result before its rows come, so that it is worked out once for a statement
 * and not for each of its runs.
 */
import { type ColumnType, ColumnTypeEnum, type SqlResultSet } from '@prisma/driver-adapter-utils'
import { asIs, columnTypeOf, isListType, textParserOf, type TextParser } from './results.js'

export interface ResultColumns {
  readonly names: string[]
  readonly oids: readonly number[]
  readonly types: ColumnType[]
  /** None for what stays as it comes. */
  readonly parsers: readonly (TextParser | undefined)[]
  /** Those whose values tell more of their type. */
  readonly lists: readonly number[]
}

export function columnsOf(
  fields: readonly { readonly name: string; readonly dataTypeID: number }[],
): ResultColumns {
  const oids = fields.map((field) => field.dataTypeID)
  const types = oids.map(columnTypeOf)
  return {
    names: fields.map((field) => field.name),
    oids,
    types,
    parsers: oids.map(parserOf),
    lists: [...types.keys()].filter((column) => isListType(types[column]!)),
  }
}

/**
 * What Prisma calls a column is known before its rows, but for arrays in arrays: Prisma knows none, fails on most and
 * makes wrong dates of others. It passes lists of texts on as they are, so they are called that.
 */
export function resultSetOf({ names, types, lists }: ResultColumns, rows: unknown[][]): SqlResultSet {
  if (lists.length === 0) return { columnNames: names, columnTypes: types, rows }
  const columnTypes = [...types]
  for (const column of lists) {
    if (rows.some((row) => isNested(row[column]))) columnTypes[column] = ColumnTypeEnum.TextArray
  }
  return { columnNames: names, columnTypes, rows }
}

/** PostgreSQL's arrays have the same dimensions throughout, so the first element tells. */
function isNested(value: unknown): boolean {
  return Array.isArray(value) && Array.isArray(value[0])
}

function parserOf(oid: number): TextParser | undefined {
  const parse = textParserOf(oid)
  return parse === asIs ? undefined : parse
}
