/** COMMIT, and what its answer says: only that of the server tells whether anything was saved. */
import { columnsOf } from '../convert/columns.js'
import type { PgConnection } from '../pg/connection.js'
import { didNotStart, mismatch, statementOutcomeOf } from '../pg/statement-errors.js'
import {
  type Failure,
  lostBeforeCommit,
  notConfirmed,
  nothingSaved,
  outcomeUnknown,
} from './transaction-errors.js'

/**
 * COMMIT of a failed transaction is answered by ROLLBACK, without an error (PostgreSQL manual, COMMIT).
 *
 * @param handOver - Told, where COMMIT goes by itself, that it is under way: the connection may be another's from then on.
 */
export async function commit(
  connection: PgConnection,
  before: readonly string[],
  failure: Failure | undefined,
  handOver: ((answered: Promise<unknown>) => void) | undefined,
): Promise<void> {
  // The wait for a statement was given up, or its answer could not be read: its caller was told that it had failed.
  if (failure !== undefined && !connection.isBroken && !connection.hasFailed) throw nothingSaved(failure)
  let tag: string
  try {
    if (handOver === undefined || before.length > 0) {
      tag = await command(connection, 'COMMIT', before)
    } else {
      const answer = connection.commit()
      handOver(answer)
      tag = await answer
    }
  } catch (error) {
    if (didNotStart(error)) throw lostBeforeCommit(error as Error, failure)
    // An error that PostgreSQL reports is an answer; anything else leaves the outcome of the COMMIT open.
    const outcome = statementOutcomeOf(error)
    if (outcome === 'unconfirmed') throw notConfirmed(error as Error)
    if (outcome === 'failed') throw error
    throw outcomeUnknown('the transaction was committed', error)
  }
  if (tag === 'COMMIT') return
  if (tag === 'ROLLBACK') throw nothingSaved(failure)
  throw outcomeUnknown('the transaction was committed', mismatch('COMMIT', tag))
}

/** Runs a statement without arguments or rows, and returns the command tag that the server answers with. */
export async function command(
  connection: PgConnection,
  text: string,
  before: readonly string[] = [],
): Promise<string> {
  if (before.length === 0) return connection.script(text)
  return (await connection.run({ text, values: [], columnsOf }, before)).tag
}
