/**
 * What the ledger refuses, and why. Knows nothing of HTTP: http-errors.ts gives each reason its status.
 */

export type RefusalReason =
  | 'account_not_found'
  | 'account_not_active'
  | 'insufficient_funds'
  | 'same_account'
  | 'currency_mismatch'
  | 'idempotency_key_reused'

/** A request that is well-formed, but that the ledger does not carry out; nothing was written. */
export class LedgerRefusal extends Error {
  override readonly name = 'LedgerRefusal'

  constructor(
    readonly reason: RefusalReason,
    message: string,
  ) {
    super(message)
  }
}

/** Whether an error carries this `code`, as those of Prisma, Node, and PostgreSQL do. */
export function hasCode(error: unknown, code: string): error is Error & { code: string } {
  return error instanceof Error && 'code' in error && error.code === code
}
