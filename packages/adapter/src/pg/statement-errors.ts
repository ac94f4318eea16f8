/** Errors of statements: which of them end the session, and which mean that the statement did not run. */

/** See `wasNeverProcessed`. */
const unprocessed = new WeakSet<Error>()

/** See `wasStale`. */
const stale = new WeakSet<Error>()

/** See `wasAnswered`. */
const answered = new WeakSet<Error>()

/** See `wasHitByMistake`. */
const hitByMistake = new WeakSet<Error>()

const QUERY_CANCELED = '57014'
const IN_FAILED_SQL_TRANSACTION = '25P02'

/**
 * With these the server refuses what the session has prepared: it is not there any more (26000), returns something
 * else since a table was altered (0A000), or its parameters have the types of a time before that (22, 42, XX000). Not
 * with those of a conflict, a lock, a limit or a cancel, which another attempt would only make last longer.
 */
const REFUSES_PREPARED = /^(26000|0A000|XX000|22...|42...)$/

/**
 * Whether a statement did not run because the session could not use, or had no more, what was prepared for it. It may
 * be that it fails in the same way when it is prepared anew.
 */
export function wasStale(error: unknown): boolean {
  return error instanceof Error && stale.has(error)
}

/** For the error by which the server refused to begin with a statement that was prepared before. */
export function noteRefused(error: unknown): void {
  const { code } = error as { code?: unknown }
  if (error instanceof Error && typeof code === 'string' && REFUSES_PREPARED.test(code)) stale.add(error)
}

/**
 * Whether a statement certainly did not run: the server ended the session, and that was the first it said
 * after the statement was sent. A server that had begun with it would have said ParseComplete or BindComplete
 * before, since it answers in order (PostgreSQL manual 54.2.3).
 */
export function wasNeverProcessed(error: unknown): boolean {
  return error instanceof Error && unprocessed.has(error)
}

/** For the error that ended a session before the server had begun with the statement. */
export function noteUnprocessed(error: Error): void {
  unprocessed.add(error)
}

/**
 * Whether the server has answered a statement with this error and gone on: whatever became of the connection after
 * that, the statement has failed.
 */
export function wasAnswered(error: unknown): boolean {
  return error instanceof Error && answered.has(error)
}

export function noteAnswered(error: Error): void {
  answered.add(error)
}

export function wasCancelled(error: unknown): boolean {
  return codeOf(error) === QUERY_CANCELED
}

export function wasInFailedTransaction(error: unknown): boolean {
  return codeOf(error) === IN_FAILED_SQL_TRANSACTION
}

function codeOf(error: unknown): unknown {
  return ((error ?? {}) as { code?: unknown }).code
}

/**
 * Whether a statement was cancelled in the place of another, which was in flight before it on the same connection, or
 * refused because of the COMMIT before it. A statement by itself has saved nothing then, and a transaction that it
 * began has saved nothing either.
 */
export function wasHitByMistake(error: unknown): boolean {
  return error instanceof Error && hitByMistake.has(error)
}

export function noteHitByMistake(error: Error): void {
  hitByMistake.add(error)
}

/**
 * Whether node-postgres ended the wait for the answer (`query_timeout`). The server knows nothing of that: it may
 * carry the statement out, and the connection live on.
 */
export function wasGivenUp(error: unknown): boolean {
  const { message, cause } = (error ?? {}) as Partial<Error>
  return message === 'Query read timeout' || (cause !== undefined && wasGivenUp(cause))
}

/** See `wasBefore`. */
const before = new WeakSet<Error>()

/** Whether what failed was a command before the statement, not the statement. */
export function wasBefore(error: unknown): boolean {
  return error instanceof Error && before.has(error)
}

/** For the error by which a command before a statement failed. */
export function noteBefore(error: unknown): void {
  if (error instanceof Error) before.add(error)
}

/** See `hasOverrun`. */
const overruns = new WeakSet<Error>()

/** Whether a statement took all the time that it had, by `queryTimeout` or `query_timeout`. */
export function hasOverrun(error: unknown): boolean {
  return wasGivenUp(error) || (error instanceof Error && overruns.has(error))
}

export function overrunError(limitMs: number, cause: unknown): Error {
  const message = `the statement took longer than queryTimeout (${limitMs} ms), and was cancelled`
  const error = Object.assign(new Error(message, { cause }), { code: 'ETIMEDOUT' })
  overruns.add(error)
  return error
}

/** Whether the server has answered with the error, or with that behind it: then it is done with the statement. */
export function isAnswer(error: unknown): boolean {
  const { severity, cause } = (error ?? {}) as { severity?: unknown; cause?: unknown }
  return typeof severity === 'string' || (cause !== undefined && isAnswer(cause))
}

/** For a statement on a connection that is lost: what had happened to it, and that the statement did not run. */
export function neverSent(lost: Error): Error {
  const error = Object.assign(new Error(lost.message, { cause: lost }), lost)
  unprocessed.add(error)
  return error
}

/** For what did not run, but where something before it did, which must not run twice. */
export function neverAgain(error: unknown): never {
  if (!wasNeverProcessed(error)) throw error
  throw Object.assign(new Error((error as Error).message, { cause: error }), error)
}

/** These end a session whenever the server itself reports them: appendix A of the manual, 57P01 to 57P05, 25P03, 25P04. */
const ENDS_SESSION = /^(57P0[1-5]|25P0[34])$/

/**
 * Whether the server ends the session with this error (PostgreSQL manual 54.2.2: FATAL and PANIC). At the
 * moment it is reported the socket still looks healthy. What node-postgres tells of the severity is in the
 * server's language; then the code has to tell, unless it comes with an ERROR, which a function may raise with
 * any code.
 */
export function isFatal(error: unknown): error is Error {
  const { severity, code } = (error ?? {}) as { severity?: unknown; code?: unknown }
  if (typeof severity !== 'string' || severity === 'ERROR') return false
  return severity === 'FATAL' || severity === 'PANIC' || (typeof code === 'string' && ENDS_SESSION.test(code))
}
