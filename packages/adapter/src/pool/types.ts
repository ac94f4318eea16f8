/**
 * What the pool needs from outside: a connector that makes and judges connections of type `C`.
 * The pool itself knows nothing about what a connection is.
 */

/**
 * The state in which a connection comes back:
 * - `clean`: fit for the next borrower as it is;
 * - `unclean`: left in a transaction, or still busy; `restore` may mend it;
 * - `broken`: of no use any more.
 */
export type Condition = 'clean' | 'unclean' | 'broken'

/** Whether the server of a connection accepts writes, refuses them, or has reported neither. */
export type Access = 'writable' | 'readOnly' | 'unknown'

/** Why a connection left the pool. */
export type CloseReason =
  | 'broken'
  | 'destroyed'
  | 'drained'
  | 'expired'
  | 'idle'
  | 'readOnly'
  | 'surplus'
  | 'unfit'
  | 'unrestored'
  | 'poolClosed'

export interface Connector<C> {
  /**
   * Opens a connection that is ready for use. Rejects within a time of its own. When `signal` aborts, the
   * attempt is given up and rejects.
   */
  open(signal: AbortSignal): Promise<C>
  /** How many connections the server can serve at a time, by what this one has found out; `undefined`: any number. */
  limitOf?(connection: C): number | undefined
  /** Closes a connection in good order, and by force when that takes too long. Never rejects. */
  close(connection: C, reason: CloseReason): Promise<void>
  /** Closes a connection at once, whatever it is doing. Never throws. */
  destroy(connection: C): void
  /** Judges a connection, from what is known of it without asking the server. */
  condition(connection: C): Condition
  /** Judges a connection that a borrower gave back: `unclean` when anything must be done before the next. */
  conditionOnReturn(connection: C): Condition
  /** Asks the server whether the connection lives. Rejects when it does not, within a time of its own. */
  check(connection: C): Promise<void>
  /** Brings an unclean connection back to `clean`; rejects when that is not possible. */
  restore(connection: C): Promise<void>
  /** Whether the server refused the last holder a write because it is read-only; known after `restore`. */
  wasRefusedWrite(connection: C): boolean
  /** Whether the server of the connection accepts writes, as far as it has reported that. */
  access(connection: C): Access
  /** Calls back once, when the connection is lost other than by `close` or `destroy`. */
  onLost(connection: C, listener: (error: Error) => void): void
  /** Called each time a connection is lent: from now on it keeps the process alive. */
  hold(connection: C, isShared?: boolean): void
  /** Whether one more borrower may send on a connection, from what is known of it while others use it. */
  mayBeJoined(connection: C): boolean
  /** Called when a connection falls idle: from now on it does not keep the process alive. */
  rest(connection: C): void
  /** What whoever has the connection does with it, in words. */
  describe(connection: C): string
  /** What a failure to open means, in words that name the server but no secret. */
  explain(error: unknown): ConnectFailure
}

export interface ConnectFailure {
  /** What happened, where, and what to do about it. */
  readonly message: string
  /** Whether trying again cannot mend it: a wrong password, a missing database. */
  readonly isPermanent: boolean
}

/** The sizes and times of a pool, resolved; durations in milliseconds. */
export interface PoolSettings {
  readonly name: string
  readonly minSize: number
  readonly maxSize: number
  readonly timeout: number
  readonly maxWaiting: number
  readonly maxLifetime: number
  readonly maxIdle: number
  readonly reconnectTimeout: number
  readonly numWorkers: number
  /** How many idle connections are kept; one that comes back beyond them is closed, unless somebody waits. */
  readonly maxIdleCount: number
  /**
   * How connections are made for those who wait: `gradual`, one at a time, in the background, again and again
   * until it succeeds; `immediate`, one for each, all at the same time, and a failure is told to who waits.
   */
  readonly growth: 'gradual' | 'immediate'
  /**
   * Whether a connection leaves after each loan, though somebody waits: where others than this pool wait for it
   * too, they come in turn.
   */
  readonly lendsOnce: boolean
  /** By how much `maxLifetime` is shortened at most, as a fraction of it, so that not all expire at once. */
  readonly maxLifetimeJitter: number
  /** When a lifetime that is over ends: whenever a connection is not lent, or only when it would be lent. */
  readonly enforceLifetimeOn: 'always' | 'acquire'
  /** How many borrowers may share a connection, of those who ask for no more than that; 1: it is never shared. */
  readonly pipelining: number
  /** Whether all connections that exist are replaced when one of them fails its check. */
  readonly invalidateOnLost: boolean
  /**
   * How long a connection may have been idle and still be lent unchecked; `undefined`: however long. One that
   * goes from a borrower straight to the next is not checked: it was in use a moment ago.
   */
  readonly checkIdleAfter: number | undefined
}

/** One loan, followed from outside: from the request for it to the return of the connection. */
export interface Loan {
  /** Where it was asked for. */
  readonly stack?: string | undefined
  /** The lease is not to be kept: whether it has been forgotten is told by its being collected. */
  onLent(lease: { readonly connection: unknown }): void
  onReturned(): void
}

export interface AcquireOptions {
  /** How long to wait for a connection, in milliseconds, instead of the pool's `timeout`. */
  readonly timeout?: number | undefined
  /** Gives the wait up when it aborts; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /**
   * Called before `acquire` returns if the request has to wait, with a function that gives the wait up, for this
   * reason; once it is over that does nothing. For one wait of one's own it costs less than a signal.
   */
  readonly onQueued?: ((giveUp: (reason: unknown) => void) => void) | undefined
  /** Whether a connection will do that others use at the same time. */
  readonly shared?: boolean | undefined
  /**
   * Whether a connection will do on which the COMMIT of another is not answered. Until it is, the deadline of this
   * request stays in force: see `Lease.overdue`.
   */
  readonly follows?: boolean | undefined
}

export interface CloseOptions {
  /** How long to wait for borrowers to return their connections, in milliseconds. */
  readonly timeout?: number | undefined
  /** Whether connections that are still lent at the deadline are destroyed. */
  readonly force?: boolean | undefined
}
