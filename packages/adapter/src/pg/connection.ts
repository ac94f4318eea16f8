/**
 * One connection to PostgreSQL: a `pg.Client` with its listeners for life, its queries settled only when the
 * server is ready again, and a verdict on its state whenever someone asks.
 */
import type { Duplex } from 'node:stream'
import type { Client, ClientConfig } from 'pg'
import type { Clock } from '../pool/clock.js'
import type { Access, Condition } from '../pool/types.js'
import { readAnswersOf } from './answer-reader.js'
import {
  type ActiveQuery,
  activeQueryOf,
  backendKeyOf,
  forgetStatements,
  hasReadTimeout,
  isBusy,
  isPipelining,
  isUsable,
  onErrorReported,
  onNotice,
  onSettingReported,
  onStatementBound,
  onStatementComplete,
  onStatementParsed,
  onStatementSuspended,
  socketOf,
  submitQuery,
  textOf,
  transactionStatus,
} from './client-state.js'
import { isDoneWithin } from './deadline.js'
import { resetSocket } from './reset-socket.js'
import type { Prepared, PreparedStatements } from './prepared-statements.js'
import { type Overrun, untilOver, watch } from './overrun.js'
import { Pipeline } from './pipeline.js'
import type { SessionReset } from './session-reset.js'
import type { SessionFacts } from './shared-session.js'
import {
  type Callback,
  CatchUp,
  type Columns,
  isSent,
  isStatement,
  Preceding,
  ResultScript,
  Script,
  Statement,
  type StatementConfig,
  type StatementResult,
} from './statement.js'
import {
  isFatal,
  isMismatch,
  isMissing,
  isOfPostgres,
  lostBefore,
  noteAnswered,
  noteBefore,
  noteOutcome,
  noteRefused,
  provesNotStarted,
  refusesWrite,
  saysUnconfirmed,
  statementOutcomeOf,
  unconfirmedError,
  wasHitByMistake,
  wasStale,
} from './statement-errors.js'
import {
  altersSchema,
  asksForReadOnly,
  beginsTransaction,
  forgetsStatements,
  IS_SERVER_READ_ONLY,
  READ_SETTINGS,
  ReportedSettings,
} from './session-state.js'
import { type Facts, factsOf } from './sql/facts.js'

/** How long to wait for the server to become ready after an error, or to roll back. */
const SETTLE_MS = 1_000
/** How long a goodbye may take before the socket is closed by force. */
const CLOSE_MS = 1_000

/** How long a statement may take, and what ends one that takes longer. */
export interface StatementLimit {
  readonly ms: number
  /** Asks the server to end what the connection is running; resolves to whether nothing of that can come later. */
  readonly cancel: (connection: PgConnection) => Promise<boolean>
}

/** The known facts about the way to the server; the connections of one pool share them. */
export interface Route {
  /** Whether a pooler answers for the server: an option says so, or an error that PostgreSQL did not write. */
  hasPooler: boolean
}

