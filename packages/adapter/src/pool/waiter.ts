/** A request that waits for a connection. It settles exactly once: granted, timed out, aborted or turned away. */
import type { AbortWatch } from './aborts.js'
import type { Deadline } from './deadlines.js'
import { QueueItem } from './queue.js'
import type { Loan } from './types.js'

export class Waiter<L> extends QueueItem {
  override readonly isShared: boolean
  override readonly follows: boolean
  /** Tells it from the others of its pool. */
  readonly request: number
  readonly enqueuedAt: number
  readonly timeoutMs: number
  readonly loan: Loan | undefined
  readonly #resolve: (lease: L) => void
  readonly #reject: (reason: unknown) => void
  #deadline: Deadline | undefined
  #abort: AbortWatch | undefined

  constructor(
    request: number,
    enqueuedAt: number,
    timeoutMs: number,
    { isShared, follows }: Pick<QueueItem, 'isShared' | 'follows'>,
    loan: Loan | undefined,
    resolve: (lease: L) => void,
    reject: (reason: unknown) => void,
  ) {
    super()
    this.request = request
    this.enqueuedAt = enqueuedAt
    this.timeoutMs = timeoutMs
    this.isShared = isShared
    this.follows = follows
    this.loan = loan
    this.#resolve = resolve
    this.#reject = reject
  }

  /** What makes it give up; cancelled when it settles. */
  watch(deadline: Deadline, abort: AbortWatch | undefined): void {
    this.#deadline = deadline
    this.#abort = abort
  }

  grant(lease: L): void {
    this.#settle()
    this.#resolve(lease)
  }

  reject(reason: unknown): void {
    this.#settle()
    this.#reject(reason)
  }

  #settle(): void {
    this.#deadline?.cancel()
    this.#abort?.cancel()
  }
}
