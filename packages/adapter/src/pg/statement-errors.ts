/** Errors of statements: which of them end the session, and which mean that the statement did not run. */

/** See `wasNeverProcessed`. */
const unprocessed = new WeakSet<Error>()

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

/**
 * Whether the server ends the session with this error (PostgreSQL manual 54.2.2: FATAL and PANIC). At the
 * moment it is reported the socket still looks healthy.
 */
export function isFatal(error: unknown): error is Error {
  const severity = (error as { severity?: unknown } | null)?.severity
  return severity === 'FATAL' || severity === 'PANIC'
}
