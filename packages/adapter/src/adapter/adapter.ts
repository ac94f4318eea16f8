/**
 * The adapter that a PrismaClient talks to: each call outside a transaction borrows a connection for exactly
 * as long as it runs, and has given it back before the rows reach Prisma.
 */
import type {
  ConnectionInfo,
  IsolationLevel,
  SqlDriverAdapter,
  SqlQuery,
  SqlResultSet,
  Transaction,
} from '@prisma/driver-adapter-utils'
import type { TransactionSettings } from '../options.js'
import type { PgConnection } from '../pg/connection.js'
import type { Lender } from '../pg/lender.js'
import { borrow } from './borrow.js'
import { ADAPTER_NAME, affectedRows, asPrismaDoes, runStatement, toResultSet } from './queryable.js'
import { startTransaction } from './transaction.js'

export class RealPoolConnection implements SqlDriverAdapter {
  readonly provider = 'postgres'
  readonly adapterName = ADAPTER_NAME
  readonly #lender: Lender
  readonly #schemaName: string | undefined
  readonly #transaction: TransactionSettings
  readonly #onDispose: () => Promise<void>
  #disposed: Promise<void> | undefined

  constructor(
    lender: Lender,
    schemaName: string | undefined,
    transaction: TransactionSettings,
    onDispose: () => Promise<void>,
  ) {
    this.#lender = lender
    this.#schemaName = schemaName
    this.#transaction = transaction
    this.#onDispose = onDispose
  }

  async queryRaw(query: SqlQuery): Promise<SqlResultSet> {
    return toResultSet(await this.#borrow(query.sql, (connection) => runStatement(connection, query)))
  }

  async executeRaw(query: SqlQuery): Promise<number> {
    return affectedRows(await this.#borrow(query.sql, (connection) => runStatement(connection, query)))
  }

  /** Sends the whole script at once, on one connection, so that the server itself finds its statements. */
  async executeScript(script: string): Promise<void> {
    await this.#borrow(script, (connection) => connection.script(script))
  }

  startTransaction(isolationLevel?: IsolationLevel): Promise<Transaction> {
    return asPrismaDoes(() => startTransaction(this.#lender, this.#transaction, isolationLevel))
  }

  getConnectionInfo(): ConnectionInfo {
    return {
      supportsRelationJoins: true,
      ...(this.#schemaName === undefined ? {} : { schemaName: this.#schemaName }),
    }
  }

  /** Prisma may dispose twice; whatever is shared behind this adapter is let go once. */
  dispose(): Promise<void> {
    this.#disposed ??= this.#onDispose()
    return this.#disposed
  }

  #borrow<T>(text: string, work: (connection: PgConnection) => Promise<T>): Promise<T> {
    return asPrismaDoes(() => borrow(this.#lender, text, work))
  }
}
