/**
 * Tells whether the pool can serve: whether a connection could be had soon. Unlike health.ts it does queue
 * behind the service's callers, because a service whose callers wait should get no more of them.
 */
import type { RealPool } from 'prisma-pg-real-pool'

/** An orchestrator waits for a second at most, unless it is told otherwise; the answer must be there before. */
const WITHIN_MS = 500

/** Resolves when a connection was lent in time, and has been given back; rejects when none was. */
export async function probePool(pool: RealPool, withinMs = WITHIN_MS): Promise<void> {
  // It gives up by itself: in the pool's numbers a timeout stays what a caller has suffered.
  const signal = AbortSignal.timeout(withinMs)
  const lease = await pool.acquire({ timeout: Infinity, signal })
  await lease.release()
}
