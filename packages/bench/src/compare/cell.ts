/** Measures one work in one setting: every contender in a process of its own, in short rounds that alternate. */
import type { ContenderArguments, Ready } from './contender-process.js'
import type { Contender, Target } from './contenders.js'
import { Colleague, type Order, type Round } from './messages.js'
import type { Effort, PlannedCell } from './plan.js'
import type { Cell, Series } from './results.js'
import { interleave } from '../rounds.js'

const WARM_UP_TURNS = 3

/** Who waits for the network or for others uses little of its time. */
const WARM_UP_PATIENCE = 2

/** A round through the network lasts for so many round trips at least. */
const ROUND_TRIPS = 20

/** A contender, and the database that it has for itself. */
export interface Entry {
  readonly contender: Contender
  readonly target: Target
}

interface Runner {
  readonly contender: Contender
  readonly process: Colleague<Order, Round>
  readonly firstCallMs: number
}

/** Calls `launched` whenever all contenders have been started once, measured and stopped. */
export async function measureCell(
  { work, setting }: PlannedCell,
  entries: readonly Entry[],
  effort: Effort,
  launched: () => void,
): Promise<Cell> {
  const rounds = new Map<string, Round[]>(entries.map(({ contender }) => [contender.name, []]))
  const { callers } = setting
  const roundMs = setting.isBurst ? 0 : Math.max(effort.roundMs, ROUND_TRIPS * setting.roundTripMs)
  for (let launch = 0; launch < effort.launches; launch++) {
    await withRunners(entries, work.name, async (runners) => {
      if (effort.warmUpCalls > 0) {
        const [calls, cpuMs] = [effort.warmUpCalls / WARM_UP_TURNS, effort.warmUpMs / WARM_UP_TURNS]
        await interleave(runners, { rounds: WARM_UP_TURNS, warmUp: 0 }, ({ process }) =>
          process.ask({ kind: 'warm-up', callers, calls, cpuMs, ms: WARM_UP_PATIENCE * cpuMs }),
        )
      }
      const measured = await interleave(runners, { rounds: effort.rounds, warmUp: 1 }, ({ process }) =>
        process.ask({ kind: 'round', callers, ms: roundMs }),
      )
      for (const [{ contender }, results] of measured) rounds.get(contender.name)?.push(...results)
    })
    launched()
  }
  const series = [...rounds].map(([name, results]) => [name, seriesOf(results)] as const)
  return { work: work.name, setting: setting.name, series: Object.fromEntries(series) }
}

/** Starts them all at the same time, and stops them, whatever happens. */
export async function withRunners<T>(
  entries: readonly Entry[],
  work: string,
  use: (runners: readonly Runner[]) => Promise<T>,
): Promise<T> {
  const starting = entries.map(async ({ contender, target }): Promise<Runner> => {
    const args: ContenderArguments = { contender: contender.name, work, target }
    const { colleague, ready } = await Colleague.start<Order, Round, Ready>('contender-process', [
      JSON.stringify(args),
    ])
    return { contender, process: colleague, firstCallMs: ready.firstCallMs }
  })
  // All of them, so that none is left behind when another one fails.
  const started = await Promise.allSettled(starting)
  const runners = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  try {
    for (const result of started) if (result.status === 'rejected') throw result.reason
    return await use(runners)
  } finally {
    await Promise.all(runners.map(({ process }) => process.stop()))
  }
}

function seriesOf(rounds: readonly Round[]): Series {
  return {
    callsPerSecond: rounds.map(({ calls, elapsedMs }) => rounded((calls / elapsedMs) * 1e3)),
    cpuUs: rounds.map(({ calls, cpuMs }) => rounded((cpuMs / calls) * 1e3)),
    p50Ms: rounds.map(({ p50Ms }) => rounded(p50Ms)),
    p99Ms: rounds.map(({ p99Ms }) => rounded(p99Ms)),
    worstMs: rounds.map(({ worstMs }) => rounded(worstMs)),
  }
}

/** Five digits are more than any of this is exact to. */
function rounded(value: number): number {
  return Number(value.toPrecision(5))
}
