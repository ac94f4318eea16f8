/** Errors of statements: what is known of the statement after each, and which of them end the session. */

/**
 * The fate of a statement, as its error proves it:
 * - `completed`: the server carried it out; its answer could not be read.
 * - `failed`: PostgreSQL answered with an error and went on. The statement changed nothing, unless its text is not
 *   atomic (sql/facts.ts).
 * - `partial`: the same, for a later part of a script: the parts before it are saved.
 * - `notSent`: the connection was lost before the statement was sent.
 * - `notStarted`: PostgreSQL ended the session before it began with the statement; see `provesNotStarted`.
 * - `unconfirmed`: the server committed it, and ended its wait for a synchronous standby: a failover may lose it.
 * - `unknown`: everything else.
 */
export type StatementOutcome =
  'completed' | 'failed' | 'partial' | 'notSent' | 'notStarted' | 'unconfirmed' | 'unknown'

/** Outcomes noted when the error came; `unknown` needs no entry. */
const outcomes = new WeakMap<Error, StatementOutcome>()

/** See `wasStale`. */
const stale = new WeakSet<Error>()

/** See `wasHitByMistake`. */
const hitByMistake = new WeakSet<Error>()

const QUERY_CANCELED = '57014'
const INVALID_SQL_STATEMENT_NAME = '26000'
const IN_FAILED_SQL_TRANSACTION = '25P02'
const READ_ONLY_SQL_TRANSACTION = '25006'

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

/** Whether the server has no prepared statement of that name. */
export function isMissing(error: unknown): boolean {
  return codeOf(error) === INVALID_SQL_STATEMENT_NAME
}

/** For the error by which the server refused to begin with a statement that was prepared before. */
export function noteRefused(error: unknown): void {
  const { code } = error as { code?: unknown }
  if (error instanceof Error && typeof code === 'string' && REFUSES_PREPARED.test(code)) stale.add(error)
}

/** The outcome of the statement that failed with the error. For a wrapped error, that of its cause. */
export function statementOutcomeOf(error: unknown): StatementOutcome {
  if (!(error instanceof Error)) return 'unknown'
  const noted = outcomes.get(error)
  if (noted !== undefined) return noted
  if (isOfPostgres(error)) return severityOf(error) === 'ERROR' ? 'failed' : 'unknown'
  return error.cause === undefined ? 'unknown' : statementOutcomeOf(error.cause)
}

export function noteOutcome(error: unknown, outcome: StatementOutcome): void {
  if (error instanceof Error) outcomes.set(error, outcome)
}

/** For an error behind which the server was ready for the next statement. A pooler's own error proves nothing. */
export function noteAnswered(error: unknown): void {
  if (isOfPostgres(error)) noteOutcome(error, 'failed')
}

/** Whether the statement did not reach the server, or the server did not begin with it, so that it may run elsewhere. */
export function didNotStart(error: unknown): boolean {
  const outcome = statementOutcomeOf(error)
  return outcome === 'notSent' || outcome === 'notStarted'
}

/**
 * Whether PostgreSQL itself wrote the error: it always says where in its source (PostgreSQL manual 54.8: F, L and R).
 * A pooler writes other errors, without these fields, also for statements that the server has carried out.
 */
export function isOfPostgres(error: unknown): boolean {
  const { file, line, routine } = (error ?? {}) as { file?: unknown; line?: unknown; routine?: unknown }
  return error instanceof Error && Boolean(file) && Boolean(line) && Boolean(routine)
}

/**
 * Whether an error, if it is the first message behind a statement, proves that the server did not begin with it: an
 * administrator or a limit ended the session, and PostgreSQL answers in order (manual 54.2.3), so that ParseComplete
 * or BindComplete would have come before. Behind a pooler it proves nothing, because a pooler may answer for itself.
 */
export function provesNotStarted(error: unknown): boolean {
  return isFatal(error) && isOfPostgres(error) && ENDS_SESSION.test(String(codeOf(error)))
}

export function wasCancelled(error: unknown): boolean {
  return codeOf(error) === QUERY_CANCELED
}

export function wasInFailedTransaction(error: unknown): boolean {
  return codeOf(error) === IN_FAILED_SQL_TRANSACTION
}

/** Whether the server refused a write because the transaction is read-only. */
export function refusesWrite(error: unknown): boolean {
  return codeOf(error) === READ_ONLY_SQL_TRANSACTION
}

function codeOf(error: unknown): unknown {
  return ((error ?? {}) as { code?: unknown }).code
}

function severityOf(error: unknown): unknown {
  return ((error ?? {}) as { severity?: unknown }).severity
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

/** The server has answered a command by the tag of another: its answers belong to other statements, maybe other clients. */
class MismatchError extends Error {
  override readonly name = 'MismatchError'
}

export function mismatch(command: string, tag: string): Error {
  return new MismatchError(
    `${command} was answered by ${tag}: the server, or a pooler before it, mixes up the answers of its connections`,
  )
}

export function isMismatch(error: unknown): error is Error {
  return error instanceof MismatchError
}

/** See `hasOverrun`. */
const overruns = new WeakSet<Error>()

/** Whether a statement took all the time that it had, by `queryTimeout` or `query_timeout`. */
export function hasOverrun(error: unknown): boolean {
  return wasGivenUp(error) || (error instanceof Error && overruns.has(error))
}

export function overrunError(limitMs: number, cause: unknown): Error {
  // It did what it had to do; only the wait for a standby was cancelled.
  if (cause instanceof Error && statementOutcomeOf(cause) === 'unconfirmed') return cause
  const message = `the statement took longer than queryTimeout (${limitMs} ms), and was cancelled`
  const error = Object.assign(new Error(message, { cause }), { code: 'ETIMEDOUT' })
  overruns.add(error)
  return error
}

/**
 * Whether the connection ended without any answer to the statement. PostgreSQL or a pooler that answers with an error,
 * and a timeout of ours, may have ended it on purpose.
 */
export function wasUnanswered(error: unknown): boolean {
  return statementOutcomeOf(error) === 'unknown' && severityOf(error) === undefined && !hasOverrun(error)
}

/** For a statement that did not run because its connection is lost: says what ended the connection. */
export function lostBefore(outcome: 'notSent' | 'notStarted', lost: Error): Error {
  const error = Object.assign(new Error(lost.message, { cause: lost }), lost)
  noteOutcome(error, outcome)
  return error
}

/** For a later part of a script: the parts before it are saved, so that the script must not run again. */
export function failLaterPart(error: unknown): never {
  if (statementOutcomeOf(error) === 'failed') noteOutcome(error, 'partial')
  if (!didNotStart(error)) throw error
  const copy = Object.assign(new Error((error as Error).message, { cause: error }), error)
  noteOutcome(copy, 'unknown')
  throw copy
}

/** The function of the server that waits for a synchronous standby; it warns when that wait is cancelled. */
const WAITS_FOR_STANDBY = 'SyncRepWaitForLSN'

/** Whether the server says with this notice that it has committed, but no synchronous standby has confirmed it. */
export function saysUnconfirmed({ routine }: { readonly routine?: string | undefined }): boolean {
  return routine === WAITS_FOR_STANDBY
}

/** For a statement that the server has committed, and answers as if nothing were wrong. */
export function unconfirmedError(notice: { readonly message: string }): Error {
  const error = new Error(
    'it is committed on this server, but no synchronous standby has confirmed it: the server reported ' +
      `"${notice.message}". The data is there now; a failover to a standby that has not received it loses it. ` +
      'Do not run it again: look at what is saved.',
    { cause: notice },
  )
  noteOutcome(error, 'unconfirmed')
  return error
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
