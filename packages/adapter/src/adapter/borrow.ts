/** Borrows a connection for as long as work runs on it; nothing that fails leaves a lease behind. */
import type { PgConnection } from '../pg/connection.js'
import type { Lender } from '../pg/lender.js'
import { type Facts, factsOf } from '../pg/sql/facts.js'
import { didNotStart, statementOutcomeOf, wasUnanswered } from '../pg/statement-errors.js'
import type { Lease } from '../pool/lease.js'
import type { AcquireOptions } from '../pool/types.js'
import { notConfirmed, openedByHand, outcomeUnknown, partlySaved } from './transaction-errors.js'

/** How many connections may turn out to be dead before the caller hears of it. */
export const MOST_ATTEMPTS = 3
/** How often a read may run that the server may have begun: one that crashes the server must not do so for ever. */
const MOST_READS = 2

const ALONE: AcquireOptions = {}
const SHARED: AcquireOptions = { shared: true }
/** For reads, which may be dropped unanswered: the COMMIT of another may come first on the connection. */
const BEHIND_COMMIT: AcquireOptions = { follows: true }
const SHARED_BEHIND_COMMIT: AcquireOptions = { follows: true, shared: true }

/** How to acquire a connection for one statement: if it leaves nothing in the session, it may share one. */
export function loanFor(lender: Lender, facts: Facts): AcquireOptions {
  const isShared = lender.pipelines && facts.mayShare
  if (lender.handsOver && facts.isRead) return isShared ? SHARED_BEHIND_COMMIT : BEHIND_COMMIT
  return isShared ? SHARED : ALONE
}

/**
 * Runs one statement or script, on a connection that no other call has, or on a shared one. If the statement certainly
 * did not start, it runs again on another connection. So does a read whose connection is lost without an answer. In
 * every other case a write without an answer has an unknown outcome.
 */
export async function borrow<T>(
  lender: Lender,
  text: string,
  work: (connection: PgConnection) => Promise<T>,
  loan?: AcquireOptions,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const lease = await lender.acquire(loan)
    let result: T
    try {
      result = await lease.inTime(work(lease.connection))
    } catch (error) {
      const { overdue } = lease
      const { isBroken } = lease.connection
      end(lease)
      if (error === overdue) throw error
      if (didNotStart(error) && attempt < MOST_ATTEMPTS) continue
      if (isBroken && wasUnanswered(error) && factsOf(text).isRead && attempt < MOST_READS) continue
      const outcome = statementOutcomeOf(error)
      if (outcome === 'unconfirmed') throw notConfirmed(error as Error)
      const mayBeSaved = outcome === 'partial' || (outcome === 'failed' && !factsOf(text).isAtomic)
      if (mayBeSaved) throw partlySaved(error)
      if (outcome !== 'unknown' || factsOf(text).isRead) throw error
      throw outcomeUnknown('the statement was carried out', error)
    }
    const isOpen = lease.connection.isInTransaction
    end(lease)
    if (isOpen) throw openedByHand()
    return result
  }
}

/** Not awaited: a clean connection is free when this returns, and the pool cleans any other. */
function end(lease: Lease<PgConnection>): void {
  // The caller of a statement that leaves a transaction open gets an error that says so.
  lease.connection.expectRollback()
  void lease.release()
}
