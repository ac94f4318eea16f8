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

  constructor(lease: Lease<PgConnection>) {
    this.#lease = lease
  }

  async queryRaw(query: SqlQuery): Promise<SqlResultSet> {
    return toResultSet(await this.#enqueue((connection) => runStatement(connection, query)))
  }

  async executeRaw(query: SqlQuery): Promise<number> {
    return affectedRows(await this.#enqueue((connection) => runStatement(connection, query)))
  }

  async createSavepoint(name: string): Promise<void> {
    await this.#enqueue((connection) => command(connection, `SAVEPOINT ${quote(name)}`))
  }

  async rollbackToSavepoint(name: string): Promise<void> {
    await this.#enqueue((connection) => command(connection, `ROLLBACK TO SAVEPOINT ${quote(name)}`))
  }

  async releaseSavepoint(name: string): Promise<void> {
    await this.#enqueue((connection) => command(connection, `RELEASE SAVEPOINT ${quote(name)}`))
  }

  commit(): Promise<void> {
    if (this.#ending?.by === 'rollback') return Promise.reject(alreadyClosed('commit', 'rolled back'))
    this.#ending ??= { by: 'commit', done: this.#end(commit) }
    return this.#ending.done
  }

  /** After a commit this waits for it and does nothing: what is committed cannot be rolled back. */
  rollback(): Promise<void> {
    this.#ending ??= { by: 'rollback', done: this.#end(rollback) }
    return this.#ending.by === 'rollback' ? this.#ending.done : this.#ending.done.catch(() => {})
  }

  /** The statements called before run first, whether or not they fail; then the lease ends, once. */
  #end(how: (connection: PgConnection) => Promise<void>): Promise<void> {
    const ended = this.#tail.then(() => this.#endNow(how))
    // Whoever asked for the end is told of a failure; a second caller need not be there to catch it.
    ended.catch(() => {})
    return ended
  }

  async #endNow(how: (connection: PgConnection) => Promise<void>): Promise<void> {
    try {
      await how(this.#lease.connection)
    } catch (error) {
      throw withPrismaCode(toDriverAdapterError(error))
    } finally {
      void this.#lease.release()
    }
  }

  #enqueue<T>(work: (connection: PgConnection) => Promise<T>): Promise<T> {
    if (this.#ending !== undefined) {
      return Promise.reject(
        alreadyClosed('query', this.#ending.by === 'commit' ? 'committed' : 'rolled back'),
      )
    }
    const result = this.#tail.then(() => {
      // A rollback that was called meanwhile makes what waits in the queue pointless: it never reaches the wire.
      if (this.#ending?.by === 'rollback') throw alreadyClosed('query', 'rolled back')
      return asPrismaDoes(() => work(this.#lease.connection))
    })
    this.#tail = result.catch(() => {})
    return result
  }
}

/** COMMIT of a failed transaction is answered by ROLLBACK, without an error (PostgreSQL manual, COMMIT). */
async function commit(connection: PgConnection): Promise<void> {
  const tag = await command(connection, 'COMMIT')
  if (tag === 'COMMIT') return
  throw new DriverAdapterError({
    kind: 'postgres',
    code: '25P02',
    severity: 'ERROR',
    message:
      'the transaction was rolled back, not committed: a statement in it had failed, and the error was caught ' +
      'without ending the transaction. Nothing of it was saved.',
    detail: undefined,
    column: undefined,
    hint: 'Let the error of the statement end the transaction, or run the statement in a nested transaction.',
    originalCode: '25P02',
    originalMessage: 'the transaction was rolled back, not committed',
  })
}

/** A connection that cannot roll back is closed by the pool, and then the server rolls back by itself. */
async function rollback(connection: PgConnection): Promise<void> {
  await command(connection, 'ROLLBACK').catch(() => {})
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
