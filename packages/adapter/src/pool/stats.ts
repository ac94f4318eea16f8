/**
 * What a pool counts. The names are psycopg_pool's, in camel case, with ours beside them: gauges say how things are
 * now, counters what has happened since the pool began or since `popStats`. Times are in milliseconds.
 */
import { type PoolCounts, PoolError, PoolTimeoutError, TooManyRequestsError } from './errors.js'
import { type DurationHistogram, Histogram } from './histogram.js'
import type { CloseReason } from './types.js'

/** A snapshot of a pool's gauges and counters, all of one moment. */
export interface PoolStats {
  /** The pool's name. */
  readonly name: string
  /** Gauge: `minSize`. */
  readonly poolMin: number
  /** Gauge: `maxSize`. */
  readonly poolMax: number
  /** Gauge: the most connections that may be idle: `maxIdleCount`, but no more than `maxSize`. */
  readonly poolMaxIdle: number
  /** Gauge: connections that exist, are being made, or are being closed: the sum of the five that follow. */
  readonly poolSize: number
  /** Gauge: connections that are idle. */
  readonly poolAvailable: number
  /** Gauge: connections that are lent. */
  readonly connectionsUsed: number
  /** Gauge: connections that the pool itself holds: the sum of the three at the end of the gauges. */
  readonly connectionsReserved: number
  /** Gauge: connections that are being made, or are going to be after a pause. */
  readonly connectionsPreparing: number
  /** Gauge: connections that are being closed. */
  readonly connectionsClosing: number
  /** Gauge: requests that wait for a connection. */
  readonly requestsWaiting: number
  /** Gauge: reserved connections that are tested before the next lease. */
  readonly connectionsChecking: number
  /** Gauge: reserved connections that are reset after a lease. */
  readonly connectionsResetting: number
  /** Gauge: reserved connections that wait for the answer to a COMMIT. */
  readonly connectionsCommitting: number
  /** Requests for a connection, those turned away included. */
  readonly requestsNum: number
  /** Requests that had to wait. */
  readonly requestsQueued: number
  /** Time that requests waited, those that failed included. */
  readonly requestsWaitMs: number
  /** The longest time that one request waited. */
  readonly longestWaitMs: number
  /** Requests that got no connection: timed out, aborted, or turned away. */
  readonly requestsErrors: number
  /** Those of them whose `timeout` passed. */
  readonly requestsTimeouts: number
  /** Those of them that were turned away because `maxWaiting` others waited. */
  readonly requestsRejected: number
  /** Those of them that were aborted by their signal. */
  readonly requestsCancelled: number
  /** Time that connections were lent; one that is shared counts once. */
  readonly usageMs: number
  /** Connections that came back broken. */
  readonly returnsBad: number
  /** Attempts to open a connection. */
  readonly connectionsNum: number
  /** Time that successful attempts took. */
  readonly connectionsMs: number
  /** Attempts that failed. */
  readonly connectionsErrors: number
  /** Idle connections that were lost. */
  readonly connectionsLost: number
  /** Connections that were closed, for whatever reason. */
  readonly connectionsClosed: number
  /** Those of them whose `maxLifetime` was over. */
  readonly connectionsExpired: number
  /** Those of them that were not needed for `maxIdle`. */
  readonly connectionsIdleClosed: number
  /** Connections that were reported to be lent for longer than `leakDetectionThreshold`. */
  readonly leaksDetected: number
  /** How long requests waited that got a connection; 0 for those served at once. */
  readonly waitTimes: DurationHistogram
  /** How long each borrower had a connection. */
  readonly useTimes: DurationHistogram
  /** How long it took to open connections. */
  readonly connectTimes: DurationHistogram
}

/** How many connections are kept while nobody uses them. */
interface IdleSizes {
  readonly minSize: number
  readonly maxIdleCount: number
}

/** The counters behind `PoolStats`; the pool's parts write to them directly. */
export class Counters {
  requestsNum = 0
  requestsQueued = 0
  requestsWaitMs = 0
  longestWaitMs = 0
  requestsErrors = 0
  requestsTimeouts = 0
  requestsRejected = 0
  requestsCancelled = 0
  usageMs = 0
  returnsBad = 0
  connectionsNum = 0
  connectionsMs = 0
  connectionsErrors = 0
  connectionsLost = 0
  connectionsClosed = 0
  connectionsExpired = 0
  connectionsIdleClosed = 0
  leaksDetected = 0
  waitTimes = new Histogram()
  useTimes = new Histogram()
  connectTimes = new Histogram()

  /** A request left the queue, with a connection or without. */
  waited(durationMs: number): void {
    this.requestsWaitMs += durationMs
    if (durationMs > this.longestWaitMs) this.longestWaitMs = durationMs
  }

  connected(durationMs: number): void {
    this.connectionsNum++
    this.connectionsMs += durationMs
    this.connectTimes.record(durationMs)
  }

  closed(reason: CloseReason): void {
    this.connectionsClosed++
    if (reason === 'expired') this.connectionsExpired++
    if (reason === 'idle') this.connectionsIdleClosed++
  }

  snapshot(name: string, { minSize, maxIdleCount }: IdleSizes, counts: PoolCounts): PoolStats {
    return Object.freeze({
      name,
      poolMin: minSize,
      poolMax: counts.maxSize,
      poolMaxIdle: Math.min(maxIdleCount, counts.maxSize),
      poolSize: counts.size,
      poolAvailable: counts.idle,
      connectionsUsed: counts.leased,
      connectionsReserved: counts.reserved,
      connectionsPreparing: counts.opening,
      connectionsClosing: counts.closing,
      requestsWaiting: counts.waiting,
      connectionsChecking: counts.checking,
      connectionsResetting: counts.resetting,
      connectionsCommitting: counts.committing,
      ...this,
      requestsWaitMs: Math.round(this.requestsWaitMs),
      longestWaitMs: Math.round(this.longestWaitMs),
      usageMs: Math.round(this.usageMs),
      connectionsMs: Math.round(this.connectionsMs),
      waitTimes: this.waitTimes.snapshot(),
      useTimes: this.useTimes.snapshot(),
      connectTimes: this.connectTimes.snapshot(),
    })
  }

  /** A request got no connection. */
  failed(reason: unknown): void {
    this.requestsErrors++
    if (reason instanceof PoolTimeoutError) this.requestsTimeouts++
    else if (reason instanceof TooManyRequestsError) this.requestsRejected++
    // What is not the pool's own is the reason of an AbortSignal.
    else if (!(reason instanceof PoolError)) this.requestsCancelled++
  }

  reset(): void {
    Object.assign(this, new Counters())
  }

  /** Adds what others have counted. */
  add(others: Counters): void {
    const longestWaitMs = Math.max(this.longestWaitMs, others.longestWaitMs)
    for (const key of KEYS) {
      const value = others[key]
      if (typeof value === 'number') (this[key] as number) += value
      else (this[key] as Histogram).add(value)
    }
    this.longestWaitMs = longestWaitMs
  }
}

type Counted = { [K in keyof Counters]: Counters[K] extends number | Histogram ? K : never }[keyof Counters]

const KEYS = Object.keys(new Counters()) as Counted[]
