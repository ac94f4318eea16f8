/**
 * How often durations fell between which bounds. The bounds are fixed, so that to record one costs no memory, and
 * so that what several pools recorded can be added up.
 */

/** Upper bounds in milliseconds, each of them included; the first counts what took no time at all. */
export const BOUNDS_MS: readonly number[] = Object.freeze([
  0, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000,
])

/** The durations of one kind, since the pool began or since `popStats`. */
export interface DurationHistogram {
  /** Upper bounds in milliseconds, each of them included. */
  readonly boundsMs: readonly number[]
  /** How many fell under each bound and above the one before; one more at the end, of those above the last. */
  readonly counts: readonly number[]
  /** How many there were. */
  readonly count: number
  /** How long they took together, in milliseconds. */
  readonly sumMs: number
}

export class Histogram {
  readonly #counts = new Array<number>(BOUNDS_MS.length + 1).fill(0)
  #sumMs = 0

  record(durationMs: number): void {
    let bucket = 0
    while (durationMs > (BOUNDS_MS[bucket] ?? Infinity)) bucket++
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    this.#sumMs += durationMs
  }

  add(other: Histogram): void {
    for (const [bucket, count] of other.#counts.entries()) {
      this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count
    }
    this.#sumMs += other.#sumMs
  }

  snapshot(): DurationHistogram {
    const counts = Object.freeze([...this.#counts])
    const count = counts.reduce((sum, each) => sum + each, 0)
    return Object.freeze({ boundsMs: BOUNDS_MS, counts, count, sumMs: this.#sumMs })
  }
}
