/**
 * Tells whether the pool can serve: whether a connection could be had soon. Unlike health.ts it does queue
 * behind the service's callers, because a service whose callers wait should get no more of them.
 */
import type { Duration, RealPool } from 'prisma-pg-real-pool'

/** Resolves when a connection was lent in time, and has been given back; rejects when none was. */
export async function probePool(pool: RealPool, within: Duration = '1s'): Promise<void> {
  const lease = await pool.acquire({ timeout: within })
  await lease.release()
}
