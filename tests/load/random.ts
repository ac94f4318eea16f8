// Random numbers that a seed repeats. Each worker draws from a stream of its own, so that what one draws does
// not depend on how fast the others are.

/** Something to draw, by its name, as often as its weight says. */
export type Choice<T> = readonly [weight: number, name: string, choice: T]

export class Random {
  #state: number

  constructor(seed: number, stream = 0) {
    this.#state = (seed ^ Math.imul(stream + 1, 0x9e3779b9)) >>> 0
  }

  /** From 0 up to, and not including, 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1))
  }

  /** One of them, each as often as its weight says. */
  pick<T>(choices: readonly Choice<T>[]): [name: string, choice: T] {
    let left = this.next() * choices.reduce((sum, [weight]) => sum + weight, 0)
    for (const [weight, name, choice] of choices) {
      left -= weight
      if (left < 0) return [name, choice]
    }
    const [, name, choice] = choices[choices.length - 1]!
    return [name, choice]
  }

  /** One of them, all equally often. */
  of<T>(...choices: readonly T[]): T {
    return choices[this.between(0, choices.length - 1)] as T
  }

  /** Whether something happens that happens in so many of a hundred cases. */
  percent(cases: number): boolean {
    return this.next() * 100 < cases
  }

  /** In another order. */
  shuffle<T>(items: readonly T[]): T[] {
    const shuffled = [...items]
    for (let last = shuffled.length - 1; last > 0; last--) {
      const other = this.between(0, last)
      ;[shuffled[last], shuffled[other]] = [shuffled[other] as T, shuffled[last] as T]
    }
    return shuffled
  }
}
