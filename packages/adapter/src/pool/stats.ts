/**
 * What a pool counts. The names are psycopg_pool's, in camel case: gauges say how things are now, counters
 * what has happened since the pool began or since `popStats`. Times are in milliseconds.
 */
import type { PoolCounts } from './errors.js'

/** A snapshot of a pool's gauges and counters. */
export interface PoolStats {
  /** The pool's name. */
  readonly name: string
  /** Gauge: `minSize`. */
  readonly poolMin: number
  /** Gauge: `maxSize`. */
  readonly poolMax: number
  /** Gauge: connections that exist or are being made. */
  readonly poolSize: number
  /** Gauge: connections that are idle. */
  readonly poolAvailable: number
  /** Gauge: requests that wait for a connection. */
  readonly requestsWaiting: number
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
  /** Time that connections were lent. */
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
  /** Connections that were reported to be lent for longer than `leakDetectionThreshold`. */
  readonly leaksDetected: number
}

/** The counters behind `PoolStats`; the pool's parts write to them directly. */
export class Counters {
  requestsNum = 0
  requestsQueued = 0
  requestsWaitMs = 0
  longestWaitMs = 0
  requestsErrors = 0
  usageMs = 0
  returnsBad = 0
  connectionsNum = 0
  connectionsMs = 0
  connectionsErrors = 0
  connectionsLost = 0
  leaksDetected = 0

  waited(durationMs: number): void {
    this.requestsWaitMs += durationMs
    if (durationMs > this.longestWaitMs) this.longestWaitMs = durationMs
  }

  snapshot(name: string, minSize: number, counts: PoolCounts): PoolStats {
    return Object.freeze({
      name,
      poolMin: minSize,
      poolMax: counts.maxSize,
      poolSize: counts.size,
      poolAvailable: counts.idle,
      requestsWaiting: counts.waiting,
      ...this,
      requestsWaitMs: Math.round(this.requestsWaitMs),
      longestWaitMs: Math.round(this.longestWaitMs),
      usageMs: Math.round(this.usageMs),
      connectionsMs: Math.round(this.connectionsMs),
    })
  }

  reset(): void {
    Object.assign(this, new Counters())
  }
}
