// OpenTelemetry's numbers, Prometheus' and getStats()'s under a crowd of callers, beside what the server says.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import * as conventions from '@opentelemetry/semantic-conventions/incubating'
import { Registry } from 'prom-client'
import { PoolTimeoutError, type RealPool } from 'prisma-pg-real-pool'
import { registerPool as registerWithOpenTelemetry } from 'prisma-pg-real-pool/opentelemetry'
import { registerPool as registerWithPrometheus } from 'prisma-pg-real-pool/prometheus'
import { DURATIONS, NUMBERS } from '../../packages/adapter/src/observe/metrics.js'
import { errorOf, SUBJECT } from '../integration/support.js'
import { gate, hold, type World } from '../prisma/support.js'
import { eventually } from '../support/eventually.js'
import { createPoolWorld } from './support.js'

let world: World
const ends: (() => unknown)[] = []

beforeAll(async () => {
  world = await createPoolWorld()
})

afterEach(async () => {
  for (const end of ends.splice(0)) await end()
  await world.disconnect()
  await world.empty()
})

afterAll(() => world.close())

/** Each series of an exposition with its value; the labels in alphabetical order, those of the SDK left out. */
function seriesOf(exposition: string): Map<string, number> {
  const series = new Map<string, number>()
  for (const [, name = '', labels = '', value] of exposition.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)) {
    if (name === 'target_info') continue
    const ours = labels.split(',').filter((label) => !label.startsWith('otel_scope_'))
    series.set(`${name}{${ours.sort().join(',')}}`, value === '+Inf' ? Infinity : Number(value))
  }
  return series
}

/** A pool that is exported by OpenTelemetry, into memory and over HTTP, and by prom-client. */
async function exported(pool: RealPool) {
  const memory = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter: memory, exportIntervalMillis: 2 ** 30 })
  const scraped = new PrometheusExporter({ host: '127.0.0.1', port: 0, preventServerStart: true })
  const meterProvider = new MeterProvider({ readers: [reader, scraped] })
  await scraped.startServer()
  const { port } = (scraped as unknown as { _server: { address(): { port: number } } })._server.address()
  const registry = new Registry()
  ends.push(registerWithOpenTelemetry(pool, { meterProvider }), registerWithPrometheus(pool, registry), () =>
    meterProvider.shutdown(),
  )
  return {
    registry,
    inMemory: async () => {
      memory.reset()
      await meterProvider.forceFlush()
      const [latest] = memory.getMetrics().slice(-1)
      return latest!.scopeMetrics.flatMap(({ metrics }) => metrics)
    },
    overHttp: async () => {
      const response = await fetch(`http://127.0.0.1:${port}/metrics`)
      return seriesOf(await response.text())
    },
    byPromClient: async () => {
      return seriesOf(await registry.metrics())
    },
  }
}

test('the metrics of the conventions are there, under exactly those names, and the others under ours', () => {
  const official = Object.entries(conventions)
    .filter(([key]) => key.startsWith('METRIC_DB_CLIENT_CONNECTION_'))
    .map(([, name]) => name as string)
  const ours = [...NUMBERS, ...DURATIONS].map(({ name }) => name)
  expect(official).toHaveLength(10)
  expect(ours).toEqual(expect.arrayContaining(official))
  expect(ours.filter((name) => !official.includes(name))).toEqual(
    ours.filter((name) => name.startsWith('real_pool.')),
  )
})

