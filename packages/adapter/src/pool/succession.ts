/**
 * Successors: holders of a connection on which the COMMIT of another is not answered yet. Each keeps the deadline of
 * its acquire call until that answer comes, so that no COMMIT makes a caller wait longer than `timeout`.
 */
import type { Deadline, Deadlines } from './deadlines.js'
import type { Entry } from './ledger.js'

/** The wait of one successor. */
export class Succession {
  readonly #entry: Entry<unknown>
  #deadline: Deadline | undefined
  #error: Error | undefined
  #onOverdue: ((error: Error) => void) | undefined

  /** @param tooLate - called when the deadline passes and the COMMIT is not answered. */
  constructor(entry: Entry<unknown>, deadlines: Deadlines, at: number, tooLate: () => Error) {
    this.#entry = entry
    entry.successions.add(this)
    this.#deadline = deadlines.add(at, () => {
      this.#deadline = undefined
      this.#error = tooLate()
      this.#onOverdue?.(this.#error)
    })
  }

  /** Set from the deadline to the answer. */
  get error(): Error | undefined {
    return this.#error
  }

  /** Settles with the answer, or rejects at the deadline. */
  inTime<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#onOverdue = reject
      if (this.#error !== undefined) reject(this.#error)
      answer.then(resolve, reject)
    })
  }

  /** The COMMIT is answered, or the lease is over. */
  end(): void {
    this.#entry.successions.delete(this)
    this.#deadline?.cancel()
    this.#deadline = this.#error = this.#onOverdue = undefined
  }
}
