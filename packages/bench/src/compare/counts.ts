/** Counts what a work takes of server, network and memory, where the server is 2 ms away. */
import { withRunners } from './cell.js'
import type { Contender } from './contenders.js'
import type { Databases } from './database.js'
import type { DelayProxy } from './delay-proxy.js'
import type { Effort } from './plan.js'
import type { Count } from './results.js'
import type { Work } from './works.js'

export const COUNTED_ROUND_TRIP_MS = 2

const POOL_SIZE = 10
const CALLERS = 16

/** Before the round trips are counted: what is asked only once. */
const EARLY_CALLS = 3
const LONE_CALLS = 20

/** Works whose process is weighed: of some thousand calls each kind leaves as little behind as another. */
const WEIGHED: readonly string[] = ['findFirst', 'tx2', 'uniqueViolations']

export async function countWork(
  work: Work,
  contender: Contender,
  databases: Databases,
  proxy: DelayProxy,
  { countedCalls: calls, weighedCalls, learnedCalls }: Effort,
): Promise<Count> {
  return databases.withFresh(1, async ([directUrl = '']) => {
    const target = { url: proxy.urlOf(directUrl), directUrl, poolSize: POOL_SIZE, learnedCalls }
    const counted = await withRunners([{ contender, target }], work.name, async ([runner]) => {
      if (runner === undefined) throw new Error('bug: nobody was started.')
      const { process, firstCallMs } = runner
      await process.ask({ kind: 'calls', callers: 1, calls: EARLY_CALLS })
      await proxy.take()
      await process.ask({ kind: 'calls', callers: 1, calls: LONE_CALLS })
      const { roundTrips } = await proxy.take()
      const many = await process.ask({ kind: 'calls', callers: CALLERS, calls })
      const isWeighed = weighedCalls > 0 && WEIGHED.includes(work.name)
      const more = isWeighed
        ? await process.ask({ kind: 'calls', callers: CALLERS, calls: weighedCalls })
        : undefined
      return {
        calls: many.calls + (more?.calls ?? 0),
        firstCallMs,
        roundTrips: roundTrips / LONE_CALLS,
        heldMs: many.heldMs / many.calls,
        ...(more === undefined ? {} : { grownBytes: Math.round(more.grownBytes * (10_000 / more.calls)) }),
      }
    })
    const backends = await databases.sessionsOpened(directUrl)
    return { work: work.name, contender: contender.name, backends, ...counted }
  })
}
