/**
 * Calls back when deadlines pass, with one timer however many there are: a hundred thousand waiters cost
 * no timer each. A binary heap ordered by time; an entry that was cancelled leaves when it reaches the top,
 * or when the cancelled ones outnumber the rest.
 */
import type { Clock, Timer, TimerOptions } from './clock.js'

export interface Deadline {
  cancel(): void
}

class Item implements Deadline {
  readonly at: number
  readonly callback: () => void
  readonly #onCancel: () => void
  isCancelled = false

  constructor(at: number, callback: () => void, onCancel: () => void) {
    this.at = at
    this.callback = callback
    this.#onCancel = onCancel
  }

  cancel(): void {
    if (this.isCancelled) return
    this.isCancelled = true
    this.#onCancel()
  }
}

const MIN_COMPACTION = 64

export class Deadlines {
  readonly #clock: Clock
  readonly #options: TimerOptions
  #heap: Item[] = []
  #cancelled = 0
  #timer: Timer | undefined
  #timerAt = Infinity

  constructor(clock: Clock, options: TimerOptions) {
    this.#clock = clock
    this.#options = options
  }

  /** How many deadlines are pending. */
  get pending(): number {
    return this.#heap.length - this.#cancelled
  }

  /** How many are held in memory, the cancelled ones that have not left yet included. */
  get remembered(): number {
    return this.#heap.length
  }

  /** `at` may be `Infinity`: it never passes, but its timer is set like any other. */
  add(at: number, callback: () => void): Deadline {
    const item = new Item(at, callback, this.#onCancel)
    this.#push(item)
    this.#arm()
    return item
  }

  // Bound once, so that a deadline costs no closure.
  readonly #onCancel = (): void => {
    this.#cancelled++
    if (this.pending === 0) {
      this.#heap = []
      this.#cancelled = 0
      this.#disarm()
    } else if (this.#heap.length > MIN_COMPACTION && this.#cancelled > this.#heap.length / 2) {
      const live = this.#heap.filter((item) => !item.isCancelled)
      this.#heap = []
      this.#cancelled = 0
      for (const item of live) this.#push(item)
    }
  }

  #arm(): void {
    const earliest = this.#heap[0]
    if (earliest === undefined) return
    if (this.#timer !== undefined && earliest.at >= this.#timerAt) return
    this.#timer?.cancel()
    this.#timerAt = earliest.at
    this.#timer = this.#clock.setTimer(earliest.at - this.#clock.now(), () => this.#fire(), this.#options)
  }

  #disarm(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#timerAt = Infinity
  }

  #fire(): void {
    this.#disarm()
    const now = this.#clock.now()
    let earliest = this.#heap[0]
    while (earliest !== undefined && (earliest.isCancelled || earliest.at <= now)) {
      this.#pop()
      if (earliest.isCancelled) {
        this.#cancelled--
      } else {
        earliest.isCancelled = true
        this.#call(earliest)
      }
      earliest = this.#heap[0]
    }
    this.#arm()
  }

  /** What one of them throws must not keep the others from passing. */
  #call(item: Item): void {
    try {
      item.callback()
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
  }

  #push(item: Item): void {
    const heap = this.#heap
    let index = heap.length
    heap.push(item)
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = heap[parentIndex] as Item
      if (parent.at <= item.at) break
      heap[index] = parent
      index = parentIndex
    }
    heap[index] = item
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let index = 0
    for (;;) {
      let childIndex = 2 * index + 1
      if (childIndex >= heap.length) break
      const right = heap[childIndex + 1]
      if (right !== undefined && right.at < (heap[childIndex] as Item).at) childIndex++
      const child = heap[childIndex] as Item
      if (child.at >= last.at) break
      heap[index] = child
      index = childIndex
    }
    heap[index] = last
  }
}
