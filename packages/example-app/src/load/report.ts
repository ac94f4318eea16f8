/**
 * What the load showed, as rows of text. Pure: figures in, words out.
 */
import Table from 'cli-table3'
import type { PoolStats } from 'prisma-pg-real-pool'
import { type Audit, problemsOf } from './audit.js'
import type { LoadRecord } from './driver.js'
import type { Observation } from './observer.js'

export interface Measured {
  readonly load: Pick<
    LoadRecord,
    'latency' | 'requests' | 'requestsMs' | 'elapsedMs' | 'acknowledged' | 'unacknowledged' | 'failures'
  >
  /** What the pool counted during the load. */
  readonly pool: Pick<PoolStats, 'poolMax' | 'usageMs' | 'longestWaitMs'>
  readonly observed: Observation & { readonly everyMs: number }
  readonly retries: number
  readonly audit: Audit
}

export type ReportRow = readonly [label: string, value: string]

export function reportRows({ load, pool, observed, retries, audit }: Measured): ReportRow[] {
  const failures = [...load.failures].map(([cause, count]) => `${count} × ${cause}`)
  const problems = problemsOf(audit)
  return [
    ['Requests', `${count(load.requests)} in ${seconds(load.elapsedMs)}`],
    ['Requests per second', count(perSecond(load.requests, load.elapsedMs))],
    ['Latency p50', milliseconds(load.latency.percentile(50) / 1000)],
    ['Latency p99', milliseconds(load.latency.percentile(99) / 1000)],
    [
      'Peak connections that PostgreSQL saw',
      `${observed.peakConnections} of ${pool.poolMax} (${count(observed.samples)} looks, ${observed.everyMs} ms apart)`,
    ],
    ['Longest wait for a connection', milliseconds(pool.longestWaitMs)],
    ['Requests lasted', `${seconds(load.requestsMs)} in total`],
    [
      'Connections were held',
      `${seconds(pool.usageMs)} in total: ${percent(pool.usageMs, load.requestsMs)} of that time`,
    ],
    ['Transfers acknowledged', count(load.acknowledged.size)],
    ...(load.unacknowledged.size > 0
      ? [
          [
            'Transfers not acknowledged',
            `${count(load.unacknowledged.size)}, of which ${count(audit.madeUnacknowledged)} were made`,
          ] as const,
        ]
      : []),
    ...(failures.length > 0 ? [['Requests that failed', failures.join(', ')] as const] : []),
    ['Retries after a write conflict', count(retries)],
    [
      'Money conserved',
      problems.length === 0 ? `yes: ${audit.total.toFixed(2)} before and after` : 'NO, see below',
    ],
    [
      'Acknowledged and in the database',
      audit.missing.length + audit.doubled.length === 0
        ? `all ${count(load.acknowledged.size)}, each exactly once`
        : `NO: ${audit.missing.length} missing, ${audit.doubled.length} doubled`,
    ],
  ]
}

export function renderTable(rows: readonly ReportRow[]): string {
  const noRules = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' }
  const table = new Table({ style: { head: [], border: [] }, chars: noRules })
  table.push(...rows.map((row) => [...row]))
  return table.toString()
}

export function perSecond(events: number, elapsedMs: number): number {
  return elapsedMs > 0 ? (events * 1000) / elapsedMs : 0
}

export function percent(part: number, whole: number): string {
  return `${(whole > 0 ? (100 * part) / whole : 0).toFixed(1)} %`
}

export function milliseconds(ms: number): string {
  return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toLocaleString('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 })} s`
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}
