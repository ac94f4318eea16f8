// One step of a run of the model: it does one thing to the pool; then something, or all that can, is let happen, and
// the invariants are checked.
import type fc from 'fast-check'
import type { Model } from './model.js'
import type { Pause, World } from './world.js'

export type PoolCommand = fc.AsyncCommand<Model, World>

export abstract class Command implements PoolCommand {
  readonly #what: readonly unknown[]
  readonly #pause: Pause

  /** `what` tells of the command in a counterexample. */
  constructor(pause: Pause, ...what: readonly unknown[]) {
    this.#pause = pause
    this.#what = what
  }

  check(_model: Readonly<Model>): boolean {
    return true
  }

  async run(_model: Model, world: World): Promise<void> {
    await this.act(world)
    await world.pause(this.#pause)
  }

  toString(): string {
    const then = this.#pause === 'rest' ? '' : `, then ${this.#pause} microtasks`
    return `${this.constructor.name}(${this.#what.map(String).join(', ')})${then}`
  }

  protected abstract act(world: World): void | Promise<void>
}

/** One of those that there are, whichever it is. */
export function pick<T>(from: readonly T[], which: number): T | undefined {
  return from[which % from.length]
}
