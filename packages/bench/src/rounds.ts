/**
 * Measures several subjects in turn, round after round: whatever the machine does meanwhile happens to all of
 * them, and what one round compares was measured within the same moments.
 */
import { median, quantile } from 'simple-statistics'

export interface Rounds {
  /** Rounds that count. */
  readonly rounds: number
  /** Rounds before those, which do not. */
  readonly warmUp: number
}

/** What `measure` said of each subject, in the order of the rounds. */
export async function interleave<S, M>(
  subjects: readonly S[],
  { rounds, warmUp }: Rounds,
  measure: (subject: S) => Promise<M>,
): Promise<Map<S, M[]>> {
  const results = new Map<S, M[]>(subjects.map((subject) => [subject, []]))
  for (let round = 0; round < warmUp + rounds; round++) {
    for (let turn = 0; turn < subjects.length; turn++) {
      // Each round begins with another one, so that none always comes after the same.
      const subject = subjects[(round + turn) % subjects.length] as S
      const measured = await measure(subject)
      if (round >= warmUp) results.get(subject)?.push(measured)
    }
  }
  return results
}

/** The median, and the quartiles around it. */
export interface Spread {
  readonly median: number
  readonly p25: number
  readonly p75: number
}

export function spreadOf(values: readonly number[]): Spread {
  const sample = [...values]
  return { median: median(sample), p25: quantile(sample, 0.25), p75: quantile(sample, 0.75) }
}

/** The differences round by round, which a machine that is slow for a while does not blur. */
export function differences(values: readonly number[], baseline: readonly number[]): number[] {
  return values.map((value, round) => value - (baseline[round] ?? Number.NaN))
}
