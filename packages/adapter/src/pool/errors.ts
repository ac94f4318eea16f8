/**
 * The errors of the pool. Users match on `code`; classes are branded, so that `instanceof` also holds
 * between two copies of this package (ESM beside CommonJS, or two versions in one tree).
 */

const BRAND = Symbol.for('prisma-pg-real-pool.error')

/** What every error of this package says of itself in `code`. */
export type PoolErrorCode =
  'POOL_TIMEOUT' | 'POOL_TOO_MANY_REQUESTS' | 'POOL_CLOSED' | 'POOL_CONNECT' | 'POOL_LEASE' | 'POOL_OPTIONS'

/** The state of a pool at the moment an error was made: the numbers that explain it. */
export interface PoolCounts {
  /** `idle + leased + reserved + opening + closing`; more than `maxSize` only after that was lowered. */
  readonly size: number
  readonly idle: number
  readonly leased: number
  /** Held by the pool itself, neither idle nor in use: `checking + resetting + committing`. */
  readonly reserved: number
  /** Being tested before the next lease. */
  readonly checking: number
  /** Being reset after a lease. */
  readonly resetting: number
  /** Waiting for the answer to a COMMIT, without a successor. */
  readonly committing: number
  /** Being opened, or waiting for the next attempt to open. */
  readonly opening: number
  /** Out of use, and not closed yet. */
  readonly closing: number
  readonly waiting: number
  readonly maxSize: number
}

export interface PoolErrorOptions {
  readonly cause?: unknown
  readonly counts?: PoolCounts | undefined
}

/**
 * Base of all errors of the pool.
 *
 * @example
 * ```ts
 * import { PoolError } from 'prisma-pg-real-pool'
 *
 * function isPoolExhausted(error: unknown): boolean {
 *   return error instanceof PoolError && error.code === 'POOL_TIMEOUT'
 * }
 * ```
 */
export class PoolError extends Error {
  /** The code that instances of this class carry; none for the base class, which stands for all. */
  static readonly code: PoolErrorCode | undefined = undefined

  /** Not derived from the class, which a minifier renames. */
  override readonly name: string = 'PoolError'
  readonly code: PoolErrorCode
  /** The pool's numbers when the error was made, where a pool was involved. */
  readonly counts: PoolCounts | undefined
  readonly [BRAND] = true

  constructor(code: PoolErrorCode, message: string, options: PoolErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.counts = options.counts
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return isPoolError(value) && (this.code === undefined || value.code === this.code)
  }
}

/** Whether a value is an error of this package, from whichever copy of it. */
export function isPoolError(value: unknown): value is PoolError {
  return typeof value === 'object' && value !== null && BRAND in value
}

/** No connection became free within the time allowed (`timeout`). */
export class PoolTimeoutError extends PoolError {
  static override readonly code = 'POOL_TIMEOUT'
  override readonly name = 'PoolTimeoutError'
  constructor(message: string, options?: PoolErrorOptions) {
    super(PoolTimeoutError.code, message, options)
  }
}

/** The queue is full: `maxWaiting` callers wait already. */
export class TooManyRequestsError extends PoolError {
  static override readonly code = 'POOL_TOO_MANY_REQUESTS'
  override readonly name = 'TooManyRequestsError'
  constructor(message: string, options?: PoolErrorOptions) {
    super(TooManyRequestsError.code, message, options)
  }
}

/** The pool is not open: not yet, or no longer. */
export class PoolClosedError extends PoolError {
  static override readonly code = 'POOL_CLOSED'
  override readonly name = 'PoolClosedError'
  constructor(message: string, options?: PoolErrorOptions) {
    super(PoolClosedError.code, message, options)
  }
}

/** No connection can be made, and trying again cannot help: a wrong password, a missing database. */
export class PoolConnectError extends PoolError {
  static override readonly code = 'POOL_CONNECT'
  override readonly name = 'PoolConnectError'
  constructor(message: string, options?: PoolErrorOptions) {
    super(PoolConnectError.code, message, options)
  }
}

/** A lease was misused: released twice, or used after its release. */
export class LeaseError extends PoolError {
  static override readonly code = 'POOL_LEASE'
  override readonly name = 'LeaseError'
  constructor(message: string, options?: PoolErrorOptions) {
    super(LeaseError.code, message, options)
  }
}

/** The options make no sense; the message lists every problem at once. */
export class OptionsError extends PoolError {
  static override readonly code = 'POOL_OPTIONS'
  override readonly name = 'OptionsError'
  constructor(message: string, options?: PoolErrorOptions) {
    super(OptionsError.code, message, options)
  }
}

/**
 * Makes an error that a timer calls for: its stack would name nothing but our timers, and take ten times as
 * long to make as the rest of the error. When many are late at once, that is when time is short.
 */
export function withoutStack<E extends Error>(make: () => E): E {
  return withStackFrames(0, make)
}

/** Makes something that holds the stack of its making, so many frames of it. */
export function withStackFrames<T>(frames: number, make: () => T): T {
  const { stackTraceLimit } = Error
  // Does nothing where intrinsics are frozen.
  Reflect.set(Error, 'stackTraceLimit', frames)
  try {
    return make()
  } finally {
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit)
  }
}
