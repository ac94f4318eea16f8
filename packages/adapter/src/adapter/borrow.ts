/** Borrows a connection for as long as work runs on it; nothing that fails leaves a lease behind. */
import type { PgConnection } from '../pg/connection.js'
import type { Lender } from '../pg/lender.js'
import { beginning } from '../pg/script.js'
import { leavesNothing } from '../pg/session-state.js'
import { wasAnswered, wasGivenUp, wasNeverProcessed } from '../pg/statement-errors.js'
import type { AcquireOptions } from '../pool/types.js'
import { openedByHand, outcomeUnknown } from './transaction-errors.js'

/** How many connections may turn out to be dead before the caller hears of it. */
export const MOST_ATTEMPTS = 3

const ALONE: AcquireOptions = { follows: true }
const SHARED: AcquireOptions = { follows: true, shared: true }

/** How to borrow for one statement: where it leaves nothing, a connection that others use at the same time will do. */
export function loanFor(lender: Lender, text: string): AcquireOptions {
  return lender.pipelines && leavesNothing(text) ? SHARED : ALONE
}

/**
 * Runs one statement, or one script, on a connection of its own, or one that it shares. A connection that died while
 * it was idle may show it only now; where the statement certainly did not run, it runs on another and nobody notices.
 */
export async function borrow<T>(
  lender: Lender,
  text: string,
  work: (connection: PgConnection) => Promise<T>,
  loan?: AcquireOptions,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const lease = await lender.acquire(loan)
    try {
      const result = await work(lease.connection)
      if (lease.connection.isInTransaction) throw openedByHand()
      return result
    } catch (error) {
      const mayRunAgain = wasNeverProcessed(error)
      const isUnanswered = !wasAnswered(error) && (lease.connection.isBroken || wasGivenUp(error))
      if (!mayRunAgain && isUnanswered && !READS.test(text)) {
        throw outcomeUnknown('the statement was carried out', error)
      }
      if (!mayRunAgain || attempt === MOST_ATTEMPTS) throw error
    } finally {
      // Whoever left a transaction open has just been told.
      lease.connection.expectRollback()
      // Not awaited: a clean connection is free by the time this returns, any other is the pool's to mend.
      void lease.release()
    }
  }
}

/** What reads only, as far as one can tell: a function that it calls may write, and whoever calls that knows it. */
const READS = beginning(String.raw`(?:select|values|table|show|explain)\b`)
