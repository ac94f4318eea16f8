/**
 * Whether a server serves all its connections from one session, as PGlite does behind a socket (`prisma dev`,
 * `@electric-sql/pglite-socket`). Two connections to it share the transaction, the names of statements, the settings and
 * the errors, so that a pool must use one connection only. A pool that does so without need is slow in production.
 * Therefore only two proofs count: the version of the server, or one key of two live connections.
 */

/** The server's messages during the connect. */
export interface SessionFacts {
  /** The key for cancel requests; null or 0 if the server sent none. */
  readonly processId: number | null
  readonly secretKey: number | null
  readonly serverVersion: string | undefined
  readonly sessionAuthorization: string | undefined
}

/** The answer to `ASK_SESSION`. */
export interface SessionAnswer {
  readonly version: string
  readonly pid: number
}

/** In the simple protocol, which is one message: nothing of another connection can come between. */
export const ASK_SESSION = 'SELECT version() AS version, pg_backend_pid() AS pid'

/** PostgreSQL in WebAssembly cannot fork, so that it has one session. A proxy before it changes nothing of that. */
const ONE_SESSION = /\bPGlite\b|\bwasm32\b|\bemscripten\b/i

/**
 * Whether to ask the server, because of what it said. PostgreSQL reports the user as `session_authorization` to every
 * client, and poolers pass it on. PGlite 0.4 and 0.5 report it empty, since its session began before any client came.
 */
export function isUnusual({ serverVersion, sessionAuthorization }: SessionFacts): boolean {
  return !sessionAuthorization || (serverVersion !== undefined && ONE_SESSION.test(serverVersion))
}

/**
 * Whether two live connections were given the same key. PostgreSQL gives no two the same process, PgBouncer random
 * keys. Two servers may have processes of the same number, but with keys of 32 random bits. A key of 0 is that of a
 * server that has none.
 */
export function haveOneKey(one: SessionFacts, other: SessionFacts): boolean {
  const { processId, secretKey } = one
  const isKey = Boolean(processId) && Boolean(secretKey)
  return isKey && other.processId === processId && other.secretKey === secretKey
}

/**
 * The proof that all connections share one session, in words; `undefined` without proof.
 *
 * @param hasTwin - Whether another live connection has the same key. A proxy that gives everybody one key makes it up:
 * then the process that answers is another.
 */
export function evidenceOfOneSession(
  { processId }: SessionFacts,
  { version, pid }: SessionAnswer,
  hasTwin: boolean,
): string | undefined {
  if (ONE_SESSION.test(version)) return `it is ${version.replace(/,.*/, '')}`
  return hasTwin && pid === processId
    ? `two of its connections are the one process ${pid}, with one key`
    : undefined
}
