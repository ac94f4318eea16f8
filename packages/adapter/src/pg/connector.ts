/**
 * Makes connections to PostgreSQL for the pool. The only file that imports `pg` at run time.
 */
import pg from 'pg'
import type { Clock } from '../pool/clock.js'
import type { Condition, ConnectFailure, Connector } from '../pool/types.js'
import { socketOf } from './client-state.js'
import { explainConnectFailure } from './connect-failure.js'
import type { ConnectionConfig } from './connection-config.js'
import { PgConnection } from './connection.js'

export class PgConnector implements Connector<PgConnection> {
  readonly #config: ConnectionConfig
  readonly #connectTimeoutMs: number
  readonly #clock: Clock

  constructor(config: ConnectionConfig, connectTimeoutMs: number, clock: Clock) {
    this.#config = config
    this.#connectTimeoutMs = connectTimeoutMs
    this.#clock = clock
  }

  async open(signal: AbortSignal): Promise<PgConnection> {
    // Dead peers are noticed by the kernel even while nothing is sent.
    const client = new pg.Client({ keepAlive: true, ...this.#config.client })
    const connection = new PgConnection(client, this.#clock)
    const giveUp = (error: Error): void => void socketOf(client).destroy(error)
    const onAbort = (): void => giveUp(new Error('the pool was closed'))
    signal.addEventListener('abort', onAbort, { once: true })
    const timer = Number.isFinite(this.#connectTimeoutMs)
      ? this.#clock.setTimer(this.#connectTimeoutMs, () => giveUp(this.#timeoutError()), { keepAlive: true })
      : undefined
    try {
      await client.connect()
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

  restore(connection: PgConnection): Promise<void> {
    return connection.restore()
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

  #timeoutError(): Error {
    const message = `no connection within ${this.#connectTimeoutMs} ms (connectTimeout)`
    return Object.assign(new Error(message), { code: 'ETIMEDOUT' })
  }
}
