// Prisma's own code for each kind of error, for the two places where Prisma does not give the right one: an error
// of COMMIT reaches the user just as the adapter threw it, or, of a batch, as a copy of what it has; and for a
// transaction that is over there is no kind.

import { DriverAdapterError, isDriverAdapterError } from '@prisma/driver-adapter-utils'
import { redact } from '../redact.js'

type Kind = DriverAdapterError['cause']['kind']

/**
 * What PrismaClient makes of each kind that can come from here; a test asks it.
 * https://www.prisma.io/docs/orm/reference/error-reference
 */
export const PRISMA_CODES: Partial<Record<Kind, string>> = {
  AuthenticationFailed: 'P1000',
  DatabaseNotReachable: 'P1001',
  DatabaseDoesNotExist: 'P1003',
  SocketTimeout: 'P1008',
  DatabaseAlreadyExists: 'P1009',
  DatabaseAccessDenied: 'P1010',
  TlsConnectionError: 'P1011',
  ConnectionClosed: 'P1017',
  LengthMismatch: 'P2000',
  UniqueConstraintViolation: 'P2002',
  ForeignKeyConstraintViolation: 'P2003',
  RestrictViolation: 'P2003',
  InvalidInputValue: 'P2007',
  NullConstraintViolation: 'P2011',
  ValueOutOfRange: 'P2020',
  TableDoesNotExist: 'P2021',
  ColumnNotFound: 'P2022',
  InconsistentColumnData: 'P2023',
  InvalidIsolationLevel: 'P2023',
  TransactionWriteConflict: 'P2034',
  TooManyConnections: 'P2037',
  postgres: 'P2039',
}

/**
 * Gives an error the `code` that users match on, and a message that says more than its kind. That of a batch reaches
 * them in an error that Prisma makes of its message, code and `meta`, so that the error itself is there, too, as in
 * all that Prisma makes.
 */
export function withPrismaCode(error: Error): Error {
  if (!isDriverAdapterError(error)) return error
  const { kind, originalMessage } = error.cause
  if (error.message === kind && originalMessage !== undefined) error.message = originalMessage
  const code = PRISMA_CODES[kind]
  if (code === undefined) return error
  // Not enumerable: it refers to itself, and whoever logs it as JSON would fail.
  return Object.defineProperty(Object.assign(error, { code }), 'meta', {
    value: { driverAdapterError: error },
  })
}

/**
 * For a call on a transaction that is over. Prisma's code for those that it notices itself is P2028; what an adapter
 * may say, `TransactionAlreadyClosed`, would be P1018, and P2010 in a raw query. But an error that is not *named*
 * DriverAdapterError, Prisma passes on as it is, with its `code` and its `meta`.
 */
export class TransactionClosedError extends DriverAdapterError {
  override readonly name = 'TransactionClosedError'
  readonly code = 'P2028'
  readonly meta: { readonly driverAdapterError: DriverAdapterError }

  constructor(message: string, originalCode = 'N/A') {
    const cause = redact(message)
    const payload = {
      kind: 'TransactionAlreadyClosed',
      cause,
      originalCode,
      originalMessage: cause,
    } as const
    super(payload)
    this.message = `Transaction API error: ${cause}`
    // As in every other error of Prisma's that comes from an adapter.
    this.meta = { driverAdapterError: new DriverAdapterError(payload) }
  }
}
