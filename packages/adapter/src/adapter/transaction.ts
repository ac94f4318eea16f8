/**
 * A transaction: one lease from BEGIN to its end, statements strictly in the order of their calls, one ending
 * whatever happens. Prisma leaves COMMIT and ROLLBACK to us (`usePhantomQuery`), so that both are in one hand.
 */
import type {
  DriverAdapterError,
  IsolationLevel,
  SqlQuery,
  SqlResultSet,
  Transaction,
} from '@prisma/driver-adapter-utils'
import type { ResultColumns } from '../convert/columns.js'
import { toDriverAdapterError } from '../convert/errors.js'
import { withPrismaCode } from '../convert/prisma-codes.js'
import type { PgConnection } from '../pg/connection.js'
import { quoteIdentifier } from '../pg/identifier.js'
import type { Lender } from '../pg/lender.js'
import { type Facts, factsOf } from '../pg/sql/facts.js'
import {
  didNotStart,
  hasOverrun,
  isMismatch,
  statementOutcomeOf,
  wasBefore,
  wasStale,
} from '../pg/statement-errors.js'
import type { StatementResult } from '../pg/statement.js'
import { publisherOfTransaction, type TransactionPublisher } from '../observe/transactions.js'
import type { AdapterSettings } from '../resolved-options.js'
import { systemClock } from '../pool/clock.js'
import type { Lease } from '../pool/lease.js'
import { MOST_ATTEMPTS } from './borrow.js'
import { command, commit } from './commit.js'
import { debug } from './debug.js'
import { eventLoop } from './event-loop.js'
import { FirstFailure } from './first-failure.js'
import { openingOf } from './opening.js'
import { controlIn, Preamble } from './preamble.js'
import { isRawScript, runRawScript } from './raw-script.js'
import {
  alreadyClosed,
  answeredByAnother,
  didNotBegin,
  endedByHand,
  notConfirmed,
  notOpen,
  nothingSaved,
  outcomeUnknown,
  withReason,
} from './transaction-errors.js'
import { ADAPTER_NAME, affectedRows, asPrismaDoes, statementOf, toResultSet } from './queryable.js'

/** Nothing is sent yet: BEGIN travels with the first statement, and without one there is no transaction. */
export async function startTransaction(
  lender: Lender,
  settings: AdapterSettings,
  isolationLevel?: IsolationLevel,
): Promise<Transaction> {
  const { acquire, autosave } = settings.transaction
  const preamble = new Preamble(openingOf(settings.transaction, isolationLevel), autosave === 'always')
  const lease = acquire === 'start' ? await lender.acquire({ follows: true }) : undefined
  return new RealPoolTransaction(lender, settings, preamble, lease)
}

interface Answer {
  readonly tag: string
}

/** The answers to statements that end a transaction. */
const ENDS: ReadonlySet<string> = new Set(['COMMIT', 'ROLLBACK', 'PREPARE TRANSACTION'])

/** Sends one call, behind the commands `before` it. */
type Send<T extends Answer> = (connection: PgConnection, before: readonly string[]) => Promise<T>

class RealPoolTransaction implements Transaction {
  readonly provider = 'postgres'
  readonly adapterName = ADAPTER_NAME
  readonly options = { usePhantomQuery: true }
  readonly #lender: Lender
  readonly #preamble: Preamble
  readonly #settings: AdapterSettings
  readonly #publisher: TransactionPublisher | undefined
  #lease: Lease<PgConnection> | undefined
  /** Gives up waiting for a connection when the transaction ends meanwhile. */
  #giveUp: ((reason: Error) => void) | undefined
  /** Gives up a statement that cannot be cancelled yet. */
  #leave: ((reason: Error) => void) | undefined
  /** Settles when the last statement called so far has settled. */
  #tail: Promise<unknown> = Promise.resolve()
  /** Set by the first call of commit or rollback, which alone decides how the transaction ends. */
  #ending: { readonly by: 'commit' | 'rollback'; readonly done: Promise<void> } | undefined
  /** Why the transaction is over although nobody has called for its end. */
  #endedBy: DriverAdapterError | undefined
  /** Whether that is because BEGIN failed, so that there is nothing to roll back. */
  #hasNotBegun = false
  readonly #first = new FirstFailure()

