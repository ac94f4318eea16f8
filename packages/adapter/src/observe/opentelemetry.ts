/** `prisma-pg-real-pool/opentelemetry`: the pool's metrics, and its waits as spans. */
import {
  type BatchObservableCallback,
  type Meter,
  type MeterProvider,
  metrics,
  type Observable,
  trace,
  type TracerProvider,
} from '@opentelemetry/api'
import {
  BUCKETS_S,
  DURATIONS,
  NUMBERS,
  type NumberMetric,
  type ObservedPool,
  POOL_NAME,
  STATE,
} from './metrics.js'
import { traceWaits } from './wait-spans.js'

const SCOPE = 'prisma-pg-real-pool'

/** What ends each pool's reports to each provider. */
const reports = new WeakMap<ObservedPool, WeakMap<MeterProvider, () => void>>()

/** Where to report to; each is the global one unless it is given. */
export interface OpenTelemetryOptions {
  readonly meterProvider?: MeterProvider | undefined
  readonly tracerProvider?: TracerProvider | undefined
}

/**
 * Reports a pool to OpenTelemetry: metrics, named as the semantic conventions name those of connection pools, and a
 * span `real_pool.acquire` for each wait, inside the span of whoever waits. Pools are told apart by their names, so
 * each should have one of its own. To be called after the SDK is set up; once more for the same pool and provider, it
 * takes the place of the former call.
 *
 * @returns What ends it.
 *
 * @example
 * ```ts
 * import { registerPool } from 'prisma-pg-real-pool/opentelemetry'
 *
 * const unregister = registerPool(adapter.pool)
 * ```
 */
export function registerPool(pool: ObservedPool, options: OpenTelemetryOptions = {}): () => void {
  const { meterProvider = metrics.getMeterProvider(), tracerProvider = trace.getTracerProvider() } = options
  const { name } = pool.getTotals()
  const meter = meterProvider.getMeter(SCOPE)
  const byProvider = reports.get(pool) ?? new WeakMap<MeterProvider, () => void>()
  reports.set(pool, byProvider)
  // Two that listened would record each duration twice.
  byProvider.get(meterProvider)?.()
  const ends = [
    observeNumbers(meter, pool),
    ...recordDurations(meter, name),
    ...traceWaits(tracerProvider.getTracer(SCOPE), name),
  ]
  const end = (): void => ends.forEach((each) => each())
  byProvider.set(meterProvider, end)
  return end
}

/** All of one moment, at the moment when they are collected. */
function observeNumbers(meter: Meter, pool: ObservedPool): () => void {
  const observables = new Map<NumberMetric, Observable>(
    NUMBERS.map((metric) => {
      const { name, unit, description, kind } = metric
      const observable =
        kind === 'counter'
          ? meter.createObservableCounter(name, { unit, description })
          : meter.createObservableUpDownCounter(name, { unit, description })
      return [metric, observable]
    }),
  )
  const observe: BatchObservableCallback = (result) => {
    const stats = pool.getTotals()
    const attributes = { [POOL_NAME]: stats.name }
    for (const [metric, observable] of observables) {
      const value = metric.read(stats)
      if (typeof value === 'number') {
        result.observe(observable, value, attributes)
        continue
      }
      for (const [state, number] of Object.entries(value)) {
        result.observe(observable, number, { ...attributes, [STATE]: state })
      }
    }
  }
  meter.addBatchObservableCallback(observe, [...observables.values()])
  return () => meter.removeBatchObservableCallback(observe, [...observables.values()])
}

/** OpenTelemetry keeps its histograms itself, so it is told of each duration. */
function recordDurations(meter: Meter, pool: string): (() => void)[] {
  const attributes = { [POOL_NAME]: pool }
  return DURATIONS.map(({ name, unit, description, onEach }) => {
    const histogram = meter.createHistogram(name, {
      unit,
      description,
      advice: { explicitBucketBoundaries: [...BUCKETS_S] },
    })
    return onEach((of, ms) => {
      if (of === pool) histogram.record(ms / 1_000, attributes)
    })
  })
}
