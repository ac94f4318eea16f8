// Pools that are registered with exporters more than once, or with registries that change meanwhile.
import { describe, expect, test } from '@jest/globals'
import {
  AggregationTemporality,
  type Histogram,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { Registry } from 'prom-client'
import { RealPool } from 'prisma-pg-real-pool'
import { registerPool as registerWithOpenTelemetry } from 'prisma-pg-real-pool/opentelemetry'
import { registerPool as registerWithPrometheus } from 'prisma-pg-real-pool/prometheus'
import { publish } from '../../../packages/adapter/src/observe/events.js'

/** It is never open, and so reaches for no server. */
function poolNamed(name: string): RealPool {
  return new RealPool({ host: 'db.example', pool: { name } })
}

describe('a registry of prom-client', () => {
  const limits = async (registry: Registry) =>
    (await registry.metrics()).match(/^db_client_connection_limit\{.*$/gm)

  test('that was cleared has a pool again that is registered again, and no other', async () => {
    const registry = new Registry()
    const pool = poolNamed('again')
    registerWithPrometheus(pool, registry)
    registerWithPrometheus(poolNamed('gone'), registry)
    registry.clear()
    const end = registerWithPrometheus(pool, registry)
    expect(await limits(registry)).toEqual([
      'db_client_connection_limit{db_client_connection_pool_name="again"} 10',
    ])
    end()
    expect(await limits(registry)).toBeNull()
  })

  test('has a pool once that is registered twice', async () => {
    const registry = new Registry()
    const pool = poolNamed('twice')
    registerWithPrometheus(pool, registry)
    registerWithPrometheus(pool, registry)
    expect(await limits(registry)).toHaveLength(1)
  })

  test('has the names of Prisma 6 for each pool that is to have them', async () => {
    const registry = new Registry()
    registerWithPrometheus(poolNamed('without'), registry, { prismaNames: false })
    registerWithPrometheus(poolNamed('with'), registry)
    registerWithPrometheus(poolNamed('also without'), registry, { prismaNames: false })
    const text = await registry.metrics()
    expect(text.match(/^prisma_pool_connections_busy\{.*$/gm)).toEqual([
      'prisma_pool_connections_busy{pool="with"} 0',
    ])
    expect(await limits(registry)).toHaveLength(3)
  })
})

test('OpenTelemetry records a duration once, however often the pool is registered', async () => {
  const memory = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter: memory, exportIntervalMillis: 2 ** 30 })
  const meterProvider = new MeterProvider({ readers: [reader] })
  const recorded = async () => {
    await meterProvider.forceFlush()
    const metrics = memory
      .getMetrics()
      .at(-1)!
      .scopeMetrics.flatMap((scope) => scope.metrics)
    const useTime = metrics.find(({ descriptor }) => descriptor.name === 'db.client.connection.use_time')
    return useTime?.dataPoints.map(({ value }) => (value as Histogram).count)
  }
  const release = () => {
    publish('release', { pool: 'timed', pid: 1, how: 'released', heldMs: 5, reason: undefined })
  }
  const pool = poolNamed('timed')
  const ends = [1, 2].map(() => registerWithOpenTelemetry(pool, { meterProvider }))
  release()
  expect(await recorded()).toEqual([1])
  // The former call has ended; to end it once more ends nothing else.
  ends[0]?.()
  release()
  expect(await recorded()).toEqual([2])
  ends[1]?.()
  release()
  expect(await recorded()).toEqual([2])
  await meterProvider.shutdown()
})
