/**
 * Makes connections to PostgreSQL for the pool. The only file that imports `pg` at run time.
 */
import pg, { type Client, type ClientConfig } from 'pg'
import { describeActivity } from '../observe/report.js'
import type { ConnectionHook } from '../options.js'
import type { ConnectionHooks } from '../resolved-options.js'
import type { Clock } from '../pool/clock.js'
import type { Access, CloseReason, Condition, ConnectFailure, Connector } from '../pool/types.js'
import { activityOf } from './activity.js'
import { type CancelWire, requestCancel } from './cancel.js'
import { socketOf } from './client-state.js'
import { ConnectProgress } from './connect-progress.js'
import { CredentialsError, explainConnectFailure } from './connect-failure.js'
import type { ConnectionConfig, SessionConfig } from './connection-config.js'
import { PgConnection, type Route } from './connection.js'
import { credentialsFor } from './credentials.js'
import { type Deadline, within } from './deadline.js'
import { excerpt } from './excerpt.js'
import { acceptPlain, requireChannelBinding, tellingOf, watchEncryption } from './encryption.js'
import { runHook } from './hooks.js'
import { quoteIdentifier } from './identifier.js'
import { outsideRequests } from './no-request.js'
import { PreparedStatements, StatementNames } from './prepared-statements.js'
import { SessionReset, type SessionResetLevel } from './session-reset.js'
import {
  ASK_SESSION,
  evidenceOfOneSession,
  haveOneKey,
  isUnusual,
  type SessionAnswer,
} from './shared-session.js'
import { isFatal } from './statement-errors.js'
import type { Encryption, TlsPlan } from './tls-config.js'

export interface ConnectorOptions extends ConnectionHooks {
  /** How long an attempt to connect, a check or a hook may take. */
  readonly limitMs: number
  /** How long the user's functions may take to say where the connection goes, and with which password. */
  readonly credentialsTimeoutMs: number
  /** How long a statement of the adapter's may take; `Infinity`: as long as it takes. */
  readonly queryTimeoutMs: number
  /** How many statements a connection keeps prepared. */
  readonly statementCacheSize: number
  /** How much of the session is undone behind each lease, beyond what a statement visibly changed. */
  readonly sessionReset: SessionResetLevel | 'detected'
  /** Whether a pooler stands before the server, which gives each transaction whichever session is free. */
  readonly sharesSessions: boolean
}

/** The kernel's own delay is two hours. */
const KEEPALIVE = { keepAlive: true, keepAliveInitialDelayMillis: 10_000 } as const
/** If a holder sends no statement for so long, reset the session now: the last holder's locks must not stay meanwhile. */
const SILENT_MS = 5

/** A check or a hook has an end even where connecting has none. */
const LONGEST_HOOK_MS = 30_000

export class PgConnector implements Connector<PgConnection> {
  readonly #config: ConnectionConfig
  readonly #options: ConnectorOptions
  readonly #clock: Clock
  readonly #names = new StatementNames()
  readonly #route: Route
  /** The live connections, to compare the next one with. */
  readonly #connections = new Set<PgConnection>()
  /** The last answer to `ASK_SESSION`, so that a server is asked once. */
  #answer: SessionAnswer | undefined
  #target: string
  #hasWarned = false
  #hasWarnedOfSession = false
  /** Lent before their reset was sent, which goes with the first statement of the holder. */
  readonly #unreset = new Set<PgConnection>()
  #resetsSoon = false

  constructor(config: ConnectionConfig, options: ConnectorOptions, clock: Clock) {
    this.#config = config
    this.#target = config.target
    this.#options = options
    this.#route = { hasPooler: options.sharesSessions }
    this.#clock = clock
  }

  open(signal: AbortSignal): Promise<PgConnection> {
    return outsideRequests(() => this.make(signal))
  }

