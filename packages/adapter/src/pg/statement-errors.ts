/** Errors of statements: which of them end the session, and which mean that the statement did not run. */

/** See `wasNeverProcessed`. */
const unprocessed = new WeakSet<Error>()

const INVALID_STATEMENT_NAME = '26000'
const FEATURE_NOT_SUPPORTED = '0A000'

/**
 * Whether a statement did not run because what the session had prepared for it is not there any more, or returns
 * something else since a table was altered. Told by the routine: of the server's text there are translations, and
 * its code has many other meanings.
 */
export function wasStale(error: unknown): boolean {
  const { code, routine } = error as { code?: unknown; routine?: unknown }
  return (
    code === INVALID_STATEMENT_NAME || (code === FEATURE_NOT_SUPPORTED && routine === 'RevalidateCachedQuery')
  )
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
 * Whether node-postgres ended the wait for the answer (`query_timeout`). The server knows nothing of that: it may
 * carry the statement out, and the connection live on.
 */
export function wasGivenUp(error: unknown): boolean {
  const { message, cause } = (error ?? {}) as Partial<Error>
  return message === 'Query read timeout' || (cause !== undefined && wasGivenUp(cause))
}

export function overrunError(limitMs: number, cause: unknown): Error {
  const message = `the statement took longer than queryTimeout (${limitMs} ms), and was cancelled`
  return Object.assign(new Error(message, { cause }), { code: 'ETIMEDOUT' })
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
