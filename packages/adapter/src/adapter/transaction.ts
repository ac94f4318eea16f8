/**
 * A transaction: one lease from BEGIN to its end, statements strictly in the order of their calls, one ending
 * whatever happens. Prisma leaves COMMIT and ROLLBACK to us (`usePhantomQuery`), so that both are in one hand.
 */
import {
  DriverAdapterError,
  type IsolationLevel,
  type SqlQuery,
  type SqlResultSet,
  type Transaction,
} from '@prisma/driver-adapter-utils'
import { toDriverAdapterError } from '../convert/errors.js'
import { withPrismaCode } from '../convert/prisma-codes.js'
import type { PgConnection } from '../pg/connection.js'
import type { Lender } from '../pg/lender.js'
import type { Lease } from '../pool/lease.js'
import { borrowToBegin } from './borrow.js'
import { ADAPTER_NAME, affectedRows, asPrismaDoes, runStatement, toResultSet } from './queryable.js'

const BEGIN: Readonly<Record<Exclude<IsolationLevel, 'SNAPSHOT'>, string>> = {
  'READ UNCOMMITTED': 'BEGIN ISOLATION LEVEL READ UNCOMMITTED',
  'READ COMMITTED': 'BEGIN ISOLATION LEVEL READ COMMITTED',
  'REPEATABLE READ': 'BEGIN ISOLATION LEVEL REPEATABLE READ',
  SERIALIZABLE: 'BEGIN ISOLATION LEVEL SERIALIZABLE',
}

/** Borrows a connection and begins; a transaction that does not begin leaves no lease behind. */
export async function startTransaction(
  lender: Lender,
  isolationLevel?: IsolationLevel,
): Promise<Transaction> {
  const begin = beginStatement(isolationLevel)
  return new RealPoolTransaction(await borrowToBegin(lender, (connection) => command(connection, begin)))
}

function beginStatement(isolationLevel: IsolationLevel | undefined): string {
  if (isolationLevel === undefined) return 'BEGIN'
  // PostgreSQL has no SNAPSHOT; a caller without types may pass anything.
  if (isolationLevel === 'SNAPSHOT' || !Object.hasOwn(BEGIN, isolationLevel)) {
    throw new DriverAdapterError({ kind: 'InvalidIsolationLevel', level: isolationLevel })
  }
  return BEGIN[isolationLevel]
}

/** Runs a statement without arguments or rows, and returns the command tag that the server answers with. */
async function command(connection: PgConnection, text: string): Promise<string> {
  return (await connection.query({ text, rowMode: 'array' })).command
}

class RealPoolTransaction implements Transaction {
  readonly provider = 'postgres'
  readonly adapterName = ADAPTER_NAME
  readonly options = { usePhantomQuery: true }
  readonly #lease: Lease<PgConnection>
  /** Settles when the last statement called so far has settled. */
  #tail: Promise<unknown> = Promise.resolve()
  /** Set by the first call of commit or rollback, which alone decides how the transaction ends. */
  #ending: { readonly by: 'commit' | 'rollback'; readonly done: Promise<void> } | undefined
  /** Why the transaction is over although nobody has called for its end: a COMMIT or ROLLBACK sent by hand. */
  #endedBy: string | undefined
  /** The first statement that failed and the error, which is what a COMMIT that saves nothing is due to. */
  #failure: { readonly text: string; readonly error: Error } | undefined

  constructor(lease: Lease<PgConnection>) {
    this.#lease = lease
  }

  async queryRaw(query: SqlQuery): Promise<SqlResultSet> {
    return toResultSet(await this.#enqueue(query.sql, (connection) => runStatement(connection, query)))
  }

  async executeRaw(query: SqlQuery): Promise<number> {
    return affectedRows(await this.#enqueue(query.sql, (connection) => runStatement(connection, query)))
  }

  createSavepoint(name: string): Promise<void> {
    return this.#command(`SAVEPOINT ${quote(name)}`)
  }

  async rollbackToSavepoint(name: string): Promise<void> {
    await this.#command(`ROLLBACK TO SAVEPOINT ${quote(name)}`)
    this.#failure = undefined
  }

  releaseSavepoint(name: string): Promise<void> {
    return this.#command(`RELEASE SAVEPOINT ${quote(name)}`)
  }

  commit(): Promise<void> {
    if (this.#ending?.by === 'rollback') return Promise.reject(alreadyClosed('commit', 'rolled back'))
    this.#ending ??= this.#endBy('commit', this.#commit())
    return this.#ending.done
  }

  /** After a commit this waits for it and does nothing: what is committed cannot be rolled back. */
  rollback(): Promise<void> {
    this.#ending ??= this.#endBy('rollback', this.#rollback())
    return this.#ending.by === 'rollback' ? this.#ending.done : this.#ending.done.catch(() => {})
  }

  #endBy(by: 'commit' | 'rollback', done: Promise<void>) {
    // Whoever asked for the end is told of a failure; a second caller need not be there to catch it.
    done.catch(() => {})
    return { by, done }
  }

  /** The statements called before run first, whether or not they fail. */
  async #commit(): Promise<void> {
    await this.#tail
    try {
      if (this.#endedBy !== undefined) throw endedByHand(this.#endedBy)
      await commit(this.#lease.connection, this.#failure)
    } catch (error) {
      throw withPrismaCode(toDriverAdapterError(error))
    } finally {
      void this.#lease.release()
    }
  }

  /**
   * Does not wait for a statement that runs: the pool cancels it, rolls back, and keeps the connection if the
   * server does both in time. Whatever happens to the connection, nothing of the transaction is saved.
   */
  async #rollback(): Promise<void> {
    this.#lease.connection.expectRollback()
    await this.#lease.release()
    if (this.#endedBy !== undefined) throw toDriverAdapterError(endedByHand(this.#endedBy))
  }

  get #hasRolledBack(): boolean {
    return this.#ending?.by === 'rollback'
  }

  async #command(text: string): Promise<void> {
    await this.#enqueue(text, (connection) => command(connection, text))
  }

  #enqueue<T>(text: string, work: (connection: PgConnection) => Promise<T>): Promise<T> {
    if (this.#ending !== undefined) {
      const how = this.#ending.by === 'commit' ? 'committed' : 'rolled back'
      return Promise.reject(alreadyClosed('query', how))
    }
    const result = this.#tail.then(() => asPrismaDoes(() => this.#run(text, work)))
    this.#tail = result.catch(() => {})
    return result
  }

