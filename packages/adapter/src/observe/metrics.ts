/**
 * What the exporters export: the metrics of the OpenTelemetry conventions for connection pools, and ours beside
 * them. https://opentelemetry.io/docs/specs/semconv/db/database-metrics/#connection-pools
 */
import type { DurationHistogram } from '../pool/histogram.js'
import type { PoolStats } from '../pool/stats.js'
import { onPoolEvent, type PoolEvent, type PoolEvents } from './events.js'

/** A pool that is exported: what is needed of a `RealPool`. */
export interface ObservedPool {
  getTotals(): PoolStats
}

export const POOL_NAME = 'db.client.connection.pool.name'
export const STATE = 'db.client.connection.state'

/** Those at work, for a borrower or for the pool itself: the conventions know only idle and used. */
export function inUse({ connectionsUsed, connectionsReserved }: PoolStats): number {
  return connectionsUsed + connectionsReserved
}

interface Described {
  readonly name: string
  readonly description: string
  readonly unit: string
}

/** A number that goes up and down, or only up. */
export interface NumberMetric extends Described {
  readonly kind: 'upDownCounter' | 'counter'
  /** One number, or one for each state of a connection. */
  readonly read: (stats: PoolStats) => number | Readonly<Record<string, number>>
}

export interface DurationMetric extends Described {
  readonly read: (stats: PoolStats) => DurationHistogram
  /** Tells of each duration by itself, of every pool; returns what ends that. */
  readonly onEach: (listener: (pool: string, ms: number) => void) => () => void
}

/** Upper bounds in seconds; the conventions advise these for the durations of database clients. */
export const BUCKETS_S: readonly number[] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]

const CONNECTION = { unit: '{connection}', kind: 'upDownCounter' } as const

const CONVENTIONAL: readonly NumberMetric[] = [
  {
    ...CONNECTION,
    name: 'db.client.connection.count',
    description: 'Connections by their state: idle, used, creating, or closing.',
    read: (stats) => ({
      idle: stats.poolAvailable,
      used: inUse(stats),
      creating: stats.connectionsPreparing,
      closing: stats.connectionsClosing,
    }),
  },
  {
    ...CONNECTION,
    name: 'db.client.connection.idle.max',
    description: 'The most idle connections that are kept.',
    read: ({ poolMaxIdle }) => poolMaxIdle,
  },
  {
    ...CONNECTION,
    name: 'db.client.connection.idle.min',
    description: 'The connections that are kept open, used or not: minSize.',
    read: ({ poolMin }) => poolMin,
  },
  {
    ...CONNECTION,
    name: 'db.client.connection.limit',
    description: 'The most connections that ever exist: maxSize.',
    read: ({ poolMax }) => poolMax,
  },
  {
    ...CONNECTION,
    name: 'db.client.connection.max',
    description: 'The same, under the name that the conventions had for it until September 2026.',
    read: ({ poolMax }) => poolMax,
  },
  {
    name: 'db.client.connection.pending_requests',
    kind: 'upDownCounter',
    unit: '{request}',
    description: 'Requests that wait for a connection.',
    read: ({ requestsWaiting }) => requestsWaiting,
  },
  {
    name: 'db.client.connection.timeouts',
    kind: 'counter',
    unit: '{timeout}',
    description: 'Requests that got no connection within their timeout.',
    read: ({ requestsTimeouts }) => requestsTimeouts,
  },
]

/** A counter of ours that one number of the statistics stands for. */
function counter(name: string, unit: string, description: string, key: CounterKey): NumberMetric {
  return { name: `real_pool.${name}`, kind: 'counter', unit, description, read: (stats) => stats[key] }
}

type CounterKey = {
  [K in keyof PoolStats]: PoolStats[K] extends number ? K : never
}[keyof PoolStats]

const [REQUEST, OPENED] = ['{request}', '{connection}']

export const NUMBERS: readonly NumberMetric[] = [
  ...CONVENTIONAL,
  counter('requests', REQUEST, 'Requests for a connection.', 'requestsNum'),
  counter('requests_queued', REQUEST, 'Requests that had to wait.', 'requestsQueued'),
  counter('requests_failed', REQUEST, 'Requests that got no connection.', 'requestsErrors'),
  counter('requests_rejected', REQUEST, 'Requests turned away by maxWaiting.', 'requestsRejected'),
  counter('requests_cancelled', REQUEST, 'Requests aborted by their signal.', 'requestsCancelled'),
  counter('connection_attempts', '{attempt}', 'Attempts to open a connection.', 'connectionsNum'),
  counter('connection_errors', '{attempt}', 'Attempts that failed.', 'connectionsErrors'),
  counter('connections_closed', OPENED, 'Connections that were closed.', 'connectionsClosed'),
  counter('connections_lost', OPENED, 'Idle connections that were lost.', 'connectionsLost'),
  counter('returns_bad', OPENED, 'Connections that came back broken.', 'returnsBad'),
  counter('leaks', OPENED, 'Connections reported to be lent for too long.', 'leaksDetected'),
]

function eachOf<E extends PoolEvent>(
  event: E,
  durationOf: (message: PoolEvents[E]) => number,
): DurationMetric['onEach'] {
  return (listener) => onPoolEvent(event, (message) => listener(message.pool, durationOf(message)))
}

export const DURATIONS: readonly DurationMetric[] = [
  {
    name: 'db.client.connection.create_time',
    unit: 's',
    description: 'How long it took to open a connection.',
    read: ({ connectTimes }) => connectTimes,
    onEach: eachOf('open', ({ connectMs }) => connectMs),
  },
  {
    name: 'db.client.connection.wait_time',
    unit: 's',
    description: 'How long a request waited that got a connection; 0 when it was served at once.',
    read: ({ waitTimes }) => waitTimes,
    onEach: eachOf('acquire', ({ waitedMs }) => waitedMs),
  },
  {
    name: 'db.client.connection.use_time',
    unit: 's',
    description: 'How long a connection was lent.',
    read: ({ useTimes }) => useTimes,
    onEach: eachOf('release', ({ heldMs }) => heldMs),
  },
]
