// Whether anything is left behind by each call: the heap at rest, before and after many calls of one kind.
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import type { RealPool } from 'prisma-pg-real-pool'
import type { Stage } from './stage.js'

/** Half of what the least object takes, with the place where it is kept. */
const BYTES_PER_CALL = 12
/** What the heap at rest differs by for other reasons: code that is compiled, caches that are filled. */
const NOISE_BYTES = 400_000

/** Bytes on the heap that are in use. */
export async function heapInUse(): Promise<number> {
  let least = Infinity
  // What one collection finds, the next one frees; timers and finalizers run in between.
  for (let round = 0; round < 4; round++) {
    globalThis.gc?.()
    await sleep(20)
    least = Math.min(least, process.memoryUsage().heapUsed)
  }
  return least
}

export interface Growth {
  readonly what: string
  readonly calls: number
  readonly bytes: number
}

/** Whether it grew as it does when something stays for each call. */
export function isLeak({ calls, bytes }: Growth): boolean {
  return bytes > NOISE_BYTES + calls * BYTES_PER_CALL
}

/** Calls of one kind, many of them, with nothing else going on. */
export async function measureCalls({ pools, prisma }: Stage): Promise<Growth[]> {
  return [
    await measure('borrow and return', 50_000, async () => {
      const lease = await pools.bare.acquire()
      await lease.release()
    }),
    await measure('wait and be served', 20_000, (index) => waitAndBeServed(pools.bare, index)),
    await withAllLent(pools.bare, () =>
      measure('wait and abort', 20_000, async () => {
        const controller = new AbortController()
        const waiting = pools.bare.acquire({ signal: controller.signal })
        controller.abort()
        await waiting.catch(() => {})
      }),
    ),
    await withAllLent(pools.bare, () =>
      measure('wait in vain', 20_000, () => pools.bare.acquire({ timeout: 0 }).catch(() => {})),
    ),
    await measure('query of Prisma', 5_000, () => prisma.user.count()),
  ]
}

async function measure(
  what: string,
  calls: number,
  call: (index: number) => Promise<unknown>,
): Promise<Growth> {
  await repeat(calls / 2, call)
  const before = await heapInUse()
  await repeat(calls, call)
  return { what, calls, bytes: (await heapInUse()) - before }
}

async function repeat(times: number, call: (index: number) => Promise<unknown>): Promise<void> {
  for (let index = 0; index < times; index++) {
    await call(index)
    // Sockets and timers get their turn.
    if (index % 1_000 === 0) await turn()
  }
}

async function waitAndBeServed(pool: RealPool, index: number): Promise<void> {
  if (index % 2 === 1) return
  const { poolMax } = pool.getStats()
  const leases = await Promise.all(Array.from({ length: poolMax }, () => pool.acquire()))
  const waiting = pool.acquire()
  await Promise.all(leases.map((lease) => lease.release()))
  const lease = await waiting
  await lease.release()
}

async function withAllLent<T>(pool: RealPool, work: () => Promise<T>): Promise<T> {
  const { poolMax } = pool.getStats()
  const leases = await Promise.all(Array.from({ length: poolMax }, () => pool.acquire()))
  try {
    return await work()
  } finally {
    await Promise.all(leases.map((lease) => lease.release()))
  }
}
