// `npm run soak`: random load with random faults, and what must hold after it. SOAK_MS says for how long,
// SOAK_SEED repeats the choices of another run. Ends with exit code 1 where anything does not hold.
import { auditPool, listenersOf } from '../load/audit.js'
import { auditMoney } from '../load/bank.js'
import { calm } from '../load/bank-faults.js'
import { Load } from '../load/load.js'
import { judge, numberOf, seedOf } from '../load/program.js'
import { CALLS, isExpected } from './calls.js'
import { soakFaults } from './faults.js'
import { heapInUse, isLeak, measureCalls } from './memory.js'
import { report } from './report.js'
import { openStage, type Stage } from './stage.js'

const WORKERS = 12
const DEFAULT_MS = 60_000
/** The same load without faults, each time before the heap is measured: at most so long. */
const CALM_MS = 1_000
/** The part of the run after which the heap should not grow any more, */
const WARM_UP = 0.3
/** where it has seen so many calls; in a shorter run it is not judged. */
const WARM_AFTER_CALLS = 2_000

async function main(): Promise<void> {
  const durationMs = numberOf('SOAK_MS', process.env.SOAK_MS) ?? DEFAULT_MS
  const seed = seedOf('SOAK_SEED')
  console.log(`Soaking for ${durationMs / 1_000} s with SOAK_SEED=${seed} …`)
  await judge('SOAK_SEED', seed, async (violations) => {
    const stage = await openStage()
    try {
      violations.push(...(await soak(stage, durationMs, seed)))
    } finally {
      await stage.close()
    }
  })
}

async function soak(stage: Stage, durationMs: number, seed: number): Promise<string[]> {
  const { journal } = stage
  const load = new Load(stage, { calls: CALLS, isExpected, seed, workers: WORKERS })
  const recoveriesMs: number[] = []
  const faults = soakFaults(seed, recoveriesMs)
  const calmMs = Math.min(CALM_MS, durationMs / 5)
  const storm = async (stormMs: number) => {
    faults.start(stage)
    await runFor(load, stormMs)
    await faults.stop()
    calm(stage)
    await runFor(load, calmMs)
    return { calls: load.calls, heap: await heapInUse() }
  }

  await runFor(load, calmMs)
  const listeners = await listenersOf(stage.pools.bare)
  // In the first, whatever is compiled or cached once is; what is left behind by each call grows in both others.
  const first = await storm(durationMs * WARM_UP)
  const second = await storm((durationMs * (1 - WARM_UP)) / 2)
  const third = await storm((durationMs * (1 - WARM_UP)) / 2)
  const growths = await measureCalls(stage)
  if (first.calls >= WARM_AFTER_CALLS) {
    growths.push({
      what: 'load with faults',
      calls: Math.min(second.calls - first.calls, third.calls - second.calls),
      bytes: Math.min(second.heap - first.heap, third.heap - second.heap),
    })
  }
  const listenersAfter = await listenersOf(stage.pools.bare)

  console.log(report({ load, faults, recoveriesMs, journal, growths }))
  return [
    ...load.violations,
    ...(await auditMoney(stage, journal)).map(({ text }) => text),
    ...(await auditPool(stage.database, 'adapter', stage.pools.adapter)),
    ...(await auditPool(stage.database, 'bare', stage.pools.bare)),
    ...growths
      .filter(isLeak)
      .map(({ what, calls, bytes }) => `the heap grew by ${bytes} in ${calls} calls: ${what}`),
    ...(listenersAfter > listeners
      ? [`a connection has ${listenersAfter} listeners, ${listeners} at first`]
      : []),
  ]
}

async function runFor(load: Load<Stage>, durationMs: number): Promise<void> {
  load.start()
  await new Promise((resolve) => setTimeout(resolve, durationMs))
  await load.rest()
}

void main()
