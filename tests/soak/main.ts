// `npm run soak`: random load with random faults, and what must hold after it. SOAK_MS says for how long,
// SOAK_SEED repeats the choices of another run. Ends with exit code 1 where anything does not hold.
import { auditMoney, auditPool, listenersOf, untilNone } from './audit.js'
import { Violation } from './calls.js'
import { Faults } from './faults.js'
import { Journal } from './journal.js'
import { describe, Load } from './load.js'
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
  const durationMs = numberOf('SOAK_MS') ?? DEFAULT_MS
  const seed = numberOf('SOAK_SEED') ?? Math.floor(Math.random() * 2 ** 32)
  console.log(`Soaking for ${durationMs / 1_000} s with SOAK_SEED=${seed} …`)
  const violations = watchProcess()
  const resources = activeResources()
  const stage = await openStage()
  try {
    violations.push(...(await soak(stage, durationMs, seed)))
  } catch (error) {
    violations.push(error instanceof Violation ? error.message : describe(error))
  } finally {
    await stage.close()
  }
  violations.push(
    ...(await untilNone(() => {
      const left = activeResources()
      return Promise.resolve(left === resources ? [] : [`handles: ${left}, before the run: ${resources}`])
    })),
  )
  for (const violation of new Set(violations)) console.error(`VIOLATION ${violation}`)
  console.log(
    violations.length === 0 ? 'Everything held.' : `${violations.length} violations, SOAK_SEED=${seed}`,
  )
  process.exitCode = violations.length === 0 ? 0 : 1
}

async function soak(stage: Stage, durationMs: number, seed: number): Promise<string[]> {
  const journal = new Journal()
  const load = new Load(stage, journal, { seed, workers: WORKERS })
  const faults = new Faults(stage, seed)
  const calmMs = Math.min(CALM_MS, durationMs / 5)
  const storm = async (stormMs: number) => {
    faults.start()
    await runFor(load, stormMs)
    await faults.stop()
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

  console.log(report({ load, faults, journal, growths }))
  return [
    ...load.violations,
    ...(await auditMoney(stage, journal)),
    ...(await auditPool(stage, 'adapter', stage.pools.adapter)),
    ...(await auditPool(stage, 'bare', stage.pools.bare)),
    ...growths
      .filter(isLeak)
      .map(({ what, calls, bytes }) => `the heap grew by ${bytes} in ${calls} calls: ${what}`),
    ...(listenersAfter > listeners
      ? [`a connection has ${listenersAfter} listeners, ${listeners} at first`]
      : []),
  ]
}

async function runFor(load: Load, durationMs: number): Promise<void> {
  load.start()
  await new Promise((resolve) => setTimeout(resolve, durationMs))
  await load.rest()
}

/** What nobody caught, and what Node warns of, as violations from now on. */
function watchProcess(): string[] {
  const violations: string[] = []
  process.on('unhandledRejection', (error) => violations.push(`unhandled rejection: ${describe(error)}`))
  process.on('uncaughtException', (error) => violations.push(`uncaught exception: ${describe(error)}`))
  process.on('warning', (warning) => {
    // The load leaves transactions open on purpose.
    const { code } = warning as { code?: string }
    if (code !== 'REAL_POOL_OPEN_TRANSACTION') violations.push(`warning: ${describe(warning)}`)
  })
  return violations
}

/** What keeps the process alive, by kind. */
function activeResources(): string {
  const counts = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return JSON.stringify(Object.fromEntries([...counts].sort()))
}

function numberOf(name: string): number | undefined {
  const text = process.env[name]
  if (text === undefined || text === '') return undefined
  const value = Number(text)
  if (!Number.isFinite(value) || value < 0) throw new Error(`${name} must be a number, not ${text}`)
  return value
}

void main()
