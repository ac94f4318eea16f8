/**
 * Those who wait, in one order for both kinds: who wants a connection alone, and who would share one. A connection
 * that falls free goes to whoever is first; who would share need not wait for that, so each kind has its list.
 */
import { List, ListItem } from './list.js'

export class QueueItem extends ListItem {
  /** Whether a connection that others use already would do. */
  readonly isShared: boolean = false
  /** Whether a connection will do on which another waits for the last answer. */
  readonly follows: boolean = false
  /** @internal Its place in the common order. */
  ticket = 0
}

export class Queue<W extends QueueItem> {
  readonly #exclusive = new List<W>()
  readonly #shared = new List<W>()
  #tickets = 0

  get length(): number {
    return this.#exclusive.length + this.#shared.length
  }

  get exclusive(): number {
    return this.#exclusive.length
  }

  get firstShared(): W | undefined {
    return this.#shared.first
  }

  push(item: W): void {
    item.ticket = ++this.#tickets
    this.#listOf(item).push(item)
  }

  /** The first of all. */
  get first(): W | undefined {
    const exclusive = this.#exclusive.first
    const shared = this.#shared.first
    if (exclusive === undefined || shared === undefined) return exclusive ?? shared
    return shared.ticket < exclusive.ticket ? shared : exclusive
  }

  /** Takes the first of all. */
  shift(): W | undefined {
    const { first } = this
    if (first !== undefined) this.remove(first)
    return first
  }

  /** Whether the item was in the queue, and now is not. */
  remove(item: W): boolean {
    return this.#listOf(item).remove(item)
  }

  /** How many of those who want a connection alone came before this one; counted up to `most`. */
  exclusiveAhead({ ticket }: W, most: number): number {
    let ahead = 0
    for (const other of this.#exclusive) {
      if (ahead === most || other.ticket > ticket) break
      ahead++
    }
    return ahead
  }

  /** In the common order. */
  [Symbol.iterator](): Iterator<W> {
    const items = [...this.#exclusive, ...this.#shared]
    return items.sort((one, other) => one.ticket - other.ticket)[Symbol.iterator]()
  }

  #listOf({ isShared }: W): List<W> {
    return isShared ? this.#shared : this.#exclusive
  }
}
