/**
 * A first-in-first-out list whose items can also leave from the middle, each operation in constant time.
 * Items carry their own links, so that a move allocates nothing; an item is in one list at most.
 */

export class ListItem {
  /** @internal */ list: List<ListItem> | undefined
  /** @internal */ previous: ListItem | undefined
  /** @internal */ next: ListItem | undefined
}

export class List<T extends ListItem> implements Iterable<T> {
  #first: T | undefined
  #last: T | undefined
  #length = 0

  get length(): number {
    return this.#length
  }

  get first(): T | undefined {
    return this.#first
  }

  has(item: T): boolean {
    return item.list === (this as unknown)
  }

  push(item: T): void {
    if (item.list !== undefined) throw new Error('bug: the item is in a list already')
    item.list = this
    item.previous = this.#last
    if (this.#last === undefined) this.#first = item
    else this.#last.next = item
    this.#last = item
    this.#length++
  }

  shift(): T | undefined {
    const item = this.#first
    if (item !== undefined) this.remove(item)
    return item
  }

  /** Whether the item was in this list, and now is not. */
  remove(item: T): boolean {
    if (!this.has(item)) return false
    const previous = item.previous as T | undefined
    const next = item.next as T | undefined
    if (previous === undefined) this.#first = next
    else previous.next = next
    if (next === undefined) this.#last = previous
    else next.previous = previous
    item.list = item.previous = item.next = undefined
    this.#length--
    return true
  }

  *[Symbol.iterator](): Iterator<T> {
    let item = this.#first
    while (item !== undefined) {
      // Read before yielding: the loop's body may remove the item.
      const next = item.next as T | undefined
      yield item
      item = next
    }
  }
}
