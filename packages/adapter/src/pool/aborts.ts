/**
 * Calls back when signals abort, with one listener per signal however many wait on it: a signal looks through
 * all of its listeners whenever one comes or goes, so that a crowd's own would cost the square of its size.
 */
import { List, ListItem } from './list.js'

export interface AbortWatch {
  cancel(): void
}

class Item extends ListItem implements AbortWatch {
  readonly callback: () => void
  readonly #crowd: Crowd

  constructor(callback: () => void, crowd: Crowd) {
    super()
    this.callback = callback
    this.#crowd = crowd
  }

  cancel(): void {
    this.#crowd.remove(this)
  }
}

/** All that wait on one signal. */
class Crowd {
  readonly #items = new List<Item>()
  readonly #signal: AbortSignal
  readonly #onEnd: () => void

  constructor(signal: AbortSignal, onEnd: () => void) {
    this.#signal = signal
    this.#onEnd = onEnd
    signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  add(callback: () => void): Item {
    const item = new Item(callback, this)
    this.#items.push(item)
    return item
  }

  remove(item: Item): void {
    if (!this.#items.remove(item) || this.#items.length > 0) return
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#onEnd()
  }

  readonly #onAbort = (): void => {
    this.#onEnd()
    for (let item = this.#items.shift(); item !== undefined; item = this.#items.shift()) item.callback()
  }
}

export class Aborts {
  readonly #crowds = new Map<AbortSignal, Crowd>()

  /** The signal must not have aborted yet. */
  add(signal: AbortSignal, callback: () => void): AbortWatch {
    let crowd = this.#crowds.get(signal)
    if (crowd === undefined) {
      crowd = new Crowd(signal, () => this.#crowds.delete(signal))
      this.#crowds.set(signal, crowd)
    }
    return crowd.add(callback)
  }
}
