/**
 * What goes over the wire for one call, and what comes back: a statement of the extended protocol, with the commands
 * that travel before it, in one packet and under one Sync, so that the first that fails skips all behind it (PostgreSQL
 * manual 54.2.3): a BEGIN that fails never lets the statement run by itself. Or a script of the simple protocol.
 *
 * The hot path: it speaks to node-postgres' client in the place of its own class of queries, because that one
 * describes each statement anew, and makes an object for each row and a function for each call. What each of its ways
 * is worth, in CPU time of the adapter without Prisma, 16 callers on loopback, one without the other:
 *
 * - statements are prepared (prepared-statements.ts): 22 µs for one row instead of 30, and two thirds of the time;
 * - what is prepared is described once: 23 µs instead of 25;
 * - rows are read from the bytes of the socket (answer-reader.ts): 350 µs for 1,000 rows of 4 columns instead of 575,
 *   and with what is below, 200;
 * - so is how far the server is with them: 23.5 µs for one row instead of 24.5;
 * - what succeeds passes through no async function of the connection's: 22 µs instead of 23.5; nor of the pipeline's: 18
 *   instead of 19.5, where calls share;
 * - packets share a buffer, and what is short or always the same is written without leaving JavaScript (packet.ts):
 *   25 µs instead of 27, on a slower day;
 * - short texts that came at once are parts of one string (texts.ts): 245 µs for 1,000 rows instead of 310, where each
 *   row was one;
 * - whole numbers are read without one: 200 µs instead of 245.
 */
import { NO_VALUES, Packet, type WireValue } from './packet.js'
import type { Prepared } from './prepared-statements.js'
import { mismatch, noteOutcome, statementOutcomeOf } from './statement-errors.js'
import { type Facts, factsOf } from './sql/facts.js'
import { ProtocolViolation } from './protocol-violation.js'
import type { Texts } from './texts.js'

/** What the server says of a column. */
export interface Field {
  readonly name: string
  readonly dataTypeID: number
}

/** What is known of the rows of a statement before the first of them comes. */
export interface Columns {
  /** How to read the values of each column; `undefined`: as they come. */
  readonly parsers: readonly (ValueParser | undefined)[]
}

export type ValueParser = (text: string) => unknown

export interface StatementConfig<C extends Columns> {
  readonly text: string
  readonly values: readonly WireValue[]
  /** Called once for each description that the server sends, not for each run. */
  readonly columnsOf: (fields: readonly Field[]) => C
  /** The facts of the text, where the caller has found them already. */
  readonly facts?: Facts
  /** The name to prepare it by, if the caller chooses one; `''`: do not prepare it. */
  readonly name?: string | undefined
}

export interface StatementResult<C extends Columns> {
  readonly columns: C
  readonly rows: unknown[][]
  /** The tag of the last command, such as `UPDATE 3` (manual 54.7, CommandComplete). */
  readonly tag: string
}

/** The part of node-postgres' connection (pg 8.23) that is used here. */
interface Wire {
  readonly stream: { write(bytes: Buffer): unknown }
}

/** The part of it that answers a server which waits for data. */
interface CopyWire {
  sendCopyFail(message: string): void
  sync(): void
}

/** With an error or a result. */
export type Callback<R> = (error: Error | null, result?: R) => void

const NO_COPY =
  'COPY from the client is not supported here, and nothing was copied. Use pool.use(client => …) with pg-copy-streams'

/** feature_not_supported */
const NO_COPY_CODE = '0A000'

/** Has the methods that node-postgres' client calls on a query. */
abstract class Sent<R> {
  readonly text: string
  /** Set by `client.query`, too, where the client has a `query_timeout`. */
  callback: Callback<R>
  protected tag = ''
  /** A failure that the server does not report as an error; the caller gets it when the server is ready again. */
  protected readError: Error | undefined
  #isCopyRefused = false

  constructor(text: string, callback: Callback<R>) {
    this.text = text
    this.callback = callback
  }

  protected abstract packet(): Packet
  protected abstract result(): R

  submit(wire: Wire): undefined {
    wire.stream.write(this.packet().finish())
  }

  /** The caller gets this error instead of the server's answer. */
  noteFailure(error: Error): void {
    this.readError = error
  }

