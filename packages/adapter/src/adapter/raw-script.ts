/**
 * Several statements in one raw call. PostgreSQL's extended protocol takes one; with `rawScripts: 'allow'` a call without
 * arguments goes by the simple protocol, which takes any number.
 */
import type { SqlQuery } from '@prisma/driver-adapter-utils'
import { refuseNul } from '../convert/arguments.js'
import { columnsOf, type ResultColumns } from '../convert/columns.js'
import type { PgConnection } from '../pg/connection.js'
import { factsOf } from '../pg/sql/facts.js'
import type { StatementResult } from '../pg/statement.js'
import type { AdapterSettings } from '../resolved-options.js'

/** @throws DriverAdapterError where PostgreSQL cannot be given the text. */
export function isRawScript({ sql, args }: SqlQuery, { rawScripts }: AdapterSettings): boolean {
  if (rawScripts !== 'allow' || args.length > 0 || !sql.includes(';')) return false
  refuseNul(sql)
  return factsOf(sql).statements > 1
}

/** The commands `before` the script go with an empty statement, in a separate round trip. */
export async function runRawScript(
  connection: PgConnection,
  text: string,
  before: readonly string[] = [],
): Promise<StatementResult<ResultColumns>> {
  if (before.length > 0) await connection.run({ text: '', values: [], columnsOf }, before)
  return connection.runScript(text, columnsOf)
}