test('under a thousand callers all of them say the same, and what the server says', async () => {
  const CALLERS = 1_000
  const { prisma, adapter } = world.open(
    { name: 'crowd', minSize: 2, maxSize: 5, timeout: '60s', check: false },
    {},
    'native',
  )
  const { inMemory, overHttp, byPromClient } = await exported(adapter.pool)
  const end = gate()
  const holders = Array.from({ length: 5 }, () => hold(prisma, end))
  await eventually(async () => {
    expect(await world.database.backends(SUBJECT)).toHaveLength(5)
    expect(adapter.pool.getStats()).toMatchObject({ connectionsUsed: 5, requestsWaiting: 0 })
  })
  const callers = Array.from({ length: CALLERS }, () => prisma.user.count())
  await Promise.race([
    Promise.all(callers),
    eventually(() => expect(adapter.pool.getStats().requestsWaiting).toBe(CALLERS)),
  ])

  // Everybody waits: what is exported now is what the server sees now.
  const crowded = await overHttp()
  const states = (await world.database.backends(SUBJECT)).map(({ state }) => state)
  expect(states).toEqual(Array(5).fill('idle in transaction'))
  const pool = 'db_client_connection_pool_name="crowd"'
  expect(crowded.get(`db_client_connection_count{${pool},db_client_connection_state="used"}`)).toBe(5)
  expect(crowded.get(`db_client_connection_count{${pool},db_client_connection_state="idle"}`)).toBe(0)
  expect(crowded.get(`db_client_connection_pending_requests{${pool}}`)).toBe(CALLERS)
  expect([...rounded(await byPromClient())]).toEqual(expect.arrayContaining([...rounded(crowded)]))

  end.open()
  await Promise.all([...holders, ...callers])
  const stats = adapter.pool.getStats()
  const [http, prom, memory] = [await overHttp(), await byPromClient(), await inMemory()]

  expect(rounded(withoutPrisma(prom))).toEqual(rounded(http))
  for (const { name, read } of NUMBERS) {
    const points = memory.find(({ descriptor }) => descriptor.name === name)!.dataPoints
    const value = read(stats)
    const expected = typeof value === 'number' ? [value] : Object.values(value)
    expect([name, points.map((point) => point.value)]).toEqual([name, expected])
    for (const { attributes } of points) {
      expect(attributes['db.client.connection.pool.name']).toBe('crowd')
      expect('db.client.connection.state' in attributes).toBe(typeof value !== 'number')
    }
  }
  expect(stats).toMatchObject({ requestsNum: CALLERS + 5, requestsErrors: 0, poolSize: 5 })
  expect(stats.waitTimes.count).toBe(CALLERS + 5)
  // Those of Prisma 6, too.
  expect(prom.get('prisma_pool_connections_open{pool="crowd"}')).toBe(5)
  expect(prom.get('prisma_pool_connections_opened_total{pool="crowd"}')).toBe(5)
  expect(prom.get('prisma_client_queries_wait_histogram_ms_count{pool="crowd"}')).toBe(CALLERS + 5)
})

test('a connection that the pool is cleaning is used, for it is at work on the server', async () => {
  const end = gate()
  const { adapter } = world.open(
    {
      name: 'cleaned',
      minSize: 1,
      maxSize: 1,
      reset: async (client) => {
        await client.query('BEGIN')
        await end.opened
        await client.query('ROLLBACK')
      },
    },
    {},
    'native',
  )
  const { byPromClient, overHttp } = await exported(adapter.pool)
  await adapter.pool.open({ wait: true })
  const cleaning = (await adapter.pool.acquire()).release()
  const statesOf = async () => (await world.database.backends(SUBJECT)).map(({ state }) => state)
  await eventually(async () => expect(await statesOf()).toEqual(['idle in transaction']))
  for (const series of [await byPromClient(), await overHttp()]) {
    const count = (state: string) =>
      series.get(
        `db_client_connection_count{db_client_connection_pool_name="cleaned",db_client_connection_state="${state}"}`,
      )
    expect(['idle', 'used', 'creating', 'closing'].map(count)).toEqual([0, 1, 0, 0])
  }
  expect((await byPromClient()).get('prisma_pool_connections_busy{pool="cleaned"}')).toBe(1)
  expect(String(await adapter.pool.report())).toBe(
    "pool 'cleaned': 0 of at most 1 in use, 0 idle, 0 being opened, 1 being reset; 0 waiting",
  )
  end.open()
  await cleaning
  expect(adapter.pool.getStats()).toMatchObject({ poolAvailable: 1, connectionsReserved: 0 })
})

function withoutPrisma(series: Map<string, number>): Map<string, number> {
  return new Map([...series].filter(([name]) => !name.startsWith('prisma_')))
}