  handleCommandComplete({ text: tag }: { text: string }): void {
    this.noteComplete(tag)
  }

  noteComplete(tag: string): void {
    this.tag = tag
  }

  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}
  handleCopyData(): void {}

  /** No data follows: CopyFail makes the server answer with an error. */
  handleCopyInResponse(wire: CopyWire): void {
    this.#isCopyRefused = true
    wire.sendCopyFail(NO_COPY)
  }

  /** Rejects at once, because the rest of a wrong answer may never come. */
  protected refuse(error: Error): void {
    this.readError = error
    this.callback(error)
  }

  handleError(error: Error, wire: CopyWire): void {
    // The server quotes our message only if it has read it. A trigger that fails before that has left our Sync unread.
    if (this.#isCopyRefused && error.message.includes(NO_COPY)) {
      this.resumeAfterCopy(wire)
      this.callback(copyRefused(error))
    } else this.callback(this.readError ?? error)
  }

  /** Asks the server to become ready again, if it does not do so by itself. */
  protected resumeAfterCopy(_wire: CopyWire): void {}

  handleReadyForQuery(): void {
    if (this.readError === undefined) return this.callback(null, this.result())
    if (statementOutcomeOf(this.readError) === 'unknown') noteOutcome(this.readError, 'completed')
    this.callback(this.readError)
  }
}

/** Any number of statements, of whose rows none are wanted (manual 54.2.2, simple query). */
export class Script extends Sent<string> {
  /** Whether the pool sends it for itself, so that it says nothing about a holder's work. */
  readonly isOwn: boolean

  constructor(text: string, callback: Callback<string>, isOwn = false) {
    super(text, callback)
    this.isOwn = isOwn
  }

  protected packet(): Packet {
    return new Packet().query(this.text)
  }

  protected result(): string {
    return this.tag
  }

  handleRowDescription(): void {}
  handleDataRow(): void {}
}

/** The commands that go before a statement, by themselves in the simple protocol; returns the tag of the first. */
export class Preceding extends Script {
  readonly #first: string
  #firstTag: string | undefined

  constructor(commands: readonly string[], callback: Callback<string>) {
    super(commands.join('; '), callback)
    this.#first = commands[0] ?? ''
  }

  override noteComplete(tag: string): void {
    if (this.#firstTag === undefined && !isAnswerTo(this.#first, tag)) this.refuse(mismatch(this.#first, tag))
    this.#firstTag ??= tag
  }

  protected override result(): string {
    return this.#firstTag ?? ''
  }
}

/**
 * Waits until the server has nothing more to say of what was sent before: an empty query, which a failed transaction
 * takes, too. No other answer is an EmptyQueryResponse (manual 54.7), so that a ReadyForQuery without one is not its own.
 */
export class CatchUp extends Script {
  readonly #waitOn: (query: CatchUp) => void
  #isSent = false
  #isAnswered = false

  /** @param waitOn - gives the query to the client again, which has taken it for answered. */
  constructor(callback: Callback<string>, waitOn: (query: CatchUp) => void) {
    super('', callback, true)
    this.#waitOn = waitOn
  }

