// Faults of the network to a bank, of its server, and of who looks after its pools, for any load.
import { setTimeout as sleep } from 'node:timers/promises'
import type { RealPool } from 'prisma-pg-real-pool'
import type { Bank } from './bank.js'
import type { Fault } from './faults.js'
import type { Choice, Random } from './random.js'

export const NETWORK_FAULTS: readonly Choice<Fault<Bank>>[] = [
  [6, 'cut', ({ proxy }) => proxy.cut()],
  [6, 'fin', ({ proxy }) => proxy.fin()],
  [
    8,
    'cut within a message',
    ({ proxy }, random) => {
      proxy.cutAfterBytes(random.between(1, 300), random.of('toServer', 'toClient'))
    },
  ],
  [
    4,
    'stall',
    async ({ proxy }, random) => {
      proxy.stall()
      await sleep(random.between(10, 500))
      proxy.resume()
    },
  ],
  [
    3,
    'forgotten connections',
    async ({ proxy }, random) => {
      proxy.forget()
      await sleep(random.between(100, 600))
      // What nobody asked after is given back; the rest has been closed by its pool.
      proxy.resume()
    },
  ],
  [
    4,
    'delay',
    async ({ proxy }, random) => {
      proxy.delay(random.between(1, 20))
      await sleep(random.between(50, 300))
      proxy.delay(0)
    },
  ],
  [
    3,
    'refuse',
    async ({ proxy }, random) => {
      proxy.refuse()
      if (random.percent(50)) proxy.cut()
      await sleep(random.between(10, 500))
      await proxy.listen()
    },
  ],
  [
    2,
    'deaf',
    async ({ proxy }, random) => {
      proxy.deafen()
      if (random.percent(50)) proxy.fin()
      await sleep(random.between(10, 500))
      proxy.hear()
    },
  ],
]

/** A server that does not run for some time, and then goes on. */
export async function freeze({ server }: Bank, random: Random): Promise<void> {
  await server.signal('SIGSTOP')
  await sleep(random.between(10, 500))
  await server.signal('SIGCONT')
}

export async function resizeForAWhile(pool: RealPool, random: Random): Promise<void> {
  const { poolMin, poolMax } = pool.getStats()
  pool.resize({ minSize: 0, maxSize: random.between(1, 8) })
  await sleep(random.between(50, 500))
  pool.resize({ minSize: poolMin, maxSize: poolMax })
}

/** What is left of faults that wait for their moment. */
export function calm({ proxy }: Pick<Bank, 'proxy'>): void {
  proxy.cutAfterBytes(Infinity, 'toServer')
  proxy.cutAfterBytes(Infinity, 'toClient')
}
