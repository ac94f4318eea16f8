/**
 * Makes connections to PostgreSQL for the pool. The only file that imports `pg` at run time.
 */
import pg from 'pg'
import type { ConnectionHooks } from '../options.js'
import type { Clock } from '../pool/clock.js'
import type { Condition, ConnectFailure, Connector } from '../pool/types.js'
import { socketOf } from './client-state.js'
import { explainConnectFailure } from './connect-failure.js'
import type { ConnectionConfig } from './connection-config.js'
import { PgConnection } from './connection.js'

export interface ConnectorOptions extends ConnectionHooks {
  /** How long an attempt to connect, a check or a hook may take. */
  readonly limitMs: number
}

/** A check or a hook has an end even where connecting has none. */
const LONGEST_HOOK_MS = 30_000

export class PgConnector implements Connector<PgConnection> {
  readonly #config: ConnectionConfig
  readonly #options: ConnectorOptions
  readonly #clock: Clock

  constructor(config: ConnectionConfig, options: ConnectorOptions, clock: Clock) {
    this.#config = config
    this.#options = options
    this.#clock = clock
  }

  async open(signal: AbortSignal): Promise<PgConnection> {
    // Dead peers are noticed by the kernel even while nothing is sent.
    const client = new pg.Client({ keepAlive: true, ...this.#config.client })
    const connection = new PgConnection(client, this.#clock)
    const giveUp = (error: Error): void => void socketOf(client).destroy(error)
    const onAbort = (): void => giveUp(new Error('the pool was closed'))
    signal.addEventListener('abort', onAbort, { once: true })
    const { limitMs, configure } = this.#options
    const timer = Number.isFinite(limitMs)
      ? this.#clock.setTimer(limitMs, () => giveUp(this.#timeoutError()), { keepAlive: true })
      : undefined
    try {
      await client.connect()
      if (configure !== undefined) await connection.runHook('configure', configure, this.#hookLimitMs)
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

  close(connection: PgConnection): Promise<void> {
    return connection.close()
  }

  destroy(connection: PgConnection): void {
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
    await connection.restore()
    const { reset } = this.#options
    if (reset !== undefined) await connection.runHook('reset', reset, this.#hookLimitMs)
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
