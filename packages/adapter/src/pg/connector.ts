/**
 * Makes connections to PostgreSQL for the pool. The only file that imports `pg` at run time.
 */
import { setMaxListeners } from 'node:events'
import pg from 'pg'
import type { ConnectionHooks } from '../options.js'
import type { Clock } from '../pool/clock.js'
import type { CloseReason, Condition, ConnectFailure, Connector } from '../pool/types.js'
import { type CancelWire, requestCancel } from './cancel.js'
import { socketOf } from './client-state.js'
import { explainConnectFailure } from './connect-failure.js'
import type { ConnectionConfig } from './connection-config.js'
import { PgConnection } from './connection.js'
import { readRowsOf } from './row-reader.js'
import { Statement } from './statement.js'
import { PreparedStatements, StatementNames } from './prepared-statements.js'

export interface ConnectorOptions extends ConnectionHooks {
  /** How long an attempt to connect, a check or a hook may take. */
  readonly limitMs: number
  /** How long a statement of the adapter's may take; `Infinity`: as long as it takes. */
  readonly queryTimeoutMs: number
  /** How many statements a connection keeps prepared. */
  readonly statementCacheSize: number
}

/** A check or a hook has an end even where connecting has none. */
const LONGEST_HOOK_MS = 30_000

export class PgConnector implements Connector<PgConnection> {
  readonly #config: ConnectionConfig
  readonly #options: ConnectorOptions
  readonly #clock: Clock
  readonly #names = new StatementNames()
  #hasWarned = false

  constructor(config: ConnectionConfig, options: ConnectorOptions, clock: Clock) {
    this.#config = config
    this.#options = options
    this.#clock = clock
  }

  async open(signal: AbortSignal): Promise<PgConnection> {
    // Dead peers are noticed by the kernel even while nothing is sent.
    const { client: config } = this.#config
    // Whoever brings a stream of his own looks after it.
    const client = new pg.Client(config.stream === undefined ? { keepAlive: true, ...config } : config)
    readRowsOf(client, (query) => query instanceof Statement)
    const connection = new PgConnection(client, this.#clock)
    this.equip(connection)
    const giveUp = (error: Error): void => void socketOf(client).destroy(error)
    const onAbort = (): void => giveUp(new Error('the pool was closed'))
    // As many as are opened at the same time.
    setMaxListeners(0, signal)
    signal.addEventListener('abort', onAbort, { once: true })
    const { limitMs } = this.#options
    const timer = Number.isFinite(limitMs)
      ? this.#clock.setTimer(limitMs, () => giveUp(this.#timeoutError()), { keepAlive: true })
      : undefined
    try {
      await client.connect()
      // A password function that rejects with nothing makes `connect` resolve without a connection.
      if (connection.isBroken || connection.isBusy) {
        throw connection.lostBy ?? new Error('the server was not ready')
      }
      await this.#configure(connection)
    } catch (error) {
      // A server that said no may leave the socket open.
      connection.destroy()
      throw error
    } finally {
      timer?.cancel()
      signal.removeEventListener('abort', onAbort)
    }
    return connection
  }

  /** Gives a connection what its statements need. */
  protected equip(connection: PgConnection): void {
    const { queryTimeoutMs: ms, statementCacheSize } = this.#options
    connection.limit = ms === Infinity ? undefined : { ms, cancel: (late) => this.cancel(late) }
    connection.statements =
      statementCacheSize === 0
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

  /** A connection that came back is not clean before the user's `reset` has run. */
  conditionOnReturn(connection: PgConnection): Condition {
    const { condition } = connection
    return condition === 'clean' && this.#options.reset !== undefined ? 'unclean' : condition
  }

  async restore(connection: PgConnection): Promise<void> {
    if (connection.isBusy) await this.cancel(connection)
    this.#warnOfTransaction(connection)
    try {
      await connection.endWork()
    } catch (error) {
      // It has been cancelled in vain; `close` need not try again, and wait for that.
      connection.destroy()
      throw error
    }
    if (connection.isChanged) await this.discardSession(connection)
    const { reset } = this.#options
    if (reset !== undefined) await connection.runHook('reset', reset, this.#hookLimitMs)
    if (connection.condition !== 'clean') throw new Error('the connection did not come clean')
  }

  protected async discardSession(connection: PgConnection): Promise<void> {
    await connection.discardSession()
    await this.#configure(connection)
  }

  async #configure(connection: PgConnection): Promise<void> {
    const { configure } = this.#options
    if (configure !== undefined) await connection.runHook('configure', configure, this.#hookLimitMs)
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

  protected cancel(connection: PgConnection): Promise<void> {
    const { client } = connection
    const wire = new pg.Connection({ ssl: client.ssl }) as unknown as CancelWire
    return requestCancel(wire, client, this.#clock)
  }

  check(connection: PgConnection): Promise<void> {
    const { check } = this.#options
    return check === undefined
      ? connection.ping(this.#hookLimitMs)
      : connection.runHook('check', check, this.#hookLimitMs)
  }

  onLost(connection: PgConnection, listener: (error: Error) => void): void {
    connection.onLost = listener
  }

  hold(connection: PgConnection): void {
    connection.keepProcessAlive(true)
  }

  rest(connection: PgConnection): void {
    connection.keepProcessAlive(false)
  }

  explain(error: unknown): ConnectFailure {
    return explainConnectFailure(this.#config.target, error)
  }

  get #hookLimitMs(): number {
    return Math.min(this.#options.limitMs, LONGEST_HOOK_MS)
  }

  #timeoutError(): Error {
    const message = `no connection within ${this.#options.limitMs} ms (connectTimeout)`
    return Object.assign(new Error(message), { code: 'ETIMEDOUT' })
  }
}

const LONGEST_EXCERPT = 200

function excerpt(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length > LONGEST_EXCERPT ? `${line.slice(0, LONGEST_EXCERPT)} …` : line
}
