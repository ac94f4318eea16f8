/** What the rounds of two contenders say of each other. */
import { binomialDistribution, median } from 'simple-statistics'

/** A median, and between what it lies with a confidence of 95 %. */
export interface Estimate {
  readonly median: number
  readonly low: number
  readonly high: number
}

/**
 * The interval comes from the order of the values alone: whatever their distribution, the true median lies below
 * the k smallest of n as often as a coin that is tossed n times shows heads fewer than k times.
 */
export function estimate(values: readonly number[]): Estimate {
  const sorted = values.toSorted((a, b) => a - b)
  const rank = outerRank(sorted.length)
  return {
    median: median(sorted),
    low: sorted[rank] ?? Number.NaN,
    high: sorted[sorted.length - 1 - rank] ?? Number.NaN,
  }
}

/** How many values at each end lie outside the interval; 0 where there are too few for 95 %. */
function outerRank(count: number): number {
  const chances = binomialDistribution(count, 0.5) ?? []
  let [tail, rank] = [0, 0]
  for (const chance of chances) {
    tail += chance
    if (tail > 0.025) break
    rank++
  }
  return Math.max(0, rank - 1)
}

/** Round by round: what a machine that is slow for a while does to both, it does to the ratio of neither. */
export function ratios(values: readonly number[], baseline: readonly number[]): number[] {
  return values.map((value, round) => value / (baseline[round] ?? Number.NaN))
}
