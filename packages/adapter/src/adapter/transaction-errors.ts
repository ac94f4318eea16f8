/** What is said of transactions that did not end as somebody believed, and of what comes behind their end. */
import { DriverAdapterError } from '@prisma/driver-adapter-utils'
import { TransactionClosedError } from '../convert/prisma-codes.js'
import { withOutcome } from './outcome.js'

export interface Failure {
  readonly text: string
  readonly error: Error
}

/** What the server says of a statement in a failed transaction names nothing but that it has failed. */
export function withReason(error: Error, failure: Failure): Error {
  if ((error as { code?: unknown }).code !== '25P02') return error
  error.message += `: this statement had failed: ${failure.text} (${failure.error.message})`
  return error
}

export function nothingSaved(failure: Failure | undefined): DriverAdapterError {
  const cause =
    failure === undefined
      ? 'a statement in it had failed'
      : `this statement had failed: ${failure.text} (${failure.error.message})`
  const message = `the transaction was rolled back, not committed, and nothing of it was saved: ${cause}`
  return withOutcome(stateError('25P02', message, failure?.error), 'rolled back')
}

/** The connection was lost, or the wait for the answer given up, when the server may have done what it was told. */
export function outcomeUnknown(what: string, error: unknown): DriverAdapterError {
  const reason = error instanceof Error ? error.message : 'no answer'
  const message = `it is not known whether ${what}: there was no answer (${reason})`
  const unknown = new DriverAdapterError({
    kind: 'ConnectionClosed',
    originalCode: '08007',
    originalMessage: message,
  })
  unknown.message = message
  Object.defineProperty(unknown, 'originalError', { value: error })
  return withOutcome(unknown, 'unknown')
}

/** The server never saw the COMMIT: it rolls back what a session leaves open. */
export function lostBeforeCommit(lost: Error, failure: Failure | undefined): DriverAdapterError {
  const message = `the connection was lost before the COMMIT, so that nothing was saved: ${lost.message}`
  return stateError('08006', message, failure?.error ?? lost)
}

function stateError(code: string, message: string, cause?: Error): DriverAdapterError {
  const error = new DriverAdapterError({
    kind: code.startsWith('08') ? 'ConnectionClosed' : 'postgres',
    code,
    severity: 'ERROR',
    message,
    detail: undefined,
    column: undefined,
    hint: 'Let the error of a statement end the transaction, or run the statement in a nested transaction.',
    originalCode: code,
    originalMessage: message,
  })
  error.message = message
  return Object.defineProperty(error, 'originalError', { value: cause })
}

/** The server refused BEGIN, so that a statement behind it would be saved by itself. */
export function didNotBegin(error: Error): DriverAdapterError {
  return new TransactionClosedError(`Transaction already closed: it did not begin (${error.message}).`)
}

/** A transaction that a statement of the user's has ended; what became of it is what that statement said. */
export function endedByHand(text: string): DriverAdapterError {
  return new TransactionClosedError(
    `Transaction already closed: it was ended by hand, by the statement ${text.trim()}. ` +
      'Leave COMMIT and ROLLBACK to $transaction.',
  )
}

export function alreadyClosed(operation: string, how: string): DriverAdapterError {
  return new TransactionClosedError(
    `Transaction already closed: a ${operation} cannot be executed on a transaction that was ${how}.`,
  )
}