export class PgConnection {
  readonly client: Client
  /** TLS puts another socket above it. */
  readonly #rawSocket: Duplex
  readonly #clock: Clock
  /** For the statements of whoever has the connection. */
  limit: StatementLimit | undefined
  /** Makes sockets to the server, where that is the user's affair. */
  stream: ClientConfig['stream']
  route: Route = { hasPooler: false }
  /** What the session has prepared; none where it must not prepare anything. */
  statements: PreparedStatements | undefined
  /** Undoes what each lease leaves in the session; undefined with `sessionReset: 'detected'`. */
  reset: SessionReset | undefined
  /** Settles when the reset that was sent by itself is answered. */
  #resetAnswer: Promise<void> | undefined
  /** Whether several borrowers have it at the same time, who send one statement each. */
  #isShared = false
  /** How many of those have yet to send it. */
  #toSend = 0
  #pipeline: Pipeline | undefined
  /** The text of the statement that ended last; set back when the connection is lent. */
  lastStatement: string | undefined
  #lost: Error | undefined
  #isClosing = false
  #isGivenUp = false
  #onLost: ((error: Error) => void) | undefined
  #sharesSession = false
  /**
   * Whether an error came since the last catch-up. PGlite 0.4 is ready twice after one: at once, and behind the Sync. The
   * second ReadyForQuery would end the next statement, which would seem to succeed.
   */
  #mayBeBehind = false
  readonly #ended: Promise<void>
  /** Whether a statement may have changed the session since it was made or cleaned. */
  #isChanged = false
  /** Whether it may have changed it in a way that DISCARD ALL does not undo. */
  #needsNewSession = false
  /** The text that was examined last: a script completes many statements. */
  #examinedText: string | undefined
  readonly #settings = new ReportedSettings()
  #transactionText: string | undefined
  /** Whether the transaction is read-only because its caller has made it so. */
  #isMadeReadOnly = false
  /** A refused write: `open` until it is known whether the server or the caller is the cause. */
  #refusal: 'open' | 'by server' | undefined
  /** Whether a statement of the open transaction may have given up prepared statements, or changed their meaning. */
  #isPreparedInDoubt = false
  /** Whether the server has begun with the statement that was sent last. */
  #hasBegun = false

  constructor(client: Client, clock: Clock) {
    this.client = client
    this.#rawSocket = socketOf(client)
    this.#clock = clock
    // For life: an 'error' that nobody listens to ends the process, and a dying client emits several.
    client.on('error', (error: Error) => this.#lose(error))
    this.#ended = new Promise((resolve) => {
      client.once('end', () => {
        this.#lose(new Error('Connection terminated unexpectedly'))
        resolve()
      })
    })
    // Also of a statement that a borrower sends by himself: he gives the connection back before its end arrives.
    onErrorReported(client, (error) => {
      this.lastStatement = textOf(client)
      this.#noteRun(activeQueryOf(client))
      if (!isOfPostgres(error)) this.route.hasPooler = true
      if (isFatal(error)) this.#lose(error)
      this.#mayBeBehind = this.#sharesSession
      const isOwn = this.#isMadeReadOnly && this.isInTransaction
      if (refusesWrite(error) && !isOwn) this.#refusal = 'open'
    })
    onNotice(client, (notice, query) => {
      if (saysUnconfirmed(notice) && isSent(query)) query.noteFailure(unconfirmedError(notice))
    })
    onSettingReported(client, (name, value) => this.#settings.report(name, value))
    onStatementParsed(client, (query) => isStatement(query) && query.noteParsed())
    onStatementBound(client, (query) => isStatement(query) && query.noteBound())
    onStatementComplete(client, (tag, query) => this.#noteComplete(tag, query))
    // A cursor that is closed early never completes.
    onStatementSuspended(client, (query) => this.#noteRun(query))
    readAnswersOf(
      client,
      isStatement,
      (tag, statement) => this.#noteComplete(tag, statement),
      (error) => socketOf(client).destroy(error),
    )
  }

  #noteComplete(tag: string, query: ActiveQuery): void {
    if (query instanceof Script && query.isOwn) return
    const text = query?.text ?? ''
    this.lastStatement = text
    // A BEGIN that went before a statement is ended by whoever sent it.
    const isOurs = isStatement(query) && query.hasCommandsBefore
    if (beginsTransaction(tag)) {
      this.#transactionText = isOurs ? undefined : text
      this.#isMadeReadOnly = !isOurs && asksForReadOnly(text)
    } else if (tag === 'SET' && asksForReadOnly(text)) this.#isMadeReadOnly = true
    this.#noteRun(query)
    if (forgetsStatements(tag)) this.statements?.clear()
    else if (altersSchema(tag)) this.statements?.forgetAll()
  }

  /** Notes whether a statement that ran may have changed the session, whatever its tag says, also if it failed. */
  #noteRun(query: ActiveQuery): void {
    if (query === null || query === undefined) return
    if (isStatement(query)) this.#noteFacts(query.facts)
    // A statement that node-postgres prepared before: its text, and so its effect, is unknown here.
    else if (query.text === undefined) this.#isChanged = true
    else if (query.text !== this.#examinedText) {
      this.#noteFacts(factsOf(query.text))
      this.#examinedText = query.text
    }
  }

