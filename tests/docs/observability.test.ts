// docs/observability.md says what the code has: every statistic, event and metric, and no other.
import { describe, expect, test } from '@jest/globals'
import { RealPool } from 'prisma-pg-real-pool'
import { channels, onPoolEvent, type PoolEvent } from '../../packages/adapter/src/observe/events.js'
import { BUCKETS_S, DURATIONS, NUMBERS } from '../../packages/adapter/src/observe/metrics.js'
import { PRISMA_HISTOGRAMS, PRISMA_NUMBERS } from '../../packages/adapter/src/observe/prisma-metrics.js'
import { Publisher } from '../../packages/adapter/src/observe/publisher.js'
import { publisherOfTransaction } from '../../packages/adapter/src/observe/transactions.js'
import { PoolTimeoutError } from '../../packages/adapter/src/pool/errors.js'
import { BOUNDS_MS } from '../../packages/adapter/src/pool/histogram.js'
import { ManualClock } from '../support/manual-clock.js'
import { code, codes, read, rows, section } from './markdown.js'

const text = read('docs/observability.md')

/** A pool that has never been open. */
const stats = new RealPool({ host: 'db.example' }).getStats()

test('every statistic is in the tables, and no other', () => {
  const named = rows(section(text, '## Statistics')).map(([name = '']) => code(name))
  // The pool's name is no number.
  expect(named.sort()).toEqual(
    Object.keys(stats)
      .filter((name) => name !== 'name')
      .sort(),
  )
})

describe('the events', () => {
  const documented = rows(section(text, '## Events')).map(([event = '', , fields = '']) => ({
    event: code(event) as PoolEvent,
    fields: codes(fields),
  }))

  test('are all there, and no other', () => {
    expect(documented.map(({ event }) => event)).toEqual(Object.keys(channels))
  })

  test('have the messages that are published', () => {
    const published: [string, string[]][] = []
    const ends = documented.map(({ event }) =>
      onPoolEvent(event, (message) => published.push([event, Object.keys(message)])),
    )
    const connection = { processId: 1 }
    const publisher = new Publisher<typeof connection>('documented', ({ processId }) => processId)
    publisher.onOpened(connection, 1)
    publisher.onClosed(connection, 'idle', 1)
    publisher.onOpenFailed(new Error('away'), 1)
    publisher.onLost(connection, new Error('gone'), true)
    publisher.onWaiting(1, 1)
    publisher.onLent(connection, 1, 1)
    publisher.onReturned(connection, 'released', 1, undefined)
    publisher.onFailed(new PoolTimeoutError('late'), 1, 1)
    publisher.onFailed(new Error('aborted'), 1, 1)
    const transaction = publisherOfTransaction('documented', new ManualClock())
    transaction?.begun(connection)
    transaction?.ended('committed')
    publisher.onLeak(connection, 1, '')
    ends.forEach((end) => end())
    const sorted = (fields: readonly string[]) => [...fields].sort()
    expect(published.map(([event, fields]) => [event, sorted(fields)])).toEqual(
      documented.map(({ event, fields }) => [event, sorted(fields)]),
    )
  })
})

describe('the metrics', () => {
  const [ours, ofPrisma] = [section(text, '## Metrics').split('\n### ')[0]!, section(text, '### Prometheus')]

  test('are all there with their types and units, and no other', () => {
    const documented = rows(ours).map(([name = '', type, unit = '']) => [code(name), type, code(unit)])
    expect(documented).toEqual([
      ...NUMBERS.map(({ name, kind, unit }) => [name, kind, unit]),
      ...DURATIONS.map(({ name, unit }) => [name, 'histogram', unit]),
    ])
  })

  test('are read from the statistics that they are said to be', () => {
    const distinct = Object.fromEntries(Object.keys(stats).map((key, index) => [key, index])) as never
    const keyOf = (value: unknown) => Object.keys(stats)[value as number]
    const read = new Map<string, unknown>(
      [...NUMBERS, ...DURATIONS].map((metric) => [metric.name, metric.read(distinct)]),
    )
    for (const [name = '', , , is = ''] of rows(ours)) {
      const [statistic] = codes(is)
      if (statistic === undefined || !(statistic in stats)) continue
      expect([code(name), keyOf(read.get(code(name)))]).toEqual([code(name), statistic])
    }
  })

  test('of Prisma 6 are all there, and no other', () => {
    expect(rows(ofPrisma).map(([name = '', type]) => [code(name), type])).toEqual([
      ...PRISMA_NUMBERS.map(({ name, type }) => [name, type]),
      ...PRISMA_HISTOGRAMS.map(({ name }) => [name, 'histogram']),
    ])
  })
})

test('every bound that is exported is one that is counted by', () => {
  const exported = [
    ...BUCKETS_S.map((bound) => bound * 1_000),
    ...PRISMA_HISTOGRAMS.flatMap((each) => each.bucketsMs),
  ]
  expect(exported.filter((bound) => !BOUNDS_MS.includes(bound))).toEqual([])
})
