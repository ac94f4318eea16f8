/**
 * What it costs to borrow an idle connection and to give it back, beside a call of an async function that does
 * nothing: on the fake connector, so the pool's own share; and from RealPool, on live connections.
 */
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { measure } from 'mitata'
import { onPoolEvent, type PoolEvent, RealPool } from 'prisma-pg-real-pool'
import { registerPool as registerWithOpenTelemetry } from 'prisma-pg-real-pool/opentelemetry'
import { registerPool as registerWithPrometheus } from 'prisma-pg-real-pool/prometheus'
import { Registry } from 'prom-client'
import { systemClock } from '../../adapter/src/pool/clock.js'
import type { Benchmark, Column, Row } from './benchmark.js'
import { openFakePool } from './fake-pool.js'
import { differences, interleave, spreadOf } from './rounds.js'
import { withServer } from './server.js'
import { cpuNow } from './stopwatch.js'

const SIZE = 10
const WARM_UP = 3

/**
 * Some thousand calls at a time, since reading a clock costs as much as one; even where the first is slow, as it
 * is after a pause, when the pool lets the event loop turn before it trusts an idle connection.
 */
const ALWAYS_IN_BATCHES = { warmup_threshold: Infinity, batch_threshold: Infinity }

interface Subject {
  readonly what: string
  readonly call: () => Promise<void>
  /** Begins what must not be there while others are measured, and returns what ends it. */
  readonly begin?: () => () => void
}

export const poolCost: Benchmark<'rounds' | 'round-ms'> = {
  title: 'acquire and release of an idle connection, against an empty async function',
  options: {
    rounds: {
      fallback: 30,
      min: 1,
      max: 10_000,
      help: `how often each is measured, after ${WARM_UP} times more`,
    },
    'round-ms': { fallback: 100, min: 1, max: 60_000, help: 'how long each is called in one round' },
  },
  run: ({ rounds, 'round-ms': roundMs }, progress) =>
    withServer(SIZE + 10, async (url, postgresql) => {
      const pool = await openFakePool(SIZE, systemClock)
      const realPool = new RealPool({ connectionString: url, pool: { minSize: SIZE, maxSize: SIZE } })
      await realPool.open({ wait: true })
      const empty: Subject = { what: 'empty async function', call: async () => {} }
      const subjects: readonly Subject[] = [
        empty,
        {
          what: 'pool on the fake connector: acquire, release',
          call: async () => {
            const lease = await pool.acquire()
            await lease.release()
          },
        },
        { what: 'RealPool on live connections: acquire, release', call: () => borrow(realPool) },
        {
          what: 'the same, with OpenTelemetry, Prometheus and a listener to every event',
          call: () => borrow(realPool),
          begin: () => watch(realPool),
        },
      ]
      progress(`${WARM_UP + rounds} rounds of ${subjects.length} × ${roundMs} ms`)
      const results = await interleave(subjects, { rounds, warmUp: WARM_UP }, async ({ call, begin }) => {
        const end = begin?.()
        const { p50 } = await measure(call, {
          min_cpu_time: roundMs * 1e6,
          now: () => cpuNow() * 1e6,
          ...ALWAYS_IN_BATCHES,
        })
        end?.()
        return p50
      })
      await Promise.all([pool.close(), realPool.close()])
      const baseline = results.get(empty) ?? []
      const rows = [...results].map(([{ what }, values]) => rowOf(what, values, baseline))
      return {
        tables: [{ key: 'calls', title: 'ns of CPU time per call', columns: COLUMNS, rows }],
        postgresql,
      }
    }),
}

async function borrow(pool: RealPool): Promise<void> {
  const lease = await pool.acquire()
  await lease.release()
}

/** Everything that can be switched on; the SDK's, too, whose histograms are recorded and never exported. */
function watch(pool: RealPool): () => void {
  const meterProvider = new MeterProvider({
    readers: [new PrometheusExporter({ preventServerStart: true })],
  })
  const ends = [
    registerWithOpenTelemetry(pool, { meterProvider }),
    registerWithPrometheus(pool, new Registry()),
    ...EVENTS.map((event) => onPoolEvent(event, () => {})),
  ]
  return () => ends.forEach((end) => end())
}

const EVENTS: readonly PoolEvent[] = [
  'open',
  'close',
  'lost',
  'wait',
  'acquire',
  'release',
  'timeout',
  'rejected',
]

const COLUMNS: readonly Column[] = [
  { key: 'what', title: 'what' },
  { key: 'medianNs', title: 'median' },
  { key: 'p25Ns', title: 'p25' },
  { key: 'p75Ns', title: 'p75' },
  { key: 'aboveEmptyNs', title: 'above empty, median' },
]

function rowOf(what: string, values: readonly number[], baseline: readonly number[]): Row {
  const { median, p25, p75 } = spreadOf(values)
  const aboveEmptyNs = spreadOf(differences(values, baseline)).median
  return { what, medianNs: median, p25Ns: p25, p75Ns: p75, aboveEmptyNs }
}
