// Whether a pool is whole when all is at rest: what it says of itself, what the server says of it, and that its
// connections have no more listeners than new ones.
import type { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import type { Lease, RealPool } from 'prisma-pg-real-pool'
import type { TestDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { acquireAll } from '../support/leases.js'

const WHOLE_WITHIN_MS = 20_000

/**
 * The pool can lend as many connections as it may have, and the server knows of no other.
 *
 * @param database - None where a pooler stands before the server, whose sessions are the pooler's then.
 */
export async function auditPool(
  database: TestDatabase | undefined,
  name: string,
  pool: RealPool,
): Promise<string[]> {
  const { poolMax } = pool.getStats()
  const leases = await acquireMost(pool)
  const pids = leases.map(({ client }) => pidOf(client))
  const problems = await untilNone(async () => {
    const known = (await database?.backends(name))?.map(({ pid }) => pid) ?? pids
    const { poolSize, poolAvailable } = pool.getStats()
    return [
      ...unequal(`${name}: sessions`, known.sort().join(), pids.sort().join()),
      ...unequal(`${name}: poolSize while all are lent`, poolSize, poolMax),
      ...unequal(`${name}: poolAvailable while all are lent`, poolAvailable, 0),
    ]
  })
  await Promise.all(leases.map((lease) => lease.release()))
  return [...problems, ...(await untilNone(() => Promise.resolve(unequalGauges(name, pool))))]
}

function unequalGauges(name: string, pool: RealPool): string[] {
  const { poolAvailable, poolSize, requestsWaiting } = pool.getStats()
  return [
    ...unequal(`${name}: poolAvailable at rest`, poolAvailable, poolSize),
    ...unequal(`${name}: requestsWaiting at rest`, requestsWaiting, 0),
  ]
}

function unequal(what: string, is: string | number, should: string | number): string[] {
  return is === should ? [] : [`${what}: ${is}, not ${should}`]
}

/** As many as it may lend; while it recovers, some requests may fail. */
async function acquireMost(pool: RealPool): Promise<Lease[]> {
  const { poolMax } = pool.getStats()
  try {
    return await eventually(() => acquireAll(poolMax, () => pool.acquire()), { timeoutMs: WHOLE_WITHIN_MS })
  } catch (error) {
    throw new Error('the pool did not become whole again', { cause: error })
  }
}

export async function untilNone(problemsOf: () => Promise<string[]>): Promise<string[]> {
  const deadline = performance.now() + WHOLE_WITHIN_MS
  for (;;) {
    const problems = await problemsOf()
    if (problems.length === 0 || performance.now() > deadline) return problems
    await sleep(20)
  }
}

/** As node-postgres was told: to ask may take longer than the pool's own limits. */
function pidOf(client: Client): number {
  return (client as Client & { processID: number }).processID
}

/** The most listeners that any connection of the pool has, on the client and what is beneath it. */
export async function listenersOf(pool: RealPool): Promise<number> {
  const leases = await acquireMost(pool)
  const counts = leases.map(({ client }) => {
    const { connection } = client as Client & { connection: EventEmitter & { stream: EventEmitter } }
    return [client, connection, connection.stream].reduce((sum, emitter) => sum + countListeners(emitter), 0)
  })
  await Promise.all(leases.map((lease) => lease.release()))
  return Math.max(...counts)
}

function countListeners(emitter: EventEmitter): number {
  return emitter.eventNames().reduce((sum, event) => sum + emitter.listenerCount(event), 0)
}
