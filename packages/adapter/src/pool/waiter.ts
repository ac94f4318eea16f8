/** A request that waits for a connection. It settles exactly once: granted, timed out, aborted or turned away. */
import type { Deadline } from './deadlines.js'
import { ListItem } from './list.js'
import type { Loan } from './types.js'

export class Waiter<L> extends ListItem {
  readonly enqueuedAt: number
  readonly loan: Loan | undefined
  readonly #resolve: (lease: L) => void
  readonly #reject: (reason: unknown) => void
  readonly #signal: AbortSignal | undefined
  readonly #onAbort: () => void
  #deadline: Deadline | undefined

  constructor(
    enqueuedAt: number,
    loan: Loan | undefined,
    resolve: (lease: L) => void,
    reject: (reason: unknown) => void,
    signal: AbortSignal | undefined,
    onAbort: (waiter: Waiter<L>, reason: unknown) => void,
  ) {
    super()
    this.enqueuedAt = enqueuedAt
    this.loan = loan
    this.#resolve = resolve
    this.#reject = reject
    this.#signal = signal
    this.#onAbort = () => onAbort(this, signal?.reason)
    signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  watch(deadline: Deadline): void {
    this.#deadline = deadline
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
    this.#signal?.removeEventListener('abort', this.#onAbort)
  }
}
