/** Runs a plan: the server, the databases, the proxies, one cell after the other. */
import { createRequire } from 'node:module'
import { describeEnvironment } from '../environment.js'
import { withServer } from '../server.js'
import { measureCell } from './cell.js'
import type { Contender } from './contenders.js'
import { COUNTED_ROUND_TRIP_MS, countWork } from './counts.js'
import { Databases } from './database.js'
import { DelayProxy } from './delay-proxy.js'
import type { Plan } from './plan.js'
import type { Progress } from './progress.js'
import type { Cell, Comparison, Count } from './results.js'

/** Each contender has at most ten connections, and all of a cell have theirs at the same time. */
const MAX_CONNECTIONS = 200

const OTHERS = ['@prisma/adapter-pg', '@prisma/client', 'pg'] as const

interface Manifest {
  readonly version: string
  /** Exact versions, in our own. */
  readonly dependencies: Readonly<Record<string, string>>
}

/** Gives what it has to `keep` whenever a cell is complete, since a run takes long and may be interrupted. */
export function compare(
  plan: Plan,
  progress: Progress,
  keep: (comparison: Comparison) => Promise<void>,
): Promise<Comparison> {
  return withServer(MAX_CONNECTIONS, async (serverUrl, postgresql) => {
    const circumstances = {
      environment: describeEnvironment(postgresql),
      versions: versions(),
      startedAt: new Date().toISOString(),
      effort: plan.effort,
    }
    const databases = await Databases.on(serverUrl)
    const proxies = new Proxies(serverUrl)
    const cells: Cell[] = []
    const counts: Count[] = []
    const soFar = (): Comparison => ({
      ...circumstances,
      roundTripsMs: proxies.measured,
      cells,
      counts,
    })
    try {
      for (const cell of plan.cells) {
        const { work, setting, contenders } = cell
        progress.tell(`${work.name}, ${setting.name}`)
        const proxy = setting.roundTripMs > 0 ? await proxies.of(setting.roundTripMs) : undefined
        const { poolSize } = setting
        const { learnedCalls } = plan.effort
        const measured = await databases.withFresh(contenders.length, (urls) => {
          const entries = contenders.map((contender, index) => {
            const directUrl = urls[index] ?? ''
            const url = proxy?.urlOf(directUrl) ?? directUrl
            return { contender, target: { url, directUrl, poolSize, learnedCalls } }
          })
          return measureCell(cell, entries, plan.effort, () => progress.step())
        })
        cells.push(measured)
        await keep(soFar())
      }
      for (const work of plan.counted) {
        for (const contender of countedContenders(plan)) {
          progress.tell(`counting ${work.name} of ${contender.name}`)
          const proxy = await proxies.of(COUNTED_ROUND_TRIP_MS)
          counts.push(await countWork(work, contender, databases, proxy, plan.effort))
          progress.step()
        }
      }
      return soFar()
    } finally {
      await proxies.stop()
      await databases.close()
    }
  })
}

/** How many steps of the progress a plan has. */
export function stepsOf(plan: Plan): number {
  const { cells, effort, counted } = plan
  return cells.length * effort.launches + counted.length * countedContenders(plan).length
}

/** What learners take was learned from others, and details take what the whole takes. */
function countedContenders({ contenders }: Plan): Contender[] {
  return contenders.filter(({ isLearner, isFor }) => !isLearner && isFor === undefined)
}

/** One proxy for each distance, made when it is first needed. */
class Proxies {
  readonly #serverUrl: string
  readonly #proxies = new Map<number, DelayProxy>()
  readonly measured: Record<string, number> = {}

  constructor(serverUrl: string) {
    this.#serverUrl = serverUrl
  }

  async of(roundTripMs: number): Promise<DelayProxy> {
    const known = this.#proxies.get(roundTripMs)
    if (known !== undefined) return known
    const proxy = await DelayProxy.inFrontOf(this.#serverUrl)
    this.#proxies.set(roundTripMs, proxy)
    this.measured[roundTripMs] = await proxy.setRoundTrip(roundTripMs, this.#serverUrl)
    return proxy
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.stop()))
  }
}

function versions(): Record<string, string> {
  const require = createRequire(import.meta.url)
  const own = require('../package.json') as Manifest
  const ours = require('prisma-pg-real-pool/package.json') as Manifest
  const others = OTHERS.map((name) => [name, own.dependencies[name] ?? 'unknown'] as const)
  return { 'prisma-pg-real-pool': ours.version, ...Object.fromEntries(others) }
}
