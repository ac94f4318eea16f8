import { expect, test } from '@jest/globals'
import { BOUNDS_MS, Histogram } from '../../../packages/adapter/src/pool/histogram.js'

/** How many fell under which bound; those of none are left out. */
function filled(histogram: Histogram): [number, number][] {
  const { boundsMs, counts } = histogram.snapshot()
  return counts.flatMap((count, bucket): [number, number][] =>
    count === 0 ? [] : [[boundsMs[bucket] ?? Infinity, count]],
  )
}

function histogramOf(...durations: number[]): Histogram {
  const histogram = new Histogram()
  for (const duration of durations) histogram.record(duration)
  return histogram
}

test('a duration counts under the first bound that it does not exceed', () => {
  expect(filled(histogramOf(0, 0.05, 0.1, 0.11, 7, 10, 49_000, 50_001))).toEqual([
    [0, 1],
    [0.1, 2],
    [0.2, 1],
    [10, 2],
    [50_000, 1],
    [Infinity, 1],
  ])
})

test('every bound counts itself', () => {
  expect(filled(histogramOf(...BOUNDS_MS))).toEqual(BOUNDS_MS.map((bound) => [bound, 1]))
})

test('the sum and the number are those of what was recorded, whatever the bounds', () => {
  expect(histogramOf(1.5, 300, 90_000).snapshot()).toMatchObject({ count: 3, sumMs: 90_301.5 })
  expect(new Histogram().snapshot()).toMatchObject({ count: 0, sumMs: 0 })
})

test('two are added bound by bound', () => {
  const sum = histogramOf(1, 5)
  sum.add(histogramOf(4, 20_000))
  expect(filled(sum)).toEqual([
    [1, 1],
    [5, 2],
    [20_000, 1],
  ])
  expect(sum.snapshot().sumMs).toBe(20_010)
})

test('a snapshot does not change with what comes later', () => {
  const histogram = histogramOf(1)
  const snapshot = histogram.snapshot()
  histogram.record(1)
  expect(snapshot).toMatchObject({ count: 1, sumMs: 1 })
  expect(Object.isFrozen(snapshot.counts)).toBe(true)
})
