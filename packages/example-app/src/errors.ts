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

/** The codes that Prisma gives to what an adapter reports; only those that the ledger acts on. */
const CODE_OF_KIND = new Map<unknown, string>([
  ['ConnectionClosed', 'P1017'],
  ['DatabaseNotReachable', 'P1001'],
  ['TooManyConnections', 'P2037'],
  ['TransactionWriteConflict', 'P2034'],
  ['UniqueConstraintViolation', 'P2002'],
])

/** The code of an error of Prisma or of Node, if it has one. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  if ('code' in error && typeof error.code === 'string') return error.code
  // Prisma 7 hands on what goes wrong in COMMIT as the adapter has thrown it, without a code of its own.
  const { name, cause } = error
  const kind = name === 'DriverAdapterError' && cause instanceof Object && 'kind' in cause && cause.kind
  return CODE_OF_KIND.get(kind)
}
