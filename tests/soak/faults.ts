// What the soak adds to the faults of the network: of the server, and of those who look after the pools.
import { setTimeout as sleep } from 'node:timers/promises'
import { freeze, NETWORK_FAULTS, resizeForAWhile } from '../load/bank-faults.js'
import { type Fault, Faults } from '../load/faults.js'
import { type Choice, Random } from '../load/random.js'
import type { Stage } from './stage.js'

const FAULTS: readonly Choice<Fault<Stage>>[] = [
  ...NETWORK_FAULTS,
  [8, 'kill one', (stage, random) => kill(stage, `LIMIT 1 OFFSET ${random.between(0, 5)}`)],
  [4, 'kill all', (stage) => kill(stage, '')],
  [3, 'freeze', freeze],
  [2, 'drain', ({ pools }) => Promise.all([pools.adapter.drain(), pools.bare.drain()])],
  [2, 'check', ({ pools }) => Promise.all([pools.adapter.check(), pools.bare.check()])],
  [2, 'resize', ({ pools }, random) => resizeForAWhile(pools.bare, random)],
]

function kill({ database }: Stage, which: string): Promise<unknown> {
  return database.query(
    `SELECT pg_terminate_backend(pid)
       FROM (SELECT pid FROM pg_stat_activity
              WHERE datname = current_database() AND application_name IN ('adapter', 'bare')
              ORDER BY pid ${which}) AS victims`,
  )
}

const RESTART_EVERY_MS = 8_000

export function soakFaults(seed: number, recoveriesMs: number[]): Faults<Stage> {
  return new Faults({
    faults: FAULTS,
    random: new Random(seed),
    pauseMs: (random) => random.between(50, 400),
    dear: {
      everyMs: RESTART_EVERY_MS,
      name: 'restart',
      fault: async (stage, random) => recoveriesMs.push(await restart(stage, random)),
    },
  })
}

/** How long after the return of the server both pools had as many connections as they keep. */
async function restart({ server, database, pools }: Stage, random: Random): Promise<number> {
  await server.shutdown(random.of('fast', 'immediate'))
  await sleep(random.between(0, 1_500))
  await server.restart()
  const returnedAt = performance.now()
  // By the server's count: whoever is there has been let in.
  const wanted = pools.adapter.getStats().poolMin + pools.bare.getStats().poolMin
  while ((await database.backends()).length < wanted) await sleep(5)
  return performance.now() - returnedAt
}