  protected async make(signal: AbortSignal): Promise<PgConnection> {
    const session = await this.#nextSession(signal)
    const { limitMs } = this.#options
    const progress = new ConnectProgress()
    return within(
      limitMs,
      () => progress.timeoutError(limitMs),
      signal,
      this.#clock,
      (deadline) => this.#openAsAllowed(session, deadline, progress),
    )
  }

  /** Where the next connection goes, and with which password; both may be the user's to say, each time. */
  async #nextSession(signal: AbortSignal): Promise<SessionConfig> {
    const { credentialsTimeoutMs: ms } = this.#options
    const tooLate = (): Error => new CredentialsError(`no answer within ${ms} ms (credentialsTimeout)`)
    const session = await within(ms, tooLate, signal, this.#clock, () => credentialsFor(this.#config))
    this.#target = session.target
    return session
  }

  /** By TLS or in plain text; where that fails for being so, the other way, if both are allowed. */
  async #openAsAllowed(
    session: SessionConfig,
    deadline: Deadline,
    progress: ConnectProgress,
  ): Promise<PgConnection> {
    const { tls } = session
    if (tls === undefined) return this.#openOne(session.client, deadline, (client) => progress.follow(client))
    const [first, second] = tls.attempts
    let mayGoOtherWay = (_error: unknown): boolean => false
    const attempt = (encryption: Encryption): Promise<PgConnection> =>
      this.#openOne(encrypted(session.client, tls, encryption), deadline, (client, fail) => {
        progress.follow(client)
        mayGoOtherWay = watchEncryption(client)
        if (encryption === 'tls' && tls.acceptsPlain) acceptPlain(client)
        if (tls.channelBinding === 'require') requireChannelBinding(client, fail)
      })
    try {
      return await attempt(first)
    } catch (error) {
      if (second === undefined || deadline.isOver || !mayGoOtherWay(error)) throw error
      return await attempt(second).catch((other: unknown) => {
        throw tellingOf(error, other)
      })
    }
  }

  async #openOne(
    config: ClientConfig,
    deadline: Deadline,
    prepare: (client: Client, fail: (error: Error) => void) => void,
  ): Promise<PgConnection> {
    // The kernel notices a dead server also while nothing is sent. A `stream` of the user's own is the user's to set up.
    const client = new pg.Client(config.stream === undefined ? { ...KEEPALIVE, ...config } : config)
    const connection = new PgConnection(client, this.#clock)
    connection.stream = config.stream
    this.equip(connection)
    let failure: Error | undefined
    const fail = (error: Error): void => {
      failure = error
      socketOf(client).destroy(error)
    }
    deadline.onOver = fail
    prepare(client, fail)
    try {
      await client.connect()
      // A server that goes on before it is ready makes `connect` resolve without a connection.
      if (connection.isBroken || connection.isBusy) {
        throw connection.lostBy ?? new Error('the server was not ready')
      }
      await this.learnSession(connection)
      if (this.#options.sharesSessions) await connection.pinDateStyle()
      await this.#configure(connection)
    } catch (error) {
      // A server that said no may leave the socket open.
      connection.destroy()
      // What had arrived before the end may have been taken for an answer.
      throw failure ?? error
    }
    return connection
  }

  /**
   * Finds out whether the server runs all its connections in one session, before a holder sends anything on this one.
   * A server that reports what PostgreSQL reports is not asked.
   */
  protected async learnSession(connection: PgConnection): Promise<void> {
    const { facts } = connection
    const hasTwin = [...this.#connections].some(
      (other) => other !== connection && haveOneKey(facts, other.facts),
    )
    this.#connections.add(connection)
    connection.client.once('end', () => this.#connections.delete(connection))
    if (!hasTwin && !isUnusual(facts)) return
    if (hasTwin || this.#answer === undefined) this.#answer = await askSession(connection)
    const evidence = evidenceOfOneSession(facts, this.#answer, hasTwin)
    if (evidence === undefined) return
    for (const each of hasTwin ? this.#connections : [connection]) each.shareSession()
    this.#warnOfSession(evidence)
  }

  #warnOfSession(evidence: string): void {
    if (this.#hasWarnedOfSession) return
    this.#hasWarnedOfSession = true
    process.emitWarning(
      `the server ${this.#target} runs all its connections in one session (${evidence}): the pool uses one connection`,
      {
        code: 'REAL_POOL_ONE_SESSION',
        detail:
          'No statement is prepared by name, and calls wait for each other. This is as it must be with a development ' +
          'server. See "Prisma\'s development server" in docs/faq.md.',
      },
    )
  }

  /** One, where all connections share one session. */
  limitOf(connection: PgConnection): number | undefined {
    return connection.sharesSession ? 1 : undefined
  }

  /** Gives a connection what its statements need. */
  protected equip(connection: PgConnection): void {
    const { queryTimeoutMs: ms, statementCacheSize, sessionReset } = this.#options
    connection.route = this.#route
    if (sessionReset !== 'detected') connection.reset ??= new SessionReset(sessionReset)
    connection.limit = ms === Infinity ? undefined : { ms, cancel: (late) => this.cancel(late) }
    connection.statements =
      statementCacheSize === 0 || connection.sharesSession
        ? undefined
        : (connection.statements ?? new PreparedStatements(this.#names, statementCacheSize))
  }

  async close(connection: PgConnection, _reason: CloseReason): Promise<void> {
    // Else the server would go on with it: it notices that its client has gone only when it has something to say.
    if (connection.isRunning) await this.cancel(connection)
    await connection.close()
  }

  destroy(connection: PgConnection): void {
    if (connection.isRunning) void this.cancel(connection)
    connection.destroy()
  }

  condition(connection: PgConnection): Condition {
    return connection.condition
  }

  /** A connection that came back is not clean before the user's hooks have run. */
  conditionOnReturn(connection: PgConnection): Condition {
    const { condition } = connection
    connection.endLease()
    this.#unreset.delete(connection)
    const { reset, configure } = this.#options
    const needsHook = reset !== undefined || (configure !== undefined && connection.reset !== undefined)
    return condition === 'clean' && needsHook ? 'unclean' : condition
  }

  restore(connection: PgConnection): Promise<void> {
    return outsideRequests(() => this.#restore(connection))
  }

  async #restore(connection: PgConnection): Promise<void> {
    this.#warnOfTransaction(connection)
    try {
      if (connection.isBusy && !(await this.cancel(connection))) {
        throw new Error('the cancel may come late, and hit the next borrower')
      }
      await connection.endWork()
      // Before the session is reset, which would hide who made it read-only.
      await connection.judgeRefusal()
    } catch (error) {
      // It has been cancelled in vain; `close` need not try again, and wait for that.
      connection.destroy()
      throw error
    }
    const { reset, configure } = this.#options
    if (connection.isChanged) await this.discardSession(connection)
    else if (connection.reset !== undefined && (reset ?? configure) !== undefined) {
      await connection.becomesReset()
      // The reset has undone the settings of `configure`.
      await this.#configure(connection)
    }
    if (reset !== undefined) await this.#runHook(connection, 'reset', reset)
    if (connection.condition !== 'clean') throw new Error('the connection did not come clean')
  }

  wasRefusedWrite(connection: PgConnection): boolean {
    return connection.wasRefusedWrite
  }

  access(connection: PgConnection): Access {
    return connection.access
  }

  protected async discardSession(connection: PgConnection): Promise<void> {
    await connection.discardSession()
    await this.#configure(connection)
  }

  async #configure(connection: PgConnection): Promise<void> {
    const { schema } = this.#config
    // A session that began before its clients came has taken no settings from them.
    if (connection.sharesSession && schema !== undefined) {
      await connection.script(`SET search_path TO ${quoteIdentifier(schema)}`)
      connection.markClean()
    }
    const { configure } = this.#options
    if (configure !== undefined) await this.#runHook(connection, 'configure', configure)
    else if (!connection.isChanged) connection.markClean()
  }

  /** Once, because a program that forgets to end one transaction mostly forgets them all. */
  #warnOfTransaction(connection: PgConnection): void {
    const { openTransaction } = connection
    if (openTransaction === undefined || this.#hasWarned) return
    this.#hasWarned = true
    process.emitWarning(
      `a connection came back in a transaction that nobody ended, begun by: ${excerpt(openTransaction)}`,
      {
        code: 'REAL_POOL_OPEN_TRANSACTION',
        detail: 'It was rolled back. Use $transaction, or end what you begin.',
      },
    )
  }

  protected cancel(connection: PgConnection): Promise<boolean> {
    // PGlite does not look at its sockets while a statement runs.
    if (connection.sharesSession) return Promise.resolve(true)
    const { client, stream } = connection
    const config = { ssl: client.ssl, ...(stream === undefined ? {} : { stream }) }
    return requestCancel(() => new pg.Connection(config) as unknown as CancelWire, client, this.#clock)
  }

  check(connection: PgConnection): Promise<void> {
    return outsideRequests(() => this.#check(connection))
  }

  async #check(connection: PgConnection): Promise<void> {
    const { check } = this.#options
    if (connection.reset?.isDue === true) await connection.becomesReset()
    return check === undefined
      ? connection.ping(this.#hookLimitMs)
      : this.#runHook(connection, 'check', check)
  }

  onLost(connection: PgConnection, listener: (error: Error) => void): void {
    connection.onLost = listener
  }

  hold(connection: PgConnection, isShared = false): void {
    connection.beHeld(isShared)
    if (connection.reset?.isUnsent === true) this.#resetSoon(connection)
  }

  /** One timer for all of them, since most have sent a statement when it fires. */
  #resetSoon(connection: PgConnection): void {
    if (!this.#resetsSoon) {
      this.#resetsSoon = true
      const sendAll = (): void => {
        this.#resetsSoon = false
        for (const each of this.#unreset) each.sendReset()
        this.#unreset.clear()
      }
      this.#clock.setTimer(SILENT_MS, sendAll, { keepAlive: false })
    }
    this.#unreset.add(connection)
  }

  mayBeJoined(connection: PgConnection): boolean {
    return connection.mayBeJoined
  }

  rest(connection: PgConnection): void {
    connection.keepProcessAlive(false)
    connection.sendReset()
  }

  describe(connection: PgConnection): string {
    return describeActivity(activityOf(connection))
  }

  explain(error: unknown): ConnectFailure {
    return explainConnectFailure(this.#target, error)
  }

  #runHook(connection: PgConnection, name: string, run: ConnectionHook): Promise<void> {
    return runHook(connection, { name, run, limitMs: this.#hookLimitMs }, this.#clock)
  }

  get #hookLimitMs(): number {
    return Math.min(this.#options.limitMs, LONGEST_HOOK_MS)
  }
}

const UNKNOWN_SESSION: SessionAnswer = { version: '', pid: 0 }

async function askSession(connection: PgConnection): Promise<SessionAnswer> {
  try {
    const { rows } = await connection.client.query<SessionAnswer>(ASK_SESSION)
    return rows[0] ?? UNKNOWN_SESSION
  } catch (error) {
    // A server that does not know these functions is not PGlite.
    if (isFatal(error) || connection.isBroken) throw error
    return UNKNOWN_SESSION
  }
}

function encrypted(client: ClientConfig, tls: TlsPlan, encryption: Encryption): ClientConfig {
  if (encryption === 'plain') return { ...client, ssl: false, sslnegotiation: 'postgres' }
  const enableChannelBinding = tls.channelBinding !== 'disable'
  return { ...client, ssl: tls.options(), sslnegotiation: tls.negotiation, enableChannelBinding }
}
