/**
 * What can go wrong in the ledger: what it refuses itself, and what Prisma reports. Knows nothing of HTTP;
 * http-errors.ts gives each its status.
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

/** The code of an error of Prisma, of the adapter or of Node, if it has one. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
