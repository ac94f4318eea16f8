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
import { refuseNul } from '../convert/arguments.js'
import type { ResultColumns } from '../convert/columns.js'
import type { AdapterSettings } from '../resolved-options.js'
import type { Lender } from '../pg/lender.js'
import { partsOf } from '../pg/script.js'
import { failLaterPart } from '../pg/statement-errors.js'
import type { StatementResult } from '../pg/statement.js'
import { borrow, loanFor } from './borrow.js'
import { debug } from './debug.js'
import { ADAPTER_NAME, affectedRows, asPrismaDoes, statementOf, toResultSet } from './queryable.js'
import { isRawScript, runRawScript } from './raw-script.js'
import { startTransaction } from './transaction.js'

export class RealPoolConnection implements SqlDriverAdapter {
  readonly provider = 'postgres'
  readonly adapterName = ADAPTER_NAME
  readonly #lender: Lender
  readonly #schemaName: string | undefined
  readonly #settings: AdapterSettings
  readonly #onDispose: () => Promise<void>
  #disposed: Promise<void> | undefined

  constructor(
    lender: Lender,
    schemaName: string | undefined,
    settings: AdapterSettings,
    onDispose: () => Promise<void>,
  ) {
    this.#lender = lender
    this.#schemaName = schemaName
    this.#settings = settings
    this.#onDispose = onDispose
  }

  async queryRaw(query: SqlQuery): Promise<SqlResultSet> {
    debug?.('[js::query_raw] %O', query)
    return toResultSet(await this.#run(query), this, this.#settings.userDefinedTypeParser)
  }

  async executeRaw(query: SqlQuery): Promise<number> {
    debug?.('[js::execute_raw] %O', query)
    return affectedRows(await this.#run(query))
  }

  /**
   * Sends the whole script at once, on one connection, so that the server itself finds its statements; only what
   * cannot be in one transaction with others goes by itself.
   */
  async executeScript(script: string): Promise<void> {
    await asPrismaDoes(() => {
      refuseNul(script)
      const [first = '', ...rest] = partsOf(script)
      return borrow(this.#lender, script, async (connection) => {
        await connection.script(first)
        for (const part of rest) await connection.script(part).catch(failLaterPart)
      })
    })
  }

  startTransaction(isolationLevel?: IsolationLevel): Promise<Transaction> {
    debug?.('[js::startTransaction] isolation level: %s', isolationLevel ?? 'default')
    return asPrismaDoes(() => startTransaction(this.#lender, this.#settings, isolationLevel))
  }

  getConnectionInfo(): ConnectionInfo {
    // Prisma puts it between quotation marks as it is.
    const schemaName = this.#schemaName?.replaceAll('"', '""')
    return { supportsRelationJoins: true, ...(schemaName === undefined ? {} : { schemaName }) }
  }

  /** Prisma may dispose twice; whatever is shared behind this adapter is let go once. */
  dispose(): Promise<void> {
    this.#disposed ??= this.#onDispose()
    return this.#disposed
  }

  #run(query: SqlQuery): Promise<StatementResult<ResultColumns>> {
    return asPrismaDoes(() => {
      if (isRawScript(query, this.#settings)) {
        return borrow(this.#lender, query.sql, (connection) => runRawScript(connection, query.sql))
      }
      const statement = statementOf(query, this.#settings.statementNameGenerator)
      const loan = loanFor(this.#lender, statement.facts)
      return borrow(this.#lender, query.sql, (connection) => connection.run(statement), loan)
    })
  }
}
