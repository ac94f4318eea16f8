/**
 * Borrows connections from a `pg.Pool` of the user's, for exactly as long as they are lent, and gives them back
 * as it would want them: nothing runs on them, no transaction is open, the session is as it was.
 */
import type { Client, ClientConfig } from 'pg'
import type { PgPool } from '../options.js'
import type { ConnectionHooks } from '../resolved-options.js'
import { UNREAD_AFTER_MS } from '../pool/circulation.js'
import type { Clock } from '../pool/clock.js'
import type { CloseReason } from '../pool/types.js'
import { isReadable } from './client-state.js'
import type { ConnectionConfig } from './connection-config.js'
import { PgConnection } from './connection.js'
import { type ConnectorOptions, PgConnector } from './connector.js'
import { tellLost } from './pg-pool-watch.js'

type Limits = Omit<ConnectorOptions, keyof ConnectionHooks>
type PoolClient = Awaited<ReturnType<PgPool['connect']>>

const DONE = Promise.resolve()

/** How many clients of the pool may turn out to be of no use before the caller hears of it. */
const MOST_ATTEMPTS = 3

/** How long the pool's owner may take to set up a client, one statement after another. */
const SETUP_MS = 30_000
/** How long a client may take to tell us about its session. */
const ANSWER_MS = 5_000

/** Reasons that lie with us, not with the connection: the pool can go on with it. */
const STILL_FIT: ReadonlySet<CloseReason> = new Set(['surplus', 'poolClosed'])

/** A client's listeners are added once, however often it is borrowed, and by however many adapters. */
const connections = new WeakMap<Client, PgConnection>()

/** When each was given back. */
const restingSince = new WeakMap<PgConnection, number>()

export class PgPoolConnector extends PgConnector {
  readonly #pool: PgPool
  readonly #clock: Clock
  readonly #releases = new WeakMap<PgConnection, PoolClient['release']>()

  constructor(pool: PgPool, config: ConnectionConfig, limits: Limits, clock: Clock) {
    super(config, { ...limits, configure: undefined, reset: undefined, check: undefined }, clock)
    this.#pool = pool
    this.#clock = clock
  }

  /** The pool has limits of its own for how long this may take. */
  protected override async make(signal: AbortSignal): Promise<PgConnection> {
    for (let attempt = 1; ; attempt++) {
      const connection = this.#take(await this.#pool.connect())
      try {
        await this.#prepare(connection)
      } catch (error) {
        // It may have died while it was idle, which the pool had not heard yet.
        tellLost(this.#pool, error as Error)
        await this.#giveUp(connection, 'unfit')
        if (attempt === MOST_ATTEMPTS) throw error
        continue
      }
      if (!signal.aborted) return connection
      await this.close(connection, 'poolClosed')
      throw new Error('the pool was closed')
    }
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

  /** What the pool's owner has set up in the session would go, too: the pool makes a new one instead. */
  // eslint-disable-next-line @typescript-eslint/require-await -- a failure must be a rejection
  protected override async discardSession(): Promise<void> {
    throw new Error('the session was changed')
  }

  #take(client: PoolClient): PgConnection {
    if (!isReadable(client)) {
      client.release()
      throw new Error(
        'the clients of the pg.Pool cannot be used here: they must be those of node-postgres 8.23.1 or newer, ' +
          'and not of pg-native',
      )
    }
    const connection = connections.get(client) ?? new PgConnection(client, this.#clock)
    connections.set(client, connection)
    connection.stream = (this.#pool.options as ClientConfig).stream
    this.equip(connection)
    // The function itself: the client gets a new one each time the pool lends it.
    this.#releases.set(connection, client.release)
    return connection
  }

  /** Makes of a client that others had what a borrower may expect. */
  async #prepare(connection: PgConnection): Promise<void> {
    const idleSince = restingSince.get(connection)
    // Its end may lie unread in our own socket.
    if (this.#clock.now() - (idleSince ?? -Infinity) >= UNREAD_AFTER_MS) await this.#clock.turn()
    await this.#within(SETUP_MS, connection, async () => {
      // A listener of the pool's `connect` event may be setting the session up, by one statement after another.
      while (connection.isBusy && !connection.isBroken) {
        await connection.becomesReady()
        await this.#clock.turn()
      }
    })
    if (connection.isInTransaction) await connection.endWork()
    if (idleSince === undefined) {
      await this.#within(ANSWER_MS, connection, async () => {
        await connection.adopt()
        await this.learnSession(connection)
      })
    }
    connection.markClean()
    if (connection.condition !== 'clean') throw connection.lostBy ?? new Error('the client was not ready')
  }

  /** Where the work takes longer, the connection ends, and with it what waits for an answer on it. */
  async #within(ms: number, connection: PgConnection, work: () => Promise<void>): Promise<void> {
    const tooLate = (): void => connection.distrust(new Error(`the client did not answer within ${ms} ms`))
    const timer = this.#clock.setTimer(ms, tooLate, { keepAlive: true })
    try {
      await work()
    } finally {
      timer.cancel()
    }
  }

  async #mend(connection: PgConnection): Promise<void> {
    try {
      await this.restore(connection)
    } catch {
      return this.#giveUp(connection, 'unrestored')
    }
    // The pool's other clients are not ours to test: each leaves when it refuses a write.
    if (connection.wasRefusedWrite) return this.#giveUp(connection, 'readOnly')
    this.#giveBack(connection)
  }

  async #giveUp(connection: PgConnection, reason: CloseReason): Promise<void> {
    if (connection.isRunning) await this.cancel(connection)
    // The pool would close it without a reset.
    if (connection.isBusy) connection.destroy()
    this.#giveBack(connection, new Error(`the connection is of no more use: ${reason}`))
  }

  /** With an error, the pool closes the connection. */
  #giveBack(connection: PgConnection, error?: Error): void {
    const release = this.#releases.get(connection)
    if (release === undefined) return
    this.#releases.delete(connection)
    connection.onLost = undefined
    restingSince.set(connection, this.#clock.now())
    release(error)
  }
}