  constructor(
    lender: Lender,
    settings: AdapterSettings,
    preamble: Preamble,
    lease: Lease<PgConnection> | undefined,
  ) {
    this.#lender = lender
    this.#settings = settings
    this.#preamble = preamble
    this.#lease = lease
    this.#publisher = publisherOfTransaction(lender.name, systemClock)
    if (lease !== undefined) this.#publisher?.begun(lease.connection)
  }

  async queryRaw(query: SqlQuery): Promise<SqlResultSet> {
    debug?.('[js::query_raw] %O', query)
    return toResultSet(await this.#statement(query), this, this.#settings.userDefinedTypeParser)
  }

  async executeRaw(query: SqlQuery): Promise<number> {
    debug?.('[js::execute_raw] %O', query)
    return affectedRows(await this.#statement(query))
  }

  /** Sent with the next statement. */
  createSavepoint(name: string): Promise<void> {
    return this.#enqueue(() => {
      this.#preamble.savepoint(name)
      this.#first.savepointBegan(name)
      return Promise.resolve()
    })
  }

  rollbackToSavepoint(name: string): Promise<void> {
    return this.#enqueue(async () => {
      if (this.#preamble.undo(name)) return
      await this.#command(`ROLLBACK TO SAVEPOINT ${quoteIdentifier(name)}`)
      this.#first.wentBackTo(name)
    })
  }

  /** Sent with the next statement; at once where the server will refuse it, which is for the caller to know. */
  releaseSavepoint(name: string): Promise<void> {
    return this.#enqueue(async () => {
      if (this.#first.failure === undefined) this.#preamble.release(name)
      else await this.#command(`RELEASE SAVEPOINT ${quoteIdentifier(name)}`)
    })
  }

  commit(): Promise<void> {
    debug?.('[js::commit]')
    if (this.#ending?.by === 'rollback') return Promise.reject(alreadyClosed('commit', 'rolled back'))
    this.#ending ??= this.#endBy('commit', this.#commit())
    return this.#ending.done
  }

  /** After a commit this waits for it and does nothing: what is committed cannot be rolled back. */
  rollback(): Promise<void> {
    debug?.('[js::rollback]')
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
    let isCommitted = false
    try {
      if (this.#endedBy !== undefined) throw this.#endedBy
      if (this.#preamble.hasBegun && this.#lease !== undefined) {
        await commit(
          this.#lease.connection,
          this.#preamble.beforeCommit(),
          this.#first.failure,
          this.#handOver,
        )
      } else if (this.#first.failure !== undefined) throw nothingSaved(this.#first.failure)
      isCommitted = true
    } catch (error) {
      throw withPrismaCode(toDriverAdapterError(error))
    } finally {
      this.#publisher?.ended(isCommitted ? 'committed' : 'failed')
      void this.#lease?.release()
    }
  }

  get #handOver(): ((answered: Promise<unknown>) => void) | undefined {
    const lease = this.#lease
    const mayHandOver =
      this.#lender.handsOver && lease?.hasFollower === true && lease.connection.mayBeFollowed
    if (!mayHandOver) return undefined
    return (answered) => {
      if (lease.handOver(answered)) this.#lease = undefined
    }
  }

  /**
   * Does not wait for a statement that runs: the pool cancels it, rolls back, and keeps the connection if the
   * server does both in time. Whatever happens to the connection, nothing of the transaction is saved.
   */
  async #rollback(): Promise<void> {
    const rolledBack = alreadyClosed('query', 'rolled back while it waited for a connection')
    this.#giveUp?.(rolledBack)
    this.#leave?.(rolledBack)
    this.#lease?.connection.expectRollback()
    this.#publisher?.ended('rolledBack')
    await this.#lease?.release()
    // Of a batch, this is the error that its caller is told instead of the one that led here.
    if (this.#endedBy !== undefined && !this.#hasNotBegun) throw withPrismaCode(this.#endedBy)
  }

  get #hasRolledBack(): boolean {
    return this.#ending?.by === 'rollback'
  }

  #statement(query: SqlQuery): Promise<StatementResult<ResultColumns>> {
    return this.#enqueue(async () => {
      // First of all: a statement that cannot be sent takes nothing of the preamble with it.
      const statement = isRawScript(query, this.#settings)
        ? undefined
        : statementOf(query, this.#settings.statementNameGenerator)
      const facts = statement?.facts ?? factsOf(query.sql)
      const { control } = facts
      // The server refuses everything else in a failed transaction, also if it comes before this.
      const isWayBack = control?.kind === 'rollback to' && this.#first.failure !== undefined
      const result = await this.#run<StatementResult<ResultColumns>>(
        query.sql,
        (connection) =>
          isWayBack
            ? this.#preamble.beforeCommand(connection)
            : this.#preamble.beforeStatement(connection, controlIn(facts)),
        (connection, before) =>
          statement === undefined
            ? this.#sendScript(connection, query.sql, before)
            : connection.run(statement, before),
      )
      this.#noteSavepoints(result.tag, facts)
      if (eventLoop.isBusy) await eventLoop.endOfTurn()
      return result
    })
  }

  /** The tag says what the statement was, the text only names the savepoint. */
  #noteSavepoints(tag: string, { control, controls, statements }: Facts): void {
    const name = control !== undefined && 'name' in control ? control.name : undefined
    // The tag of a script is that of its last statement.
    if (statements > 1) {
      for (const each of controls) if (each.kind === 'savepoint') this.#first.savepointBegan(each.name)
    }
    if (tag === 'SAVEPOINT') this.#first.savepointBegan(name)
    else if (tag === 'ROLLBACK') this.#first.wentBackTo(name)
  }

  /** A script that ends the transaction may begin another, so that the session's status does not tell; also if it fails. */
  async #sendScript(
    connection: PgConnection,
    text: string,
    before: readonly string[],
  ): Promise<StatementResult<ResultColumns>> {
    try {
      return await runRawScript(connection, text, before)
    } finally {
      if (factsOf(text).endsTransaction && !this.#hasRolledBack && !connection.isBroken) {
        this.#endedBy ??= endedByHand(text)
      }
    }
  }

  async #command(text: string): Promise<void> {
    await this.#run(
      text,
      (connection) => this.#preamble.beforeCommand(connection),
      async (connection, before) => ({ tag: await command(connection, text, before) }),
    )
  }

  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    if (this.#ending !== undefined) {
      const how = this.#ending.by === 'commit' ? 'committed' : 'rolled back'
      return Promise.reject(alreadyClosed('query', how))
    }
    const result = this.#tail.then(() =>
      asPrismaDoes(() => {
        // A rollback that was called meanwhile makes what waits in the queue pointless: it never reaches the wire.
        if (this.#hasRolledBack) throw alreadyClosed('query', 'rolled back')
        // Nor does what comes behind the end of the transaction: it would be saved by itself.
        if (this.#endedBy !== undefined) throw this.#endedBy
        return work()
      }),
    )
    this.#tail = result.catch(() => {})
    return result
  }

  async #run<T extends Answer>(
    text: string,
    takeBefore: (connection: PgConnection) => string[],
    send: Send<T>,
  ): Promise<T> {
    try {
      const { connection } = (this.#lease ??= await this.#acquire())
      const isFirst = !this.#preamble.hasBegun
      // An earlier statement failed because it got no connection: the server knows nothing of it.
      if (isFirst) this.#first.clear()
      const before = takeBefore(connection)
      const result = isFirst
        ? await this.#sendFirst(text, before, send)
        : await this.#send(text, before, send)
      this.#preamble.succeeded(result.tag)
      return result
    } catch (error) {
      // A COMMIT of the caller's own that was cancelled may have saved all of it.
      if (error === this.#endedBy) throw error
      if (this.#hasRolledBack) throw alreadyClosed('query', 'rolled back while it ran; it was cancelled')
      if (!(error instanceof Error)) throw error
      if (this.#first.failure !== undefined) throw withReason(error, this.#first.failure)
      if (!this.#preamble.failed(wasBefore(error))) this.#first.note({ text, error })
      throw error
    }
  }

  /**
   * A connection that died while it was idle may show it only now. As long as the server has not answered, nobody
   * has seen anything of the transaction, and nothing of it was saved: it begins anew on another connection.
   */
  async #sendFirst<T extends Answer>(text: string, before: readonly string[], send: Send<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        if (this.#lease?.overdue !== undefined) throw this.#lease.overdue
        const sent = this.#send(text, before, send)
        return await (this.#lease?.connection.isEndingTransaction === true
          ? this.#unlessRolledBack(this.#lease.inTime(sent))
          : sent)
      } catch (error) {
        const lease = this.#lease
        if (lease !== undefined && error === lease.overdue) {
          this.#lease = undefined
          void lease.release()
          this.#notBegun(error as Error)
          throw error
        }
        if (lease === undefined || this.#hasRolledBack || attempt === MOST_ATTEMPTS) throw error
        const { isBroken, hasBegun } = lease.connection
        // Of what the session has prepared, something is not there any more: this very session may begin anew.
        if (wasStale(error) && !isBroken) {
          await command(lease.connection, 'ROLLBACK')
          continue
        }
        if (!isBroken || hasBegun || hasOverrun(error) || this.#endedBy !== undefined) throw error
        this.#lease = undefined
        void lease.release()
        this.#lease = await this.#acquire().catch((failure: Error) => {
          // BEGIN counts as sent: on whichever connection they found, later statements would be saved by themselves.
          this.#notBegun(failure)
          throw failure
        })
      }
    }
  }

  /** Behind the COMMIT of another nothing is cancelled: a rollback leaves the statement to itself, and nobody waits. */
  #unlessRolledBack<T>(sent: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#leave = reject
      sent.then(resolve, reject)
    })
  }

  async #send<T extends Answer>(text: string, before: readonly string[], send: Send<T>): Promise<T> {
    const lease = this.#lease as Lease<PgConnection>
    const { connection } = lease
    // After a rollback, or when the lease was overdue, the connection is the pool's again: its status says nothing of
    // this transaction.
    const isOurs = () => !this.#hasRolledBack && this.#lease === lease
    const isOver = () => isOurs() && !connection.isBroken && !connection.isInTransaction
    try {
      const result = await send(connection, before)
      if (isOver() && !ENDS.has(result.tag) && !factsOf(text).endsTransaction) {
        this.#endedBy = notOpen(text)
        connection.distrust(this.#endedBy)
        throw this.#endedBy
      }
      if (isOver() || factsOf(text).chains) this.#endedBy = endedByHand(text)
      return result
    } catch (error) {
      if (error === this.#endedBy) throw error
      if (isMismatch(error)) throw (this.#endedBy = answeredByAnother(error))
      if (statementOutcomeOf(error) === 'unconfirmed') throw (this.#endedBy = notConfirmed(error as Error))
      if (connection.isBroken && isOurs() && factsOf(text).commits && !didNotStart(error)) {
        this.#endedBy = outcomeUnknown('the transaction was committed', error)
        throw this.#endedBy
      }
      if (isOver() && wasBefore(error)) this.#notBegun(error as Error)
      else if (isOver()) this.#endedBy = endedByHand(text)
      throw error
    }
  }

  #notBegun(error: Error): void {
    this.#hasNotBegun = true
    this.#endedBy = didNotBegin(error)
  }

  async #acquire(): Promise<Lease<PgConnection>> {
    const lease = await this.#lender.acquire({
      follows: true,
      onQueued: (giveUp) => (this.#giveUp = giveUp),
    })
    if (!this.#hasRolledBack) {
      this.#publisher?.begun(lease.connection)
      return lease
    }
    // Granted in the moment of the rollback, which did not see it.
    void lease.release()
    throw alreadyClosed('query', 'rolled back')
  }
}
