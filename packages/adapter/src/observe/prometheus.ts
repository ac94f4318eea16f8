/** `prisma-pg-real-pool/prometheus`: the pool's metrics in a registry of prom-client, read when they are scraped. */
import type { Metric, Registry } from 'prom-client'
import type { DurationHistogram } from '../pool/histogram.js'
import type { PoolStats } from '../pool/stats.js'
import { BUCKETS_S, DURATIONS, NUMBERS, type ObservedPool, POOL_NAME, STATE } from './metrics.js'
import { PRISMA_HISTOGRAMS, PRISMA_NUMBERS } from './prisma-metrics.js'

export interface PrometheusOptions {
  /**
   * Whether to export the pool's metrics also under the names that they have in Prisma 6, such as
   * `prisma_pool_connections_busy`, with the label `pool`. @defaultValue `true`
   */
  readonly prismaNames?: boolean | undefined
}

type Labels = Readonly<Record<string, string | number>>

interface Sample {
  readonly metricName?: string
  readonly labels: Labels
  readonly value: number
}

/** What a registry asks of a metric (prom-client 15, lib/registry.js): not those of its own, which count by themselves. */
class ReadMetric {
  /** A registry of the OpenMetrics kind takes the `_total` away. */
  name: string
  readonly help: string
  readonly type: string
  readonly aggregator = 'sum'
  readonly #read: (name: string) => Sample[]

  constructor(name: string, help: string, type: string, read: (name: string) => Sample[]) {
    this.name = name
    this.help = help
    this.type = type
    this.#read = read
  }

  get(): Promise<{ name: string; help: string; type: string; aggregator: string; values: Sample[] }> {
    const { name, help, type, aggregator } = this
    return Promise.resolve({ name, help, type, aggregator, values: this.#read(name) })
  }

  /** The counters are the pool's. */
  reset(): void {}
}

type Pools = Set<ObservedPool>
type AnyRegistry = Pick<Registry, 'registerMetric' | 'getMetricsAsArray'>

/** Metrics that a registry has once, with the pools that they are read from. */
class Group {
  readonly #metricsOf: (pools: Pools) => ReadMetric[]
  readonly #members = new WeakMap<AnyRegistry, { readonly pools: Pools; readonly first: Metric }>()

  constructor(metricsOf: (pools: Pools) => ReadMetric[]) {
    this.#metricsOf = metricsOf
  }

  add(pool: ObservedPool, registry: AnyRegistry): () => void {
    const members = this.#members.get(registry)
    // A registry that was cleared has them no longer.
    const isThere = members !== undefined && registry.getMetricsAsArray().includes(members.first as never)
    const pools = isThere ? members.pools : this.#register(registry)
    pools.add(pool)
    return () => void pools.delete(pool)
  }

  #register(registry: AnyRegistry): Pools {
    const pools: Pools = new Set()
    const metrics = this.#metricsOf(pools) as unknown as [Metric, ...Metric[]]
    for (const metric of metrics) registry.registerMetric(metric)
    this.#members.set(registry, { pools, first: metrics[0] })
    return pools
  }
}

const ours = new Group((pools) => metricsOf(pools))
const prismas = new Group((pools) => prismaMetricsOf(pools))

/**
 * Adds a pool to a registry of prom-client: metrics named as OpenTelemetry's Prometheus exporter names those of the
 * semantic conventions, and those of Prisma 6. They are read when the registry is scraped; until then they cost
 * nothing. Pools are told apart by their names, so each should have one of its own.
 *
 * @returns What takes the pool out again.
 *
 * @example
 * ```ts
 * import { register } from 'prom-client'
 * import { registerPool } from 'prisma-pg-real-pool/prometheus'
 *
 * registerPool(adapter.pool, register)
 * console.log(await register.metrics())
 * ```
 */
export function registerPool(
  pool: ObservedPool,
  registry: Pick<Registry, 'registerMetric' | 'getMetricsAsArray'>,
  { prismaNames = true }: PrometheusOptions = {},
): () => void {
  const ends = [ours, ...(prismaNames ? [prismas] : [])].map((group) => group.add(pool, registry))
  return () => ends.forEach((end) => end())
}

function samplesOf(pools: Pools) {
  return (read: (stats: PoolStats) => Sample[]) => () => [...pools].flatMap((pool) => read(pool.getTotals()))
}

function metricsOf(pools: Pools): ReadMetric[] {
  const samples = samplesOf(pools)
  const numbers = NUMBERS.map(
    ({ name, description, kind, read }) =>
      new ReadMetric(
        plain(name) + (kind === 'counter' ? '_total' : ''),
        description,
        kind === 'counter' ? 'counter' : 'gauge',
        samples((stats) => numberSamples(read(stats), { [plain(POOL_NAME)]: stats.name })),
      ),
  )
  const durations = DURATIONS.map(
    ({ name, description, read }) =>
      new ReadMetric(
        plain(name),
        description,
        'histogram',
        samples((stats) =>
          histogramSamples(plain(name), read(stats), BUCKETS_S, 1_000, { [plain(POOL_NAME)]: stats.name }),
        ),
      ),
  )
  return [...numbers, ...durations]
}

function prismaMetricsOf(pools: Pools): ReadMetric[] {
  const samples = samplesOf(pools)
  const numbers = PRISMA_NUMBERS.map(
    ({ name, help, type, read }) =>
      new ReadMetric(
        name,
        help,
        type,
        samples((stats) => [{ labels: { pool: stats.name }, value: read(stats) }]),
      ),
  )
  const histograms = PRISMA_HISTOGRAMS.map(
    ({ name, help, bucketsMs, read }) =>
      new ReadMetric(
        name,
        help,
        'histogram',
        samples((stats) => histogramSamples(name, read(stats), bucketsMs, 1, { pool: stats.name })),
      ),
  )
  return [...numbers, ...histograms]
}

/** As OpenTelemetry's Prometheus exporter writes a name. */
function plain(name: string): string {
  return name.replaceAll('.', '_')
}

function numberSamples(value: number | Readonly<Record<string, number>>, labels: Labels): Sample[] {
  if (typeof value === 'number') return [{ labels, value }]
  return Object.entries(value).map(([state, number]) => ({
    labels: { ...labels, [plain(STATE)]: state },
    value: number,
  }))
}

/** @param divisor - Milliseconds in a unit of the buckets, which must be among the bounds of the histogram. */
function histogramSamples(
  name: string,
  { boundsMs, counts, count, sumMs }: DurationHistogram,
  buckets: readonly number[],
  divisor: number,
  labels: Labels,
): Sample[] {
  const upTo = (boundMs: number): number =>
    counts.reduce((sum, each, bucket) => sum + ((boundsMs[bucket] ?? Infinity) <= boundMs ? each : 0), 0)
  return [
    ...buckets.map((le) => ({
      metricName: `${name}_bucket`,
      labels: { ...labels, le },
      value: upTo(le * divisor),
    })),
    { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: count },
    { metricName: `${name}_sum`, labels, value: sumMs / divisor },
    { metricName: `${name}_count`, labels, value: count },
  ]
}
