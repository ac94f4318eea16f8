/**
 * Borrows connections from a `pg.Pool` of the user's, for exactly as long as they are lent, and gives them back
 * as it would want them: nothing runs on them, no transaction is open, the session is as it was.
 */
import type { Client } from 'pg'
import type { PgPool } from '../options.js'
import type { Clock } from '../pool/clock.js'
import type { CloseReason } from '../pool/types.js'
import { hasProtocol } from './client-state.js'
import type { ConnectionConfig } from './connection-config.js'
import type { PgConnection } from './connection.js'
import { type ConnectorOptions, PgConnector } from './connector.js'

type Limits = Pick<ConnectorOptions, 'limitMs' | 'queryTimeoutMs'>
type PoolClient = Awaited<ReturnType<PgPool['connect']>>

const DONE = Promise.resolve()

/** Reasons that lie with us, not with the connection: the pool can go on with it. */
const STILL_FIT: ReadonlySet<CloseReason> = new Set(['surplus', 'poolClosed'])

export class PgPoolConnector extends PgConnector {
  readonly #pool: PgPool
  /** A client's listeners are added once, however often it is borrowed. */
  readonly #connections = new WeakMap<Client, PgConnection>()
  readonly #releases = new WeakMap<PgConnection, PoolClient['release']>()

  constructor(pool: PgPool, config: ConnectionConfig, limits: Limits, clock: Clock) {
    super(config, { ...limits, configure: undefined, reset: undefined, check: undefined }, clock)
    this.#pool = pool
  }

  /** The pool has limits of its own for how long this may take. */
  override async open(signal: AbortSignal): Promise<PgConnection> {
    const client = await this.#pool.connect()
    if (signal.aborted) {
      client.release()
      throw new Error('the pool was closed')
    }
    if (!hasProtocol(client)) {
      client.release()
      throw new Error('the pg.Pool has native clients (pg-native), which cannot be used here')
    }
    const connection = this.#connectionOf(client)
    // The function itself: the client gets a new one each time the pool lends it.
    this.#releases.set(connection, client.release)
    // A listener of the pool's `connect` event may have sent something, which none waits for.
    if (connection.isBusy) await connection.becomesReady()
    connection.markClean()
    return connection
  }

  /** Gives the connection back. Does so before it returns where nothing must be done about it. */
  override close(connection: PgConnection, reason: CloseReason): Promise<void> {
    if (!STILL_FIT.has(reason)) return this.#giveUp(connection, reason)
    if (connection.condition !== 'clean') return this.#mend(connection)
    this.#giveBack(connection)
    return DONE
  }

  override destroy(connection: PgConnection): void {
    super.destroy(connection)
    this.#giveBack(connection, new Error('the connection was closed by force'))
  }

  // Whether idle connections keep the process alive is for the pool to say (`allowExitOnIdle`).
  override hold(): void {}
  override rest(): void {}

  /** What the pool's owner has set up in the session would go, too: the pool makes a new one instead. */
  // eslint-disable-next-line @typescript-eslint/require-await -- a failure must be a rejection
  protected override async discardSession(): Promise<void> {
    throw new Error('the session was changed')
  }

  #connectionOf(client: Client): PgConnection {
    let connection = this.#connections.get(client)
    if (connection === undefined) {
      connection = this.wrap(client)
      this.#connections.set(client, connection)
    }
    return connection
  }

  async #mend(connection: PgConnection): Promise<void> {
    try {
      await this.restore(connection)
    } catch {
      return this.#giveUp(connection, 'unrestored')
    }
    this.#giveBack(connection)
  }

  async #giveUp(connection: PgConnection, reason: CloseReason): Promise<void> {
    if (connection.isRunning) await this.cancel(connection)
    this.#giveBack(connection, new Error(`the connection is of no more use: ${reason}`))
  }

  /** With an error, the pool closes the connection. */
  #giveBack(connection: PgConnection, error?: Error): void {
    const release = this.#releases.get(connection)
    if (release === undefined) return
    this.#releases.delete(connection)
    connection.onLost = undefined
    release(error)
  }
}
