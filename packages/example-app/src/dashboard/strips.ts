/**
 * What each connection did at the last looks, as text: a letter for each look, blank where it did not exist.
 */
import type { LaneState, StateLetter } from '../page/messages.js'
import type { Backend } from './server-view.js'

const LETTERS: Readonly<Record<LaneState, StateLetter>> = {
  idle: 'i',
  active: 'a',
  transaction: 't',
  lock: 'l',
}

export class Strips {
  readonly #length: number
  readonly #strips = new Map<number, string>()

  /** Remembers so many looks. */
  constructor(length: number) {
    this.#length = length
  }

  add(backends: readonly Backend[]): void {
    const states = new Map(backends.map(({ pid, state }) => [pid, LETTERS[state]]))
    for (const pid of [...this.#strips.keys()]) if (!states.has(pid)) this.#strips.delete(pid)
    for (const [pid, letter] of states) {
      this.#strips.set(pid, ((this.#strips.get(pid) ?? '') + letter).slice(-this.#length))
    }
  }

  /** The last `looks` of them, or all; shorter where the connection is younger. */
  of(pid: number, looks = this.#length): string {
    return (this.#strips.get(pid) ?? '').slice(-looks)
  }

  clear(): void {
    this.#strips.clear()
  }
}