  override submit(wire: Wire): undefined {
    if (this.#isSent) return
    this.#isSent = true
    super.submit(wire)
  }

  override handleEmptyQuery(): void {
    this.#isAnswered = true
  }

  override handleReadyForQuery(): void {
    if (this.#isAnswered) super.handleReadyForQuery()
    else this.#waitOn(this)
  }
}

/** Any number of statements in the simple protocol. The result is that of the last. */
export class ResultScript<C extends Columns> extends Sent<StatementResult<C>> {
  readonly #columnsOf: (fields: readonly Field[]) => C
  #columns: C
  #rows: unknown[][] = []
  /** Whether the server has described rows since the last statement was complete. */
  #isDescribed = false

  constructor(
    text: string,
    columnsOf: (fields: readonly Field[]) => C,
    callback: Callback<StatementResult<C>>,
  ) {
    super(text, callback)
    this.#columnsOf = columnsOf
    this.#columns = columnsOf([])
  }

  protected packet(): Packet {
    return new Packet().query(this.text)
  }

  protected result(): StatementResult<C> {
    return { columns: this.#columns, rows: this.#rows, tag: this.tag }
  }

  handleRowDescription({ fields }: { fields: readonly Field[] }): void {
    this.#isDescribed = true
    this.#begin(fields)
  }

  handleDataRow({ fields }: { fields: unknown[] }): void {
    if (this.readError !== undefined) return
    try {
      this.#rows.push(readInPlace(fields, this.#columns.parsers))
    } catch (error) {
      this.readError = error as Error
    }
  }

  override noteComplete(tag: string): void {
    super.noteComplete(tag)
    if (!this.#isDescribed) this.#begin([])
    this.#isDescribed = false
  }

  #begin(fields: readonly Field[]): void {
    this.#columns = this.#columnsOf(fields)
    this.#rows = []
  }
}

/** The array that node-postgres made for the row becomes the row. */
function readInPlace(fields: unknown[], parsers: Columns['parsers']): unknown[] {
  for (let column = 0; column < fields.length; column++) {
    const parse = parsers[column]
    if (parse !== undefined && fields[column] !== null) fields[column] = parse(fields[column] as string)
  }
  return fields
}

export class Statement<C extends Columns> extends Sent<StatementResult<C>> {
  readonly #config: StatementConfig<C>
  readonly #before: readonly string[]
  readonly #prepared: Prepared | undefined
  readonly #surplus: readonly string[]
  /** Whether the text goes along, because the server does not have it. */
  readonly #isParsed: boolean
  readonly #isDescribed: boolean
  /** How many of the commands before it the server has yet to answer. */
  #unanswered: number
  #parsesAnswered = 0
  #bindsAnswered = 0
  #hasBegun = false
  #columns: C | undefined
  readonly #rows: unknown[][] = []

  /**
   * @param before - commands whose rows are nobody's.
   * @param surplus - names of statements that the server is to give up.
   */
  constructor(
    config: StatementConfig<C>,
    before: readonly string[],
    prepared: Prepared | undefined,
    surplus: readonly string[],
    callback: Callback<StatementResult<C>>,
  ) {
    super(config.text, callback)
    this.#config = config
    this.#before = before
    this.#prepared = prepared
    this.#surplus = surplus
    this.#unanswered = before.length
    this.#isParsed = prepared?.isSent !== true
    this.#isDescribed = prepared?.columns === undefined
    // One text has one way to be described.
    this.#columns = prepared?.columns as C | undefined
    if (prepared !== undefined) prepared.isSent = true
  }

  get facts(): Facts {
    return this.#config.facts ?? factsOf(this.text)
  }

  /** Whether the server has begun with any of it, so that it may have done it. */
  get hasBegun(): boolean {
    return this.#hasBegun
  }

  get hasCommandsBefore(): boolean {
    return this.#before.length > 0
  }

  /** How many of the commands before it the server has completed. */
  get completedBefore(): number {
    return this.#before.length - this.#unanswered
  }

  /** The prepared statement that the server may not have, or not any more, after an error. */
  get unparsed(): Prepared | undefined {
    return this.#isParsed && this.#parsesAnswered <= this.#before.length ? this.#prepared : undefined
  }

  /** After an error: whether that is about one of the commands before it. */
  get failedBefore(): boolean {
    return this.#unanswered > 0
  }

  /** After an error: whether that is about what it relied on the server to have, so that it has not run. */
  get wasRefused(): boolean {
    return !this.#isParsed && this.#unanswered === 0 && this.#bindsAnswered === this.#before.length
  }

  protected packet(): Packet {
    const packet = new Packet()
    for (const name of this.#surplus) packet.closeStatement(name)
    for (const command of this.#before) packet.messages(bytesOf(command))
    const name = this.#prepared?.name ?? ''
    if (this.#isParsed) packet.parse(name, this.text)
    packet.bind(name, this.#config.values)
    if (this.#isDescribed) packet.describePortal()
    return packet.execute().sync()
  }

  /**
   * While the server waits for data it ignores the Sync of the packet, and after the error it skips all messages up to
   * another (PostgreSQL manual 54.2.6).
   */
  protected override resumeAfterCopy(wire: CopyWire): void {
    wire.sync()
  }

  /** Told by the reader, or by the connection: the client tells only queries of its own class. */
  noteParsed(): void {
    this.#hasBegun = true
    this.#parsesAnswered++
  }

  noteBound(): void {
    this.#hasBegun = true
    this.#bindsAnswered++
  }

  protected result(): StatementResult<C> {
    return { columns: this.#columns ?? this.#describe([]), rows: this.#rows, tag: this.tag }
  }

  handleRowDescription({ fields }: { fields: readonly Field[] }): void {
    this.#describe(fields)
  }

  handleDataRow({ fields }: { fields: unknown[] }): void {
    if (this.#unanswered > 0 || this.#columns === undefined || this.readError !== undefined) return
    try {
      this.#rows.push(readInPlace(fields, this.#columns.parsers))
    } catch (error) {
      this.readError = error as Error
    }
  }

  /**
   * As `handleDataRow`, from the bytes of the message (PostgreSQL manual 54.7, DataRow). The loop compares once for each
   * value: a position behind the end stays behind it, which is found with the next value or after the last.
   */
  takeRow(texts: Texts, from: number, end: number): void {
    if (this.#unanswered > 0 || this.#columns === undefined || this.readError !== undefined) return
    const { parsers } = this.#columns
    const { bytes } = texts
    // Of its length from the beginning: an array that grows takes room for many more.
    const row = new Array<unknown>(uint16At(bytes, from))
    try {
      let at = from + 2
      for (let column = 0; column < row.length; column++) {
        const length = int32At(bytes, at)
        at += 4
        if (length < 0) {
          if (length !== NULL_LENGTH) throw malformedRow()
          row[column] = null
          continue
        }
        const next = at + length
        if (next > end) throw malformedRow()
        row[column] = valueBetween(texts, at, next, parsers[column])
        at = next
      }
      if (at !== end) throw malformedRow()
      this.#rows.push(row)
    } catch (error) {
      if (error instanceof ProtocolViolation) throw error
      this.readError = error as Error
    }
  }

  override noteComplete(tag: string): void {
    if (this.#unanswered === 0) {
      this.tag = tag
      return
    }
    const command = this.#before[this.#before.length - this.#unanswered] ?? ''
    this.#unanswered--
    if (!isAnswerTo(command, tag)) this.refuse(mismatch(command, tag))
  }

  /** A statement without rows is described by no description at all (manual 54.7, NoData). */
  #describe(fields: readonly Field[]): C {
    const columns = this.#config.columnsOf(fields)
    this.#columns = columns
    if (this.#prepared !== undefined) this.#prepared.columns = columns
    return columns
  }
}

/** Whether a query of node-postgres' client is one of ours. */
export function isSent(query: unknown): query is Sent<unknown> {
  return query instanceof Sent
}

/** A command's tag begins with its first word (manual 54.7, CommandComplete). */
function isAnswerTo(command: string, tag: string): boolean {
  const end = tag.indexOf(' ')
  return command.startsWith(end < 0 ? tag : tag.slice(0, end))
}

/** The bytes of commands that come up again and again, such as BEGIN. Commands with names in them differ too often. */
const written = new Map<string, Buffer>()
const MOST_WRITTEN = 64

function bytesOf(command: string): Buffer {
  let bytes = written.get(command)
  if (bytes === undefined) {
    bytes = Buffer.from(new Packet().parse('', command).bind('', NO_VALUES).execute().finish())
    if (written.size < MOST_WRITTEN) written.set(command, bytes)
  }
  return bytes
}

/** The server calls it a cancelled query (57014), which others take for a statement that took too long. */
function copyRefused(answer: Error): Error {
  const error = new Error(NO_COPY, { cause: answer })
  return Object.assign(error, { code: NO_COPY_CODE, severity: (answer as { severity?: string }).severity })
}

const NULL_LENGTH = -1

function malformedRow(): ProtocolViolation {
  return new ProtocolViolation('the values of a row do not end where the row does')
}

/** Behind the last byte a shift reads 0, so that this never throws as `readInt32BE` would, and is as fast. */
function int32At(bytes: Buffer, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}

function uint16At(bytes: Buffer, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}

export function isStatement(query: unknown): query is Statement<Columns> {
  return query instanceof Statement
}

function valueBetween(texts: Texts, from: number, to: number, parse: ValueParser | undefined): unknown {
  if (parse === undefined) return texts.read(from, to)
  return parse === Number ? texts.readNumber(from, to) : parse(texts.read(from, to))
}
