/**
 * Which HTTP status each failure becomes. A caller learns what to do; the inside stays inside.
 */
import type { FastifyError } from 'fastify'
import { codeOf, LedgerRefusal, type RefusalReason } from './errors.js'

export interface HttpProblem {
  readonly status: number
  readonly body: { readonly error: string; readonly message: string }
}

const REFUSAL_STATUS: Readonly<Record<RefusalReason, number>> = {
  account_not_found: 404,
  account_not_active: 409,
  insufficient_funds: 409,
  same_account: 422,
  currency_mismatch: 422,
  idempotency_key_reused: 422,
}

/**
 * Prisma's codes for what passes: the database cannot be reached (P1001) or hung up (P1017), no connection
 * or transaction in time (P2037, P2028), rivals at every attempt (P2034). After P1017 nobody knows whether
 * the transfer was made; sending the same key again finds out, and never makes a second one.
 */
const TRY_AGAIN = new Set(['P1001', 'P1017', 'P2028', 'P2034', 'P2037'])

export function toHttpProblem(error: unknown): HttpProblem {
  if (error instanceof LedgerRefusal) {
    return { status: REFUSAL_STATUS[error.reason], body: { error: error.reason, message: error.message } }
  }
  if (isRejectedByFastify(error)) {
    return { status: error.statusCode, body: { error: 'bad_request', message: error.message } }
  }
  if (TRY_AGAIN.has(codeOf(error) ?? '')) {
    const message = 'The ledger cannot take this now. Send it again in a moment, with the same key.'
    return { status: 503, body: { error: 'unavailable', message } }
  }
  return { status: 500, body: { error: 'internal', message: 'Something went wrong on our side.' } }
}

/** A malformed body, a schema violation and the like: Fastify has chosen the 4xx status already. */
function isRejectedByFastify(error: unknown): error is FastifyError & { statusCode: number } {
  return (
    error instanceof Error &&
    'statusCode' in error &&
    typeof error.statusCode === 'number' &&
    error.statusCode >= 400 &&
    error.statusCode < 500
  )
}
