/**
 * Questions that a caller has about an error of PrismaClient, whatever its shape: Prisma's own with a P-code, of a
 * raw query (P2010), or the adapter's, which Prisma passes on as it is when COMMIT fails.
 */
import { isDriverAdapterError } from '@prisma/driver-adapter-utils'
import { isPoolError } from '../pool/errors.js'
import { wasStale } from '../pg/statement-errors.js'
import { type Outcome, outcomeOf } from './outcome.js'

/** What the error says of itself, and what the adapter said of it first. */
interface Facts {
  /** Prisma's code. */
  readonly code?: string | undefined
  /** A SQLSTATE, or the code of a socket or of the pool. */
  readonly originalCode?: string | undefined
  readonly kind?: string | undefined
  readonly outcome?: Outcome | undefined
  /** The code of the failure behind a rollback. */
  readonly reason?: string | undefined
  /** Whether the session could not use what it had prepared: the next time it is prepared anew. */
  readonly isStale?: boolean
}

function factsOf(error: unknown): Facts {
  if (typeof error !== 'object' || error === null) return {}
  const { code, meta } = error as { code?: unknown; meta?: { driverAdapterError?: unknown } | null }
  const ofAdapter: unknown = isDriverAdapterError(error) ? error : meta?.driverAdapterError
  const { cause, originalError } = (ofAdapter ?? {}) as {
    cause?: { kind?: string; originalCode?: string }
    originalError?: { code?: string }
  }
  return {
    code: typeof code === 'string' ? code : undefined,
    originalCode: isPoolError(error) ? error.code : cause?.originalCode,
    kind: cause?.kind,
    outcome: typeof ofAdapter === 'object' && ofAdapter !== null ? outcomeOf(ofAdapter) : undefined,
    reason: originalError?.code,
    isStale: wasStale(originalError),
  }
}

/** Serialization failure and deadlock (PostgreSQL manual, appendix A). */
const CONFLICTS: ReadonlySet<string | undefined> = new Set(['40001', '40P01'])
const LOST: ReadonlySet<string | undefined> = new Set(['ConnectionClosed', 'DatabaseNotReachable'])

/**
 * Whether to run the transaction again that failed with this error: it was in conflict with another, in a
 * deadlock, lost its connection, or met a table that was altered since its statement was prepared, and saved
 * nothing. Not after an unknown outcome, nor when no connection became free in time, which more attempts make
 * worse.
 *
 * @example
 * ```ts
 * import { isRetryable } from 'prisma-pg-real-pool'
 *
 * async function twice<T>(transfer: () => Promise<T>): Promise<T> {
 *   return transfer().catch((error: unknown) => {
 *     if (isRetryable(error)) return transfer()
 *     throw error
 *   })
 * }
 * ```
 */
export function isRetryable(error: unknown): boolean {
  const { code, kind, originalCode, outcome, reason, isStale } = factsOf(error)
  if (outcome === 'unknown' || originalCode === 'POOL_CLOSED') return false
  if (isStale) return true
  if (outcome === 'rolled back') return CONFLICTS.has(reason)
  return code === 'P2034' || CONFLICTS.has(originalCode) || LOST.has(kind)
}

/**
 * Whether it is not known if the writes of the call that failed with this error were saved, or, behind a lost
 * synchronous standby, if they stay.
 */
export function isOutcomeUnknown(error: unknown): boolean {
  return factsOf(error).outcome === 'unknown'
}

/** Whether a transaction that seemed to succeed was rolled back, because a statement in it had failed. */
export function isSilentRollback(error: unknown): boolean {
  return factsOf(error).outcome === 'rolled back'
}

/** Whether no connection became free in time, or too many waited already. */
export function isPoolTimeout(error: unknown): boolean {
  const { originalCode } = factsOf(error)
  return originalCode === 'POOL_TIMEOUT' || originalCode === 'POOL_TOO_MANY_REQUESTS'
}

/** Whether a value that must be unique was there already. */
export function isUniqueViolation(error: unknown): boolean {
  const { code, originalCode } = factsOf(error)
  return code === 'P2002' || originalCode === '23505'
}
