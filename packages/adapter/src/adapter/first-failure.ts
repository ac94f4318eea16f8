/**
 * The first failure in a transaction: why its COMMIT saves nothing, until the transaction goes back to a savepoint
 * before it. State and nothing but state.
 */
import type { Failure } from './transaction-errors.js'

export class FirstFailure {
  #failure: Failure | undefined
  /**
   * Savepoints that began after it; undefined: one whose name is not known. There are some if the server has not noticed
   * a failure: the wait for a statement was given up, or a row could not be read.
   */
  readonly #savepoints = new Set<string | undefined>()

  get failure(): Failure | undefined {
    return this.#failure
  }

  note(failure: Failure): void {
    this.#failure ??= failure
  }

  savepointBegan(name: string | undefined): void {
    if (this.#failure !== undefined) this.#savepoints.add(name)
  }

  /** The server has undone what came after the savepoint: the failure, too, unless the savepoint may be behind it. */
  wentBackTo(name: string | undefined): void {
    const savepoints = this.#savepoints
    const isUnknown = savepoints.has(undefined) || (name === undefined && savepoints.size > 0)
    if (!isUnknown && !savepoints.has(name)) this.clear()
  }

  clear(): void {
    this.#failure = undefined
    this.#savepoints.clear()
  }
}