  async #run<T>(text: string, work: (connection: PgConnection) => Promise<T>): Promise<T> {
    // A rollback that was called meanwhile makes what waits in the queue pointless: it never reaches the wire.
    if (this.#hasRolledBack) throw alreadyClosed('query', 'rolled back')
    // Nor does what comes behind the end of the transaction: it would be saved by itself.
    if (this.#endedBy !== undefined) throw endedByHand(this.#endedBy)
    const { connection } = this.#lease
    try {
      return await work(connection)
    } catch (error) {
      if (this.#hasRolledBack) throw alreadyClosed('query', 'rolled back while it ran; it was cancelled')
      if (error instanceof Error) this.#failure ??= { text, error }
      throw error
    } finally {
      // After a rollback the connection is the pool's again, and its status tells nothing about us.
      if (!this.#hasRolledBack && !connection.isBroken && !connection.isInTransaction) this.#endedBy = text
    }
  }
}

/** COMMIT of a failed transaction is answered by ROLLBACK, without an error (PostgreSQL manual, COMMIT). */
async function commit(
  connection: PgConnection,
  failure: { readonly text: string; readonly error: Error } | undefined,
): Promise<void> {
  if (connection.isBroken) {
    throw stateError('08006', 'the connection was lost before the COMMIT: nothing was saved', failure?.error)
  }
  let tag: string
  try {
    tag = await command(connection, 'COMMIT')
  } catch (error) {
    // An error that the server reports is an answer; anything else leaves open what became of the COMMIT.
    throw connection.isBroken || !isAnswer(error) ? outcomeUnknown(error) : error
  }
  if (tag === 'COMMIT') return
  const cause =
    failure === undefined ? 'a statement in it had failed' : `this statement had failed: ${failure.text}`
  throw stateError(
    '25P02',
    `the transaction was rolled back, not committed, and nothing of it was saved: ${cause}` +
      (failure === undefined ? '' : ` (${failure.error.message})`),
    failure?.error,
  )
}

function isAnswer(error: unknown): boolean {
  return typeof (error as { severity?: unknown } | null)?.severity === 'string'
}

function outcomeUnknown(error: unknown): DriverAdapterError {
  const reason = error instanceof Error ? error.message : 'no answer'
  const message = `it is not known whether the transaction was committed: the COMMIT was not answered (${reason})`
  const unknown = new DriverAdapterError({
    kind: 'ConnectionClosed',
    originalCode: '08007',
    originalMessage: message,
  })
  unknown.message = message
  return Object.defineProperty(unknown, 'originalError', { value: error })
}

function stateError(code: string, message: string, cause?: Error): DriverAdapterError {
  const error = new DriverAdapterError({
    kind: code.startsWith('08') ? 'ConnectionClosed' : 'postgres',
    code,
    severity: 'ERROR',
    message,
    detail: undefined,
    column: undefined,
    hint: 'Let the error of a statement end the transaction, or run the statement in a nested transaction.',
    originalCode: code,
    originalMessage: message,
  })
  error.message = message
  return Object.defineProperty(error, 'originalError', { value: cause })
}

/** A transaction that a statement of the user's has ended; what became of it is what that statement said. */
function endedByHand(text: string): DriverAdapterError {
  return new DriverAdapterError({
    kind: 'TransactionAlreadyClosed',
    cause:
      `Transaction already closed: it was ended by hand, by the statement ${text.trim()}. ` +
      'Leave COMMIT and ROLLBACK to $transaction.',
  })
}

function quote(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`
}

function alreadyClosed(operation: string, how: string): DriverAdapterError {
  return new DriverAdapterError({
    kind: 'TransactionAlreadyClosed',
    cause: `Transaction already closed: a ${operation} cannot be executed on a transaction that was ${how}.`,
  })
}