  #noteFacts({ changesSession, outlastsDiscard }: Facts): void {
    if (!changesSession) return
    this.#isChanged = true
    this.#needsNewSession ||= outlastsDiscard
  }

  #forgetChange(): void {
    this.#isChanged = false
    this.#needsNewSession = false
    this.#examinedText = undefined
  }

  /** Whether the server runs other connections in the same session (shared-session.ts). */
  get sharesSession(): boolean {
    return this.#sharesSession
  }

  /** From now on: nothing is prepared by name, nothing is sent before what it relies on is answered. */
  shareSession(): void {
    this.#sharesSession = true
    this.statements = undefined
    // The session is not new: an earlier connection may have left something in it.
    this.reset?.noteLeaseEnd()
  }

  /** The server's messages during the connect, as far as they say how it runs sessions. */
  get facts(): SessionFacts {
    return {
      ...backendKeyOf(this.client),
      serverVersion: this.#settings.valueOf('server_version'),
      sessionAuthorization: this.#settings.valueOf('session_authorization'),
    }
  }

  /** As it is now, the session is as it should be for a borrower. */
  markClean(): void {
    this.#forgetChange()
    // The refusal concerned the application, which uses the same `pg.Pool`.
    if (this.#refusal === 'open') this.#refusal = undefined
    this.#settings.seal()
  }

  /** The server's process for it. */
  get processId(): number {
    return backendKeyOf(this.client).processId
  }

  /** The first number of the server's version, as the server or a pooler reports it; undefined: not known. */
  get serverVersion(): number | undefined {
    const version = Number.parseInt(this.#settings.valueOf('server_version') ?? '', 10)
    return Number.isNaN(version) ? undefined : version
  }

  /** Whether what is sent next runs in a transaction. */
  get isInTransaction(): boolean {
    return transactionStatus(this.client) !== 'I' && !this.isEndingTransaction
  }

  /** A transaction that is open when the connection comes back is meant to be rolled back. */
  expectRollback(): void {
    this.#transactionText = undefined
  }

  /** The statement that began a transaction which is open and was left to nobody, as far as there is one. */
  get openTransaction(): string | undefined {
    return this.isInTransaction ? this.#transactionText : undefined
  }

  get isBroken(): boolean {
    return this.condition === 'broken'
  }

  /** What ended the connection, once something has. */
  get lostBy(): Error | undefined {
    return this.#lost
  }

  get isBusy(): boolean {
    return isBusy(this.client)
  }

  /** Whether the server may go on with a statement although nobody waits for it any more. */
  get isRunning(): boolean {
    return this.#isGivenUp || (isBusy(this.client) && !this.#isOnlyResetting && !this.isBroken)
  }

  /** Calls back once when the connection is lost; soon, when it is lost already. */
  set onLost(listener: ((error: Error) => void) | undefined) {
    this.#onLost = listener
    const lost = this.#lost
    if (lost !== undefined) queueMicrotask(() => listener?.(lost))
  }

  get condition(): Condition {
    if (this.#lost !== undefined || !isUsable(this.client)) return 'broken'
    if (this.#refusal === 'open' || this.#mayBeBehind) return 'unclean'
    const isAtWork = this.isBusy && !this.#isOnlyResetting
    return isAtWork || this.isInTransaction || this.isChanged ? 'unclean' : 'clean'
  }

  /** Whether the server accepts writes, from what it has reported. */
  get access(): Access {
    return this.#settings.access
  }

  /** Whether the server refused a write because it is read-only, since the connection was last lent. */
  get wasRefusedWrite(): boolean {
    return this.#refusal === 'by server'
  }

  /**
   * Finds out whether the server or the caller is the cause of a write that was refused; rejects when the server does
   * not say. Not in a transaction.
   */
  async judgeRefusal(): Promise<void> {
    if (this.#refusal !== 'open') return
    const judgement = this.#isServerReadOnly().then((isReadOnly) => {
      this.#refusal = isReadOnly ? 'by server' : undefined
    })
    if (!(await isDoneWithin(SETTLE_MS, judgement, this.#clock))) {
      throw new Error('the server did not say why it had refused a write')
    }
  }

  /** Asks, since a pooler may not pass on what the server has reported. */
  async #isServerReadOnly(): Promise<boolean> {
    const { rows } = await this.run({
      text: IS_SERVER_READ_ONLY,
      values: [],
      columnsOf: () => ({ parsers: [] }),
    })
    return (rows[0] as [unknown])[0] === 't'
  }

  /** Whether one more may send on it: what is under way has left nothing behind so far, and is not going to. */
  get mayBeJoined(): boolean {
    const isTaken = this.#sharesSession || this.isBroken || this.isChanged || this.isInTransaction
    return !isTaken && this.#refusal === undefined
  }

  /** Whether another may send behind a COMMIT: where the wait for an answer has an end, each must wait for its own. */
  get mayBeFollowed(): boolean {
    return !this.#sharesSession && !hasReadTimeout(this.client)
  }

  /** Whether the end of the transaction of whoever had it before is not answered yet. */
  get isEndingTransaction(): boolean {
    return this.#pipeline?.isEndingTransaction === true
  }

  /**
   * Runs a statement. Settles when the server is ready for the next one, also after an error: only then is it
   * known whether the connection is fit for use, and only then may it be given back. The commands `before` it
   * travel in its packet; when one of them fails, the statement does not run.
   */
  run<C extends Columns>(
    config: StatementConfig<C>,
    before: readonly string[] = NO_COMMANDS,
  ): Promise<StatementResult<C>> {
    if (this.#toSend > 0) this.#toSend--
    if (this.#sharesSession) return this.#runInSharedSession(before, config)
    // node-postgres would not end the wait for a statement that is sent behind a reset (`query_timeout`).
    if (this.#resetAnswer !== undefined && hasReadTimeout(this.client)) {
      return this.#resetAnswer.then(() => this.#run(config, before, false))
    }
    return this.#run(config, before, false)
  }

  /**
   * Where the server takes messages of other connections between ours, each command must be one message, and a reset or
   * BEGIN must be answered before anything is sent that relies on it.
   */
  async #runInSharedSession<C extends Columns>(
    before: readonly string[],
    config: StatementConfig<C>,
  ): Promise<StatementResult<C>> {
    if (this.#dueReset !== undefined) await this.becomesReset().catch(() => this.#refuse())
    if (before.length === 0) return this.#runAndCatchUp(config)
    this.#hasBegun = false
    try {
      await this.#settle<string>((callback) => submitQuery(this.client, new Preceding(before, callback)))
    } catch (error) {
      noteBefore(error)
      throw error
    }
    return this.#runAndCatchUp(config)
  }

  async #runAndCatchUp<C extends Columns>(config: StatementConfig<C>): Promise<StatementResult<C>> {
    try {
      return await this.#run(config, NO_COMMANDS, false)
    } catch (error) {
      await this.#catchUp().catch(() => {})
      throw error
    }
  }

  async #catchUp(): Promise<void> {
    if (!this.#mayBeBehind || this.isBroken) return
    const submit = (query: CatchUp): void => submitQuery(this.client, query)
    await this.#settle<string>((callback) => submit(new CatchUp(callback, submit)))
    this.#mayBeBehind = false
  }

  /**
   * Sends COMMIT, behind which the next borrower may send at once. Settles when it is answered; should it fail, there is
   * no transaction either by then.
   */
  commit(): Promise<string> {
    if (this.isBroken) return this.#refuse()
    this.#hasBegun = false
    const answer = this.#flights.commit()
    // The statements behind the COMMIT belong to another lease.
    this.reset?.noteLeaseEnd()
    return answer
  }

  /** Runs a script of any number of statements in the simple protocol (PostgreSQL manual 54.2.2); returns the last tag. */
  script(text: string): Promise<string> {
    return this.#behindReset(() => this.#script(text))
  }

  /** The simple protocol cannot skip a script behind a reset that failed: the script waits for the answer to the reset. */
  #behindReset<R>(send: () => Promise<R>): Promise<R> {
    if (this.#dueReset === undefined) return send()
    return this.becomesReset().then(send, () => this.#refuse())
  }

  /**
   * The reset to be confirmed before anything else runs. Not in a transaction: the COMMIT of the reset would commit it. It
   * began behind the reset, although its first answer is lost to us if node-postgres gave up the wait (`query_timeout`).
   */
  get #dueReset(): SessionReset | undefined {
    return this.reset?.isDue === true && !this.isInTransaction ? this.reset : undefined
  }

  #script(text: string): Promise<string> {
    this.#hasBegun = false
    return this.#settle<string>((callback) => submitQuery(this.client, new Script(text, callback)))
  }

  /** Runs a script as `script` does; returns the result of its last statement. */
  runScript<C extends Columns>(
    text: string,
    columnsOf: StatementConfig<C>['columnsOf'],
  ): Promise<StatementResult<C>> {
    return this.#behindReset(() => {
      if (this.isBroken) return this.#refuse()
      // Some of its statements may have run, and have been committed, before it fails: it must not run again.
      this.#hasBegun = true
      this.#notePreparedInDoubt(factsOf(text))
      return this.#settle<StatementResult<C>>((callback) =>
        submitQuery(this.client, new ResultScript(text, columnsOf, callback)),
      )
    })
  }

  /** What succeeds costs no more than its promises: async functions see only to what fails, or has a limit. */
  #run<C extends Columns>(
    config: StatementConfig<C>,
    before: readonly string[],
    isAgain: boolean,
  ): Promise<StatementResult<C>> {
    if (this.isBroken) return this.#refuse()
    // Not confirmed yet: the packet repeats the reset, whose failure then skips the statement.
    const reset = this.#dueReset
    const confirm = reset?.noteSent()
    const commands = reset === undefined ? before : [...reset.commands, ...before]
    const known = this.#preparedFor(config)
    // What another in flight prepares meanwhile may fail again; by itself it depends on none.
    const prepared = isAgain && this.#isShared && known?.isSent === true ? undefined : known
    const surplus = this.statements?.takeSurplus() ?? NO_COMMANDS
    // Behind others, or behind the COMMIT of whoever had the connection before.
    const isPipelined = this.#isShared || this.#pipeline?.isInFlight === true
    let statement: Statement<C> | undefined
    const statementFor = (callback: Callback<StatementResult<C>>): Statement<C> =>
      (statement = new Statement(
        config,
        commands,
        prepared,
        surplus,
        confirm === undefined
          ? callback
          : (error, result) => {
              if (isResetBy(statement, reset)) confirm()
              callback(error, result)
            },
      ))
    const sent = isPipelined
      ? this.#flights.send<StatementResult<C>>(statementFor, this.#toSend === 0)
      : this.#settle<StatementResult<C>>((callback) => submitQuery(this.client, statementFor(callback)))
    return sent.catch((error: unknown) => {
      this.#noteFailure(error, statement, prepared)
      // The server ended the session before it came to what was behind that in flight.
      const isUnknown = statementOutcomeOf(error) === 'unknown'
      if (isPipelined && isUnknown && this.#isProofNotStarted(this.#lost)) {
        throw lostBefore('notStarted', error as Error)
      }
      // It did not run, and where it stood by itself nothing else has failed with it.
      const isHit = wasHitByMistake(error)
      const isUnreset = !isResetBy(statement, reset) && statementOutcomeOf(error) === 'failed'
      if (isUnreset && (isAgain || !isHit)) throw this.#loseUnreset(error as Error)
      if (isAgain || (!wasStale(error) && !isHit)) throw error
      if (this.isBroken && (this.#isShared || isHit)) throw lostBefore('notStarted', error as Error)
      if (this.isBroken || this.isInTransaction) throw error
      return this.#run(config, before, true)
    })
  }

  /**
   * The prepared statement for a text, where it is worth preparing and certain to have its meaning. In a transaction a
   * prepared statement that the server refuses would abort all of it, and one that reads a hidden table goes unnoticed.
   */
  #preparedFor({ text, name, facts = factsOf(text) }: StatementConfig<Columns>): Prepared | undefined {
    if (this.statements === undefined) return undefined
    return this.#notePreparedInDoubt(facts) ? undefined : this.statements.for(text, name)
  }

  /** Returns whether they are in doubt for the statement itself. */
  #notePreparedInDoubt({ keepsPrepared }: Facts): boolean {
    const isInDoubt = this.#isPreparedInDoubt && this.isInTransaction
    // Also if the statement fails: DEALLOCATE ALL stays done when a savepoint undoes the rest.
    this.#isPreparedInDoubt = isInDoubt || !keepsPrepared
    return isInDoubt
  }

  #noteFailure<C extends Columns>(
    error: unknown,
    statement: Statement<C> | undefined,
    prepared: Prepared | undefined,
  ): void {
    this.#hasBegun = statement?.hasBegun === true
    if (this.#isProofNotStarted(error)) noteOutcome(error, 'notStarted')
    if (statement?.failedBefore === true) noteBefore(error)
    if (statement?.wasRefused === true) noteRefused(error)
    const unusable = wasStale(error) ? prepared : statement?.unparsed
    if (unusable !== undefined) this.statements?.forget(unusable)
    // Mostly all of them were given up. In a transaction the next one would fail, too, and abort it.
    if (wasStale(error) && isMissing(error)) this.statements?.forgetAll()
  }

  /** Whether the end of the session proves that the server did not begin with the statement that was sent last. */
  #isProofNotStarted(lost: unknown): boolean {
    return !this.#hasBegun && !this.route.hasPooler && provesNotStarted(lost)
  }

  /** The session was not reset, and nothing ran in it since: its holder may go on with another connection. */
  #loseUnreset(error: Error): Error {
    this.#hasBegun = false
    this.#lose(error)
    return lostBefore('notStarted', error)
  }

  /** Sends the reset that is due, if it was not sent yet. To be called where no holder is about to send something. */
  sendReset(): void {
    const { reset } = this
    // Its COMMIT must not be that of a transaction which is about to be rolled back.
    if (reset?.isUnsent !== true || this.isBroken || this.isInTransaction) return
    const confirm = reset.noteSent()
    const answer = this.#flights
      .send<string>((callback) => new Script(reset.script, callback, true), true)
      .then(confirm, (error: Error) => this.#lose(error))
      .finally(() => {
        if (this.#resetAnswer === answer) this.#resetAnswer = undefined
      })
    this.#resetAnswer = answer
  }

  /** Waits until the session is certainly reset, for work that cannot be sent behind a reset; rejects if the reset fails. */
  async becomesReset(): Promise<void> {
    this.sendReset()
    const answer = this.#resetAnswer
    if (answer !== undefined && !(await isDoneWithin(SETTLE_MS, answer, this.#clock))) {
      this.#lose(new Error('the session could not be reset in time'))
      this.destroy()
    }
    if (this.reset?.isDue === true || this.isBroken)
      throw this.#lost ?? new Error('the session was not reset')
  }

  /** Whether a reset of ours is all that is in flight. */
  get #isOnlyResetting(): boolean {
    return this.#resetAnswer !== undefined && this.#pipeline?.inFlight === 1
  }

  /** A lease is over: the session is not for the next before it is reset. */
  endLease(): void {
    this.reset?.noteLeaseEnd()
  }

  /** Of a connection that is lost. */
  #refuse(): Promise<never> {
    this.#hasBegun = false
    return Promise.reject(lostBefore('notSent', this.#lost ?? new Error('Connection terminated')))
  }

  get #flights(): Pipeline {
    this.#pipeline ??= new Pipeline(this.client, this.#clock, SETTLE_MS, {
      watch: (onCancel) => this.#watch(onCancel),
      outlive: (cancelled) => this.#outlive(cancelled),
      onSilent: (error) => this.distrust(error),
    })
    return this.#pipeline
  }

  #settle<R>(send: (callback: Callback<R>) => void): Promise<R> {
    if (this.isBroken) return this.#refuse()
    const overrun = this.#watch()
    const answer = new Promise<R>((resolve, reject) => {
      send((error, result) => (error === null ? resolve(result as R) : reject(error)))
    }).catch((error: unknown) => this.#whenReady(error))
    return overrun === undefined
      ? answer
      : untilOver(answer, overrun, (cancelled) => this.#outlive(cancelled))
  }

  /** Rejects with the error once the server is ready for the next statement, or never will be. */
  async #whenReady(error: unknown): Promise<never> {
    if (isFatal(error)) throw error
    if (isMismatch(error)) {
      this.distrust(error)
      throw error
    }
    if (!isBusy(this.client) || (await this.becomesReady())) {
      noteAnswered(error)
    } else {
      // It was node-postgres that ended the wait (`query_timeout`), not the server.
      this.#isGivenUp = isUsable(this.client)
      this.#lose(error as Error)
      // Before the call rejects: once it says that the outcome is unknown, the statement must not arrive any more.
      this.destroy()
    }
    throw error
  }

  /** Waits for the end of a cancel, which else may hit the next statement; the connection ends where it may still come. */
  async #outlive(cancelled: Promise<boolean>): Promise<void> {
    if (this.isBroken) return
    const over = cancelled.then((isOver) => (isOver ? undefined : Promise.reject(new Error('not answered'))))
    if (!(await isDoneWithin(SETTLE_MS, over, this.#clock))) this.destroy()
  }

  /** Ends a statement that takes too long. */
  #watch(onCancel?: (cancelled: Promise<boolean>) => void): Overrun | undefined {
    if (this.limit === undefined) return undefined
    const { ms, cancel } = this.limit
    const events = {
      cancel: () => {
        const cancelled = cancel(this)
        onCancel?.(cancelled)
        return cancelled
      },
      destroy: () => this.destroy(),
    }
    return watch(ms, SETTLE_MS, events, this.#clock)
  }

  /** Whether the server has begun with what was sent last, so that it may have done it. */
  get hasBegun(): boolean {
    return this.#hasBegun
  }

  /** Whether a statement of the open transaction has failed, so that it can only be rolled back. */
  get hasFailed(): boolean {
    return transactionStatus(this.client) === 'E'
  }

  /** Ends the statement and the transaction that a borrower left behind; rejects when they do not end. */
  async endWork(): Promise<void> {
    if (isBusy(this.client) && !(await this.becomesReady())) throw new Error('the connection is still busy')
    await this.#catchUp()
    if (!this.isInTransaction) return
    if (!(await isDoneWithin(SETTLE_MS, this.script('ROLLBACK'), this.#clock))) {
      throw new Error('the transaction left open could not be rolled back')
    }
  }

  /** Whether a borrower may have left something in the session that the next one would meet. */
  get isChanged(): boolean {
    return this.#isChanged || !this.#settings.areInitial
  }

  /** Learns of a session that others began what the server had told them. */
  async adopt(): Promise<void> {
    // In the simple protocol: a server that runs all connections in one session may put another's messages between ours.
    const { rows } = await this.client.query<[string, string | null]>({
      text: READ_SETTINGS,
      rowMode: 'array',
    })
    for (const [name, value] of rows) {
      if (value !== null) this.#settings.report(name, value)
    }
  }

  /**
   * Sees to the form of dates where the startup packet could not. A pooler keeps it for each of its clients, in the
   * words of the server: then, and only then, sessions that are alike cost it no `SET` whenever it lends one.
   */
  async pinDateStyle(): Promise<void> {
    const style = this.#settings.valueOf('DateStyle')
    if (style === undefined || style.startsWith('ISO')) return
    await this.script('SET DateStyle TO ISO')
    this.#forgetChange()
  }

  /** Makes the session as it was when it began (PostgreSQL manual, DISCARD ALL). */
  async discardSession(): Promise<void> {
    if (this.#needsNewSession)
      throw new Error('a statement changed the session in a way that only its end undoes')
    this.client.removeAllListeners('notification')
    this.client.removeAllListeners('notice')
    if (!(await isDoneWithin(SETTLE_MS, this.script('DISCARD ALL'), this.#clock))) {
      throw new Error('what was left in the session could not be discarded')
    }
    forgetStatements(this.client)
    this.#forgetChange()
    // It does all that a reset does.
    this.reset?.noteSent()()
  }

  /** Asks the server for nothing, to hear whether it is there; rejects when it is not, in time. */
  async ping(limitMs: number): Promise<void> {
    // An empty query is answered without a transaction (PostgreSQL manual 54.2.2, EmptyQueryResponse).
    if (!(await isDoneWithin(limitMs, this.client.query(''), this.#clock)))
      throw new Error('the connection does not answer')
  }

  /** Says goodbye to the server, and closes the socket by force when that takes too long. */
  async close(): Promise<void> {
    this.#isClosing = true
    // node-postgres would cut a session that has something in flight.
    if (this.#isOnlyResetting) await this.becomesReset().catch(() => {})
    // Nor would it reset the socket.
    if (this.isBusy && !isPipelining(this.client)) this.destroy()
    if (!(await isDoneWithin(CLOSE_MS, this.client.end(), this.#clock))) this.destroy()
  }

  /** A borrower has it from now on: alone, or as one more of those who share it. */
  beHeld(isShared: boolean): void {
    this.#isShared = isShared
    this.#toSend = isShared ? this.#toSend + 1 : 0
    if (!isShared) this.lastStatement = this.#examinedText = undefined
    if (this.#refusal === 'by server') this.#refusal = undefined
    this.keepProcessAlive(true)
  }

  keepProcessAlive(isInUse: boolean): void {
    const socket = socketOf(this.client)
    // A stream of the user's own may know neither.
    if (isInUse) socket.ref?.()
    else socket.unref?.()
  }

  /** Ends a connection whose answers are not to be trusted: the next one may belong to another statement. */
  distrust(error: Error): void {
    this.#lose(error)
    this.destroy()
  }

  /**
   * Closes the socket at once. An unanswered statement is not delivered any more, as far as it is still in our kernel.
   * Otherwise the kernel keeps trying to tell the server of the end, so that the session does not stay behind.
   */
  destroy(): void {
    this.#isClosing = true
    if (this.isBusy) resetSocket(this.#rawSocket)
    socketOf(this.client).destroy()
  }

  #lose(error: Error): void {
    if (this.#lost !== undefined) return
    this.#lost = error
    if (!this.#isClosing) this.#onLost?.(error)
  }

  /** Waits until the server has answered everything; resolves to whether it did, rather than be gone or silent. */
  async becomesReady(): Promise<boolean> {
    // Noted at the event: by the time this goes on, another who waited for it may have sent something.
    let isDrained = false
    const drained = new Promise<void>((resolve) =>
      this.client.once('drain', () => {
        isDrained = true
        resolve()
      }),
    )
    await isDoneWithin(SETTLE_MS, Promise.race([drained, this.#ended]), this.#clock)
    return isDrained && isUsable(this.client)
  }
}

/** Whether a packet with a reset before its statement has reset the session, also if the statement itself failed. */
function isResetBy<C extends Columns>(
  statement: Statement<C> | undefined,
  reset: SessionReset | undefined,
): boolean {
  return reset === undefined || (statement?.completedBefore ?? 0) >= reset.commands.length
}

const NO_COMMANDS: readonly string[] = []
