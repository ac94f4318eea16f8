// Prisma's own code for each kind of error, for the one place where Prisma does not give it: an error of
// COMMIT reaches the user just as the adapter threw it.

import { type DriverAdapterError, isDriverAdapterError } from '@prisma/driver-adapter-utils'

type Kind = DriverAdapterError['cause']['kind']

/** The kinds that a COMMIT can fail with. https://www.prisma.io/docs/orm/reference/error-reference */
const CODES: Partial<Record<Kind, string>> = {
  DatabaseNotReachable: 'P1001',
  SocketTimeout: 'P1008',
  ConnectionClosed: 'P1017',
  TransactionAlreadyClosed: 'P1018',
  UniqueConstraintViolation: 'P2002',
  ForeignKeyConstraintViolation: 'P2003',
  RestrictViolation: 'P2003',
  NullConstraintViolation: 'P2011',
  TransactionWriteConflict: 'P2034',
  postgres: 'P2039',
}

/** Gives an error the `code` that users match on. Other errors stay as they are. */
export function withPrismaCode(error: Error): Error {
  const code = isDriverAdapterError(error) ? CODES[error.cause.kind] : undefined
  return code === undefined ? error : Object.assign(error, { code })
}
