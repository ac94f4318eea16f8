/**
 * Measures the cost of `pool.sessionReset` beside the same statements in a `reset` hook. More callers than connections
 * call Prisma, so that each connection goes from one caller straight to the next.
 */
import { type PoolOptions, RealPoolAdapter } from 'prisma-pg-real-pool'
import type { Benchmark, Column, Row } from './benchmark.js'
import { Databases } from './compare/database.js'
import { type StartedWork, WORKS } from './compare/works.js'
import { interleave, spreadOf } from './rounds.js'
import { withServer } from './server.js'
import { startStopwatch } from './stopwatch.js'

const WARM_UP = 2

const SETTINGS = 'RESET SESSION AUTHORIZATION; RESET ALL'
const ALL = `CLOSE ALL; ${SETTINGS}; UNLISTEN *; SELECT pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES`

const hook = (text: string): PoolOptions => ({ reset: (client) => client.query(text) })

const POOLS: readonly (readonly [string, PoolOptions])[] = [
  ['detected', {}],
  ['settings', { sessionReset: 'settings' }],
  ['a reset hook with the SQL of settings', hook(SETTINGS)],
  ['all', { sessionReset: 'all' }],
  ['a reset hook with the SQL of all', hook(ALL)],
]

interface Subject {
  readonly work: string
  readonly pool: string
  readonly started: StartedWork
}

export const sessionReset: Benchmark<'rounds' | 'round-ms' | 'callers' | 'connections'> = {
  title: 'what pool.sessionReset costs, beside a reset hook',
  options: {
    rounds: {
      fallback: 15,
      min: 1,
      max: 1_000,
      help: `how often each is measured, after ${WARM_UP} times more`,
    },
    'round-ms': { fallback: 500, min: 1, max: 60_000, help: 'for how long each is called in one round' },
    callers: { fallback: 16, min: 1, max: 10_000, help: 'how many call at the same time' },
    connections: { fallback: 4, min: 1, max: 1_000, help: 'how many connections the pool has' },
  },
  run: ({ rounds, 'round-ms': roundMs, callers, connections }, progress) =>
    withServer(POOLS.length * 2 * connections + 10, async (url, postgresql) => {
      const databases = await Databases.on(url)
      try {
        return await databases.withFresh(1, async ([database = '']) => {
          const subjects = await startAll(database, connections)
          progress(`${WARM_UP + rounds} rounds of ${subjects.length} × ${roundMs} ms`)
          const results = await interleave(subjects, { rounds, warmUp: WARM_UP }, ({ started }) =>
            timePerCall(started, callers, roundMs),
          )
          for (const { started } of subjects) await started.stop()
          const rows = [...results].map(([subject, values]) => rowOf(subject, values, results))
          return { tables: [{ key: 'calls', title: 'µs per call', columns: COLUMNS, rows }], postgresql }
        })
      } finally {
        await databases.close()
      }
    }),
}

async function startAll(connectionString: string, maxSize: number): Promise<Subject[]> {
  const subjects: Subject[] = []
  for (const work of WORKS.filter(({ name }) => name === 'findFirst' || name === 'tx2')) {
    for (const [pool, options] of POOLS) {
      const adapter = new RealPoolAdapter({ connectionString, pool: { maxSize, timeout: '1m', ...options } })
      subjects.push({ work: work.title, pool, started: await work.start(adapter, () => '') })
    }
  }
  return subjects
}

/** The time that passes, and the CPU time of this process, for each call of all callers together. */
async function timePerCall(work: StartedWork, callers: number, forMs: number) {
  const stop = startStopwatch()
  const end = performance.now() + forMs
  let calls = 0
  const caller = async (): Promise<void> => {
    while (performance.now() < end) await work.call(calls++)
  }
  await Promise.all(Array.from({ length: callers }, caller))
  const { wallMs, cpuMs } = stop()
  return { wallUs: (1e3 * wallMs) / calls, cpuUs: (1e3 * cpuMs) / calls }
}

type PerCall = Awaited<ReturnType<typeof timePerCall>>

const COLUMNS: readonly Column[] = [
  { key: 'what', title: 'what' },
  { key: 'wallUs', title: 'median' },
  { key: 'p25Us', title: 'p25' },
  { key: 'p75Us', title: 'p75' },
  { key: 'cpuUs', title: 'CPU, median' },
  { key: 'morePercent', title: 'more than detected, %', digits: 1 },
]

/** Compared round by round, because a machine that is slow for a while is slow for both. */
function rowOf(
  { work, pool }: Subject,
  values: readonly PerCall[],
  results: ReadonlyMap<Subject, readonly PerCall[]>,
): Row {
  const [, baseline = []] =
    [...results].find(([other]) => other.work === work && other.pool === 'detected') ?? []
  const { median, p25, p75 } = spreadOf(values.map(({ wallUs }) => wallUs))
  const more = values.map(({ wallUs }, round) => (wallUs / (baseline[round]?.wallUs ?? Number.NaN) - 1) * 100)
  return {
    what: `${work}: ${pool}`,
    wallUs: median,
    p25Us: p25,
    p75Us: p75,
    cpuUs: spreadOf(values.map(({ cpuUs }) => cpuUs)).median,
    morePercent: spreadOf(more).median,
  }
}
