/** Publishes when a transaction has its connection, and how it ended. */
import type { Clock } from '../pool/clock.js'
import { channels, type PoolEvents, publish } from './events.js'

let transactions = 0

/** What publishes one transaction, or nothing where nobody listens: who comes later is not told of its end. */
export function publisherOfTransaction(pool: string, clock: Clock): TransactionPublisher | undefined {
  const isHeard = channels['transaction:begin'].hasSubscribers || channels['transaction:end'].hasSubscribers
  return isHeard ? new TransactionPublisher(pool, clock) : undefined
}

export class TransactionPublisher {
  readonly #pool: string
  readonly #clock: Clock
  readonly #transaction = ++transactions
  #pid: number | undefined
  #begunAt = 0

  constructor(pool: string, clock: Clock) {
    this.#pool = pool
    this.#clock = clock
  }

  /** Once more when it begins anew, on another connection. */
  begun({ processId: pid }: { readonly processId: number }): void {
    const isFirst = this.#pid === undefined
    this.#pid = pid
    if (isFirst) this.#begunAt = this.#clock.now()
    if (!channels['transaction:begin'].hasSubscribers) return
    publish('transaction:begin', { pool: this.#pool, pid, transaction: this.#transaction })
  }

  /** Does nothing where it had no connection. */
  ended(outcome: PoolEvents['transaction:end']['outcome']): void {
    if (this.#pid === undefined || !channels['transaction:end'].hasSubscribers) return
    publish('transaction:end', {
      pool: this.#pool,
      pid: this.#pid,
      transaction: this.#transaction,
      outcome,
      heldMs: this.#clock.now() - this.#begunAt,
    })
  }
}
