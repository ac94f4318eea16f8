/** What the rounds of a cell say: medians, and the ratios that the comparison is made for. Pure. */
import { ALONE, BASELINE, NULL } from './contenders.js'
import type { Cell, Series } from './results.js'
import { type Estimate, estimate, ratios } from './statistics.js'

export interface Summary {
  readonly contender: string
  readonly callsPerSecond: number
  /** How many times as fast as the baseline; for the baseline, and without one, nothing. */
  readonly speed?: Estimate
  readonly cpuUs: number
  /** CPU time of the process, as a share of the baseline's. */
  readonly cpuShare?: Estimate
  /** CPU time of everything below Prisma, where the null adapter was measured, too. */
  readonly belowUs?: number
  /** That time, as a share of the baseline's. */
  readonly belowShare?: Estimate
  readonly p50Ms: number
  readonly p99Ms: number
  /** The longest wait, in median waits. */
  readonly unfairness: number
}

export function summarize({ series }: Cell): Summary[] {
  const baseline = series[BASELINE]
  const prisma = series[NULL]
  return Object.entries(series).map(([contender, own]) => {
    const isOther = baseline !== undefined && contender !== BASELINE
    const below = prisma === undefined || contender === NULL ? undefined : belowPrisma(own, prisma)
    const others = prisma === undefined || baseline === undefined ? undefined : belowPrisma(baseline, prisma)
    return {
      contender,
      callsPerSecond: mid(own.callsPerSecond),
      ...(isOther
        ? {
            speed: estimate(ratios(own.callsPerSecond, baseline.callsPerSecond)),
            cpuShare: estimate(ratios(own.cpuUs, baseline.cpuUs)),
          }
        : {}),
      cpuUs: mid(own.cpuUs),
      ...(below === undefined ? {} : { belowUs: mid(below) }),
      ...(below === undefined || others === undefined || !isOther
        ? {}
        : { belowShare: estimate(ratios(below, others)) }),
      p50Ms: mid(own.p50Ms),
      p99Ms: mid(own.p99Ms),
      unfairness: mid(ratios(own.worstMs, own.p50Ms)),
    }
  })
}

/** CPU time of our adapter without Prisma, as a share of the baseline's. */
export function aloneShare({ series }: Cell): Estimate | undefined {
  const [baseline, ours] = [series[ALONE.baseline], series[ALONE.ours]]
  if (baseline === undefined || ours === undefined) return undefined
  return estimate(ratios(ours.cpuUs, baseline.cpuUs))
}

/** Round by round. What Prisma costs is the same for all, so that what is left is the contender's. */
function belowPrisma(own: Series, prisma: Series): number[] {
  return own.cpuUs.map((cpuUs, round) => cpuUs - (prisma.cpuUs[round] ?? Number.NaN))
}

function mid(values: readonly number[]): number {
  return estimate(values).median
}
