// Leases for tests that want as many as a pool may lend.
import type { Lease } from 'prisma-pg-real-pool'

/** So many at the same time, or none. */
export async function acquireAll(count: number, acquire: () => Promise<Lease>): Promise<Lease[]> {
  const results = await Promise.allSettled(Array.from({ length: count }, acquire))
  const leases = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const failure = results.find((result) => result.status === 'rejected')
  if (failure === undefined) return leases
  await Promise.all(leases.map((lease) => lease.release()))
  throw failure.reason
}
