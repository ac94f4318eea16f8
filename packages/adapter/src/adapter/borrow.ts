/** Borrows a connection for as long as work runs on it; nothing that fails leaves a lease behind. */
import { type PgConnection, wasNeverProcessed } from '../pg/connection.js'
import type { Lender } from '../pg/lender.js'
import type { Lease } from '../pool/lease.js'

/** How many connections may turn out to be dead before the caller hears of it. */
const MOST_ATTEMPTS = 3

/**
 * Runs one statement, or one script, on a connection of its own. A connection that died while it was idle may
 * show it only now; where the statement certainly did not run, it runs on another and nobody notices.
 */
export async function borrow<T>(lender: Lender, work: (connection: PgConnection) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const lease = await lender.acquire()
    try {
      return await work(lease.connection)
    } catch (error) {
      if (attempt === MOST_ATTEMPTS || !wasNeverProcessed(error)) throw error
    } finally {
      // Not awaited: a clean connection is free by the time this returns, any other is the pool's to mend.
      void lease.release()
    }
  }
}

/** A lease on which `begin` has succeeded. It changes nothing, so after a lost connection it runs again. */
export async function borrowToBegin(
  lender: Lender,
  begin: (connection: PgConnection) => Promise<unknown>,
): Promise<Lease<PgConnection>> {
  for (let attempt = 1; ; attempt++) {
    const lease = await lender.acquire()
    try {
      await begin(lease.connection)
      return lease
    } catch (error) {
      const isLost = lease.connection.condition === 'broken'
      void lease.release()
      if (attempt === MOST_ATTEMPTS || !isLost) throw error
    }
  }
}
