/** What whoever has a connection does with it, as far as it is known here. */
import type { PoolHolder } from '../observe/report.js'
import { textOf } from './client-state.js'
import type { PgConnection } from './connection.js'
import { excerpt } from './excerpt.js'

export function activityOf(
  connection: PgConnection,
): Pick<PoolHolder, 'isInTransaction' | 'isRunning' | 'statement'> {
  const running = textOf(connection.client)
  const statement = running ?? connection.lastStatement
  return {
    isInTransaction: connection.isInTransaction,
    isRunning: running !== undefined,
    // A check of the pool's own has no text.
    statement: statement === undefined || statement === '' ? undefined : excerpt(statement),
  }
}
