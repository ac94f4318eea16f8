/** What is said of transactions that did not end as somebody believed, and of what comes behind their end. */
import { DriverAdapterError, isDriverAdapterError } from '@prisma/driver-adapter-utils'
import { toDriverAdapterError, withOriginal } from '../convert/errors.js'
import { TransactionClosedError } from '../convert/prisma-codes.js'
import { unmapped } from '../convert/sqlstates.js'
import { excerpt } from '../pg/excerpt.js'
import { redact } from '../redact.js'
import { withOutcome } from './outcome.js'

export interface Failure {
  readonly text: string
  readonly error: Error
}

/** What the server says of a statement in a failed transaction names nothing but that it has failed. */
export function withReason(error: Error, failure: Failure): Error {
  if ((error as { code?: unknown }).code !== '25P02') return error
  error.message += `: ${reasonOf(failure)}`
  return error
}

function reasonOf({ text, error }: Failure): string {
  return `this statement had failed: ${excerpt(text)} (${error.message})`
}

export function nothingSaved(failure: Failure | undefined): DriverAdapterError {
  const cause = failure === undefined ? 'a statement in it had failed' : reasonOf(failure)
  const error = refused(
    '25P02',
    `the transaction was rolled back, not committed, and nothing of it was saved: ${cause}`,
    'Let the error of a statement end the transaction, or run the statement in a nested transaction.',
  )
  return withOutcome(withOriginal(error, failure?.error), 'rolled back')
}

/** What such a statement began would be undone behind the back of whoever sent it. */
export function openedByHand(): DriverAdapterError {
  return refused(
    '25000',
    'the statement began a transaction that it did not end; it was rolled back, because each call outside of ' +
      '$transaction has a connection of its own. Use $transaction, or end in a script what it begins.',
  )
}

function refused(code: string, message: string, hint?: string): DriverAdapterError {
  return new DriverAdapterError({
    ...unmapped({ code, severity: 'ERROR', message, hint }),
    originalCode: code,
    originalMessage: redact(message),
  })
}

/** The connection was lost, or the wait for the answer given up, when the server may have done what it was told. */
export function outcomeUnknown(what: string, error: unknown): DriverAdapterError {
  const reason = error instanceof Error ? error.message : 'no answer'
  const message = `it is not known whether ${what}: there was no answer (${reason})`
  return withOutcome(connectionClosed('08007', message, error), 'unknown')
}

/** The server committed, and gave up its wait for a synchronous standby. */
export function notConfirmed(error: Error): DriverAdapterError {
  const originalMessage = redact(error.message)
  const told = new DriverAdapterError({
    ...unmapped({ code: '01000', severity: 'WARNING', message: error.message, hint: undefined }),
    originalCode: '01000',
    originalMessage,
  })
  return withOutcome(withOriginal(told, error), 'unknown')
}

/** The server reported an error, but the text may have committed a part of its work before. */
export function partlySaved(error: unknown): Error {
  const mapped = toDriverAdapterError(error)
  return isDriverAdapterError(mapped) ? withOutcome(mapped, 'unknown') : mapped
}

/** The server never saw the COMMIT: it rolls back what a session leaves open. */
export function lostBeforeCommit(lost: Error, failure: Failure | undefined): DriverAdapterError {
  const message = `the connection was lost before the COMMIT, so that nothing was saved: ${lost.message}`
  return connectionClosed('08006', message, failure?.error ?? lost)
}

function connectionClosed(code: string, message: string, original: unknown): DriverAdapterError {
  const originalMessage = redact(message)
  const error = new DriverAdapterError({ kind: 'ConnectionClosed', originalCode: code, originalMessage })
  error.message = originalMessage
  return withOriginal(error, original)
}

/** The server refused BEGIN, so that a statement behind it would be saved by itself. */
export function didNotBegin(error: Error): DriverAdapterError {
  return new TransactionClosedError(`Transaction already closed: it did not begin (${error.message}).`)
}

/** The server answered BEGIN by something else: the statement behind it may have run by itself, or in another transaction. */
export function answeredByAnother(error: Error): DriverAdapterError {
  return mixedUp(`${error.message}. It is not known whether anything that was sent with it was saved.`)
}

/** The server says that no transaction is open behind a statement that ends none: the statement was saved by itself. */
export function notOpen(text: string): DriverAdapterError {
  return mixedUp(
    `no transaction is open behind the statement ${excerpt(text)}, which does not end one. It is not known what of the ` +
      'transaction was saved: the server, or a pooler before it, runs one connection in several sessions, or several ' +
      'connections in one.',
  )
}

function mixedUp(message: string): DriverAdapterError {
  const error = new TransactionClosedError(`Transaction already closed: ${message}`)
  withOutcome(error.meta.driverAdapterError, 'unknown')
  return withOutcome(error, 'unknown')
}

/** A transaction that a statement of the user's has ended; what became of it is what that statement said. */
export function endedByHand(text: string): DriverAdapterError {
  return new TransactionClosedError(
    `Transaction already closed: it was ended by hand, by the statement ${excerpt(text)}. ` +
      'Leave COMMIT and ROLLBACK to $transaction.',
  )
}

export function alreadyClosed(operation: string, how: string): DriverAdapterError {
  return new TransactionClosedError(
    `Transaction already closed: a ${operation} cannot be executed on a transaction that was ${how}.`,
  )
}
