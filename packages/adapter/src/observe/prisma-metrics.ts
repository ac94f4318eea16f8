/** The metrics of Prisma 6 (`$metrics`, gone in 7) that are about its pool, with its names, help texts and bounds. */
import type { DurationHistogram } from '../pool/histogram.js'
import type { PoolStats } from '../pool/stats.js'
import { inUse } from './metrics.js'

interface PrismaNumber {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge'
  readonly read: (stats: PoolStats) => number
}

interface PrismaHistogram {
  readonly name: string
  readonly help: string
  readonly bucketsMs: readonly number[]
  readonly read: (stats: PoolStats) => DurationHistogram
}

export const PRISMA_NUMBERS: readonly PrismaNumber[] = [
  {
    name: 'prisma_pool_connections_opened_total',
    help: 'Total number of Pool Connections opened',
    type: 'counter',
    read: ({ connectTimes }) => connectTimes.count,
  },
  {
    name: 'prisma_pool_connections_closed_total',
    help: 'Total number of Pool Connections closed',
    type: 'counter',
    read: ({ connectionsClosed }) => connectionsClosed,
  },
  {
    name: 'prisma_pool_connections_open',
    help: 'Number of currently open Pool Connections',
    type: 'gauge',
    read: ({ poolSize, connectionsPreparing }) => poolSize - connectionsPreparing,
  },
  {
    name: 'prisma_pool_connections_busy',
    help: 'Number of currently busy Pool Connections (executing a datasource query)',
    type: 'gauge',
    read: inUse,
  },
  {
    name: 'prisma_pool_connections_idle',
    help: 'Number of currently unused Pool Connections (waiting for the next datasource query to run)',
    type: 'gauge',
    read: ({ poolAvailable }) => poolAvailable,
  },
  {
    name: 'prisma_client_queries_wait',
    help: 'Number of Prisma Client queries currently waiting for a connection',
    type: 'gauge',
    read: ({ requestsWaiting }) => requestsWaiting,
  },
]

export const PRISMA_HISTOGRAMS: readonly PrismaHistogram[] = [
  {
    name: 'prisma_client_queries_wait_histogram_ms',
    help: 'Histogram of the wait time of all Prisma Client Queries in ms',
    bucketsMs: [0, 1, 5, 10, 50, 100, 500, 1_000, 5_000, 50_000],
    read: ({ waitTimes }) => waitTimes,
  },
]