/** Sums of many fractions, which depend on their order in the last digits. */
function rounded(series: Map<string, number>): Map<string, number> {
  return new Map([...series].map(([name, value]) => [name, Number(value.toFixed(6))]))
}

test('timeouts and refusals are counted apart', async () => {
  const { prisma, adapter } = world.open(
    { name: 'late', minSize: 1, maxSize: 1, maxWaiting: 1, timeout: '20ms' },
    {},
    'native',
  )
  await adapter.pool.open({ wait: true })
  const { byPromClient, overHttp } = await exported(adapter.pool)
  const end = gate()
  const holder = hold(prisma, end)
  await eventually(() => expect(adapter.pool.getStats().connectionsUsed).toBe(1))
  const [late, refused] = await Promise.all([
    errorOf(adapter.pool.acquire()),
    errorOf(adapter.pool.acquire()),
  ])
  expect(late).toBeInstanceOf(PoolTimeoutError)
  expect(refused).toMatchObject({ code: 'POOL_TOO_MANY_REQUESTS' })
  end.open()
  await holder
  for (const series of [await byPromClient(), await overHttp()]) {
    const pool = '{db_client_connection_pool_name="late"}'
    expect(series.get(`db_client_connection_timeouts_total${pool}`)).toBe(1)
    expect(series.get(`real_pool_requests_rejected_total${pool}`)).toBe(1)
    expect(series.get(`real_pool_requests_failed_total${pool}`)).toBe(2)
  }
})

test('what popStats sets back is not set back for those who export', async () => {
  const { prisma, adapter } = world.open({ name: 'popped', minSize: 1, maxSize: 1 }, {}, 'native')
  await adapter.pool.open({ wait: true })
  const { byPromClient, overHttp } = await exported(adapter.pool)
  await prisma.user.count()
  adapter.pool.popStats()
  await prisma.user.count()
  for (const series of [await byPromClient(), await overHttp()]) {
    expect(series.get('real_pool_requests_total{db_client_connection_pool_name="popped"}')).toBe(2)
  }
})

describe('several pools', () => {
  test('share their metrics, each under its name, until they are taken out', async () => {
    const [one, two] = ['one', 'two'].map(
      (name) => world.open({ name, maxSize: 3 }, {}, 'native').adapter.pool,
    )
    const { registry, byPromClient, overHttp } = await exported(one!)
    const end = registerWithPrometheus(two!, registry)
    const max = (name: string) => `db_client_connection_max{db_client_connection_pool_name="${name}"}`
    expect((await byPromClient()).get(max('one'))).toBe(3)
    expect((await byPromClient()).get(max('two'))).toBe(3)
    end()
    expect((await byPromClient()).get(max('two'))).toBeUndefined()
    ends.splice(0, 1).forEach((unregister) => void unregister())
    expect((await overHttp()).get(max('one'))).toBeUndefined()
  })

  test('are not recorded unless they are registered', async () => {
    const [one, two] = ['seen', 'unseen'].map((name) => world.open({ name }, {}, 'native').adapter.pool)
    const { overHttp } = await exported(one!)
    await two!.open()
    await two!.use((client) => client.query('SELECT 1'))
    expect([...(await overHttp()).keys()].filter((series) => series.includes('_time_'))).toEqual([])
  })

  test('the names of Prisma 6 may be left out', async () => {
    const { adapter } = world.open({ name: 'plain' }, {}, 'native')
    const registry = new Registry()
    registerWithPrometheus(adapter.pool, registry, { prismaNames: false })
    expect(await registry.metrics()).not.toContain('prisma_')
    expect(await registry.metrics()).toContain('db_client_connection_count')
  })

  test('a registry of the OpenMetrics kind has them, too', async () => {
    const { adapter } = world.open({ name: 'open' }, {}, 'native')
    const registry = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>()
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
    registerWithPrometheus(adapter.pool, registry)
    const text = await registry.metrics()
    expect(text).toContain('# TYPE real_pool_requests counter')
    expect(text).toContain('real_pool_requests_total{db_client_connection_pool_name="open"} 0')
    expect(text.match(/_total_total/)).toBeNull()
  })
})
