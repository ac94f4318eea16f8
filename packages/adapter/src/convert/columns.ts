/**
 * What can be known of the columns of a result before its rows come, so that it is worked out once for a statement
 * and not for each of its runs.
 */
import type { ColumnType, SqlResultSet } from '@prisma/driver-adapter-utils'
import { asIs, columnTypeIn, columnTypeOf, isListType, textParserOf, type TextParser } from './results.js'

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

export function resultSetOf({ names, oids, types, lists }: ResultColumns, rows: unknown[][]): SqlResultSet {
  if (lists.length === 0) return { columnNames: names, columnTypes: types, rows }
  const columnTypes = [...types]
  for (const column of lists) columnTypes[column] = columnTypeIn(rows, column, oids[column]!)
  return { columnNames: names, columnTypes, rows }
}

function parserOf(oid: number): TextParser | undefined {
  const parse = textParserOf(oid)
  return parse === asIs ? undefined : parse
}
