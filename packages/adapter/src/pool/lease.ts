/** What a borrower holds: one connection, alone or with others who share it, to be given back exactly once. */
import { LeaseError } from './errors.js'
import type { Entry } from './ledger.js'
import type { Succession } from './succession.js'
import type { Loan } from './types.js'

/** Who lends: told what becomes of a connection when its borrower is done with it. */
export interface LeaseOwner<C> {
  takeBack(
    lease: Lease<C>,
    entry: Entry<C>,
    how: 'released' | 'destroyed',
    reason: Error | undefined,
  ): Promise<void>
  /** Whether whoever waits first is ready to follow. */
  hasFollower(): boolean
  /** Whether there is somebody to whom it is handed over. */
  handOver(lease: Lease<C>, entry: Entry<C>, answered: Promise<unknown>): boolean
}

export class Lease<C> {
  readonly #entry: Entry<C>
  readonly #owner: LeaseOwner<C>
  /** @internal */
  readonly lentAt: number
  /** @internal Where loans are followed. */
  readonly loan: Loan | undefined
  /** @internal Set while the COMMIT of a holder before is not answered. */
  succession: Succession | undefined
  #isReturned = false

  /** @internal Leases come from `Pool.acquire`. */
  constructor(entry: Entry<C>, owner: LeaseOwner<C>, lentAt: number, loan: Loan | undefined) {
    this.#entry = entry
    this.#owner = owner
    this.lentAt = lentAt
    this.loan = loan
  }

  /** The connection; throws once the lease is over, because the connection may be somebody else's by now. */
  get connection(): C {
    if (this.#isReturned)
      throw new LeaseError('the lease is over: its connection may be in use by another borrower')
    return this.#entry.connection
  }

  /**
   * Gives the connection back. It goes to the next borrower before this returns, unless something must be
   * cleaned up first; the promise resolves when the connection is free again, or closed, or left to those who
   * share it. It never rejects.
   */
  release(): Promise<void> {
    return this.#return('released')
  }

  /**
   * Gives the connection back as useless, for a reason that is reported: it is closed, and replaced by a new one;
   * not before those who share it have given it back.
   */
  destroy(reason?: Error): Promise<void> {
    return this.#return('destroyed', reason)
  }

  /**
   * The pool's timeout error, if `timeout` has passed since the acquire call and the COMMIT of a holder before is still
   * not answered. Nothing more may be sent then; what was sent is dropped, and its transaction rolled back, when the
   * lease is released.
   */
  get overdue(): Error | undefined {
    return this.succession?.error
  }

  /** Settles with the answer to what was sent, or rejects when the lease becomes `overdue` before. */
  inTime<T>(answer: Promise<T>): Promise<T> {
    return this.succession?.inTime(answer) ?? answer
  }

  /** Whether, as far as who waits is concerned, `handOver` would find somebody: else COMMIT need not be sent for it. */
  get hasFollower(): boolean {
    return this.#owner.hasFollower()
  }

  /**
   * Hands a connection that is lent to this borrower alone over to whoever waits for one first, although what was sent on it last is not answered yet,
   * if that one is ready to follow. Returns whether it did: then the lease is over. Until `answered` settles, the
   * connection goes nowhere else, and nothing is done to it.
   */
  handOver(answered: Promise<unknown>): boolean {
    this.#expectNotReturned()
    this.#isReturned = this.#owner.handOver(this, this.#entry, answered)
    return this.#isReturned
  }

  #return(how: 'released' | 'destroyed', reason?: Error): Promise<void> {
    this.#expectNotReturned()
    this.#isReturned = true
    return this.#owner.takeBack(this, this.#entry, how, reason)
  }

  #expectNotReturned(): void {
    if (this.#isReturned)
      throw new LeaseError('the lease is over already: release or destroy it exactly once')
  }
}
