/**
 * Finds by the tokens of a text what it does: one pass, in linear time. A statement that is not known to be harmless
 * counts as a write, shares no connection, and changes the session: the safe side for each question.
 *
 * Out of sight are operators, casts, columns and views that call functions, functions of the user's own that have the
 * name of one in `pg_catalog` and other arguments, and what a function does. `pool.sessionReset` is there for the session.
 */
import { controlOf, HEAD_LENGTH, type TransactionControl } from './control.js'
import {
  CHANGING_FUNCTIONS,
  HARMLESS_VOLATILE_FUNCTIONS,
  HARMLESS_WRITING_FUNCTIONS,
  KEYWORDS,
  LASTING_FUNCTIONS,
  SESSION_FUNCTIONS,
  STABLE_FUNCTIONS,
} from './functions.js'
import { Kind, type Lexer } from './lexer.js'
import { keepsPrepared } from './settings.js'
import { StatementReader } from './statements.js'
import {
  ATOMIC,
  BEFORE_LISTS,
  BEFORE_NAMES,
  BEFORE_TEMP,
  CHANGING,
  INFIX,
  JOIN_KINDS,
  KEEPING,
  KEYWORDS_BEHIND,
  OPERAND_ENDS,
  READS,
  SHARING,
} from './words.js'

/** The facts that the tokens of a text show by themselves. */
export interface Findings {
  /** How many statements there are, empty ones aside. */
  readonly statements: number
  /**
   * Whether the text plainly only reads: it saves nothing, also if the connection is lost. Locks of rows (`FOR UPDATE`)
   * end with the connection. False where that is not certain.
   */
  readonly isRead: boolean
  /** Whether it plainly is one statement that leaves nothing in the session, so that others in flight do not meet it. */
  readonly mayShare: boolean
  /**
   * Whether it may leave something in the session, or undo what `configure` has set. What functions of the user's own,
   * `DO` and `CALL` do is not seen.
   */
  readonly changesSession: boolean
  /** Whether it does so in a way that DISCARD ALL does not undo: LOAD, `setseed`, `dblink_connect`. */
  readonly outlastsDiscard: boolean
  /**
   * Whether prepared statements plainly are there after it, and mean the same: it alters no table, gives up no
   * statement, sets no `search_path`, and calls no function that may do so. False where that is not certain.
   */
  readonly keepsPrepared: boolean
  /**
   * Whether all of it is saved, or nothing, where it runs outside of a transaction. False where that is not certain:
   * COMMIT in the text, `CALL` and `DO`, which may commit, and commands in several transactions (`CONCURRENTLY`).
   */
  readonly isAtomic: boolean
  /** The transaction control in the text, in order; empty for most texts. */
  readonly controls: readonly TransactionControl[]
}

/** Names of functions and keywords are shorter. */
const LONGEST_NAME = 64
/** A literal with `pg_temp` in it, or with escapes that may stand for it. */
const MAY_BE_TEMPORARY = /pg_temp|^U&|^E'.*\\/is
const NO_CONTROLS: readonly TransactionControl[] = []

const DOUBLE_QUOTE = 0x22
const OPEN = 0x28
const CLOSE = 0x29
const COMMA = 0x2c
const DOT = 0x2e
const COLON = 0x3a
/** Symbols for tokens that are no word and no mark, by their kind. */
const SYMBOLS: readonly string[] = ['', '', '"', "'", '0', '$', '+', '']
/** Marks by their character. */
const MARKS: readonly (string | undefined)[] = Array.from({ length: 0x80 }, (_, code) => {
  // A type cast, `::`, has two characters.
  return code === COLON ? undefined : String.fromCharCode(code)
})
export function examine(text: string): Findings {
  return new Examination(text).findings()
}

class Examination {
  readonly #reader: StatementReader
  readonly #lexer: Lexer
  #statements = 0
  #isRead = true
  #mayShare = true
  #changesSession = false
  #outlastsDiscard = false
  #keepsPrepared = true
  #isAtomic = true
  readonly #controls: TransactionControl[] = []

  /** The first keyword of the statement, and of the one that it explains. */
  #verb = ''
  #explained = ''
  readonly #words: string[] = []
  readonly #names: (string | undefined)[] = []
  /** The last two tokens: the folded word, the mark, or the symbol for others. */
  #last = ''
  #lastButOne = ''
  /** The name that the last tokens make, as far as they do: `schema.name`. */
  #name: string | undefined
  #isQuoted = false
  #qualifier: string | undefined
  /** The two tokens before that name. */
  #before = ''
  #beforeThat = ''
  /** Whether the last NOT is behind an operand: `a NOT LIKE b`. */
  #isNotInfix = false
  /** Calls of `set_config` that are open: how deep their arguments are, and how many commas were there. */
  readonly #setConfigs: { readonly depth: number; commas: number; setting: string | undefined }[] = []

  constructor(text: string) {
    this.#reader = new StatementReader(text)
    this.#lexer = this.#reader.lexer
  }

  findings(): Findings {
    while (this.#reader.nextStatement()) this.#statement()
    const statements = this.#statements
    return {
      statements,
      isRead: this.#isRead && statements > 0,
      mayShare: this.#mayShare && statements === 1 && !this.#changesSession,
      changesSession: this.#changesSession,
      outlastsDiscard: this.#outlastsDiscard,
      keepsPrepared: this.#keepsPrepared,
      isAtomic: this.#isAtomic,
      controls: this.#controls.length === 0 ? NO_CONTROLS : this.#controls,
    }
  }

  #statement(): void {
    this.#verb = this.#explained = this.#last = this.#lastButOne = this.#before = ''
    this.#name = this.#qualifier = undefined
    this.#words.length = this.#names.length = this.#setConfigs.length = 0
    const reader = this.#reader
    for (let kind = reader.next(); kind !== Kind.End; kind = reader.next()) this.#token(kind)
    if (this.#words.length > 0) this.#finish()
  }

  #finish(): void {
    this.#statements++
    if (!READS.has(this.#verb)) this.#isRead = false
    if (!SHARING.has(this.#verb)) this.#mayShare = false
    const control = controlOf(this.#words, this.#names)
    if (!ATOMIC.has(this.#verb) || control?.kind === 'prepare transaction') this.#isAtomic = false
    if (control !== undefined) this.#controls.push(control)
    if (this.#isSessionCommand(control)) this.#changesSession = true
    if (this.#verb === 'load') this.#outlastsDiscard = true
    if (!KEEPING.has(this.#verb) || (this.#verb === 'set' && !this.#isSetAside())) this.#keepsPrepared = false
  }

  /** Whether the setting does not matter to prepared statements: `SET LOCAL app.tenant = …`. */
  #isSetAside(): boolean {
    const [, second, third] = this.#words
    const at = (second === 'local' || second === 'session') && third !== '.' ? 2 : 1
    const isCustom = this.#names[at] !== undefined && this.#words[at + 1] === '.'
    return isCustom || keepsPrepared(this.#names[at] ?? '')
  }

  #isSessionCommand(control: TransactionControl | undefined): boolean {
    if (this.#verb === 'set') return !this.#isSetForTransaction()
    if (control !== undefined) return false
    return CHANGING.has(this.#verb) || CHANGING.has(this.#explained)
  }

  /** `SET LOCAL …`, `SET TRANSACTION …`, `SET CONSTRAINTS …`; not `SET local.name = …`. */
  #isSetForTransaction(): boolean {
    const [, second, third] = this.#words
    const isName = this.#names[2] !== undefined && third !== 'to'
    return (second === 'local' || second === 'transaction' || second === 'constraints') && isName
  }

  #token(kind: Kind): void {
    let symbol = SYMBOLS[kind] ?? ''
    switch (kind) {
      case Kind.Word:
        symbol = this.#nameOfToken() ?? ''
        this.#noteName(symbol, false)
        this.#noteWord(symbol)
        break
      case Kind.QuotedName:
        this.#noteName(this.#nameOfToken(), true)
        break
      case Kind.Mark: {
        const { char } = this.#lexer
        symbol = MARKS[char] ?? this.#lexer.source
        this.#noteMark(char)
        break
      }
      case Kind.Text:
        if (this.#last === '(') this.#noteSetting()
        this.#noteValue()
        this.#name = undefined
        break
      default:
        this.#name = undefined
    }
    if (this.#words.length < HEAD_LENGTH) {
      this.#words.push(symbol)
      this.#names.push(this.#lexer.name)
    }
    this.#lastButOne = this.#last
    this.#last = symbol
  }

  /** As `lexer.name`, which copies the text; not for names that are too long for anything here. */
  #nameOfToken(): string | undefined {
    const { kind, start, end, char } = this.#lexer
    const isPlain = kind === Kind.Word || (kind === Kind.QuotedName && char === DOUBLE_QUOTE)
    return isPlain && end - start > LONGEST_NAME ? '' : this.#lexer.name
  }

  #noteName(name: string | undefined, isQuoted: boolean): void {
    // `U&"…"` may be any name.
    if (name === undefined) this.#noteUnknown()
    if (this.#last === '.' && this.#name !== undefined) {
      this.#qualifier = this.#qualifier === undefined ? this.#name : '.'
    } else {
      this.#qualifier = undefined
      this.#before = this.#last
      this.#beforeThat = this.#lastButOne
    }
    this.#name = name ?? ''
    this.#isQuoted = isQuoted
    if (this.#name.startsWith('pg_temp') || this.#name === 'pg_toast_temp') this.#changesSession = true
    // To update this view is to SET (manual, pg_settings).
    if (this.#name === 'pg_settings' && !this.#isRead) this.#changesSession = true
    // EXPLAIN takes its options in quotes, too.
    if (this.#verb === 'explain' && (name === 'analyze' || name === 'analyse')) this.#isRead = false
  }

  #noteUnknown(): void {
    this.#isRead = false
    this.#mayShare = false
    this.#changesSession = true
    this.#keepsPrepared = false
  }

  #noteWord(word: string): void {
    if (this.#verb === '') this.#verb = word
    else if (this.#verb === 'explain' && this.#explained === '' && this.#reader.depth === 0) {
      if (word !== 'analyze' && word !== 'analyse' && word !== 'verbose') this.#explained = word
    }
    switch (word) {
      case 'concurrently':
        this.#isAtomic = false
        break
      case 'insert':
      case 'delete':
      case 'merge':
      case 'into':
        if (this.#last === '.') break
        this.#isRead = false
        // `SELECT … INTO` makes a table.
        if (word === 'into' && this.#last !== 'insert' && this.#last !== 'merge') this.#keepsPrepared = false
        break
      case 'update':
        // `FOR UPDATE` and `FOR NO KEY UPDATE` lock, and save nothing.
        if (this.#last !== '.' && !this.#isLock()) this.#isRead = false
        break
      case 'not':
        this.#isNotInfix = endsOperand(this.#last, this.#lastButOne)
        break
      case 'temp':
      case 'temporary':
        if (this.#isTemporary()) this.#changesSession = true
        break
      case 'hold':
        if (this.#verb === 'declare' && this.#last === 'with') this.#changesSession = true
        break
      case 'execute':
        // `CREATE TABLE … AS EXECUTE …`
        if (this.#last === 'as') this.#changesSession = true
    }
  }

  #isLock(): boolean {
    return this.#last === 'for' || (this.#last === 'key' && this.#lastButOne === 'no')
  }

  #isTemporary(): boolean {
    if (!BEFORE_TEMP.has(this.#last)) return false
    // A table may be called so: `INSERT INTO temp`.
    return this.#last !== 'into' || (this.#lastButOne !== 'insert' && this.#lastButOne !== 'merge')
  }

  #noteMark(char: number): void {
    // `schema.name`
    if (char === DOT) return
    if (char === OPEN && this.#name !== undefined && this.#last !== '.') this.#noteList(this.#name)
    else if (this.#setConfigs.length > 0) this.#noteArguments(char)
    this.#name = undefined
  }

  /** A literal behind a parenthesis: the name of the setting, if the call is one of `set_config`. */
  #noteSetting(): void {
    const call = this.#setConfigs.at(-1)
    if (call !== undefined && call.depth === this.#reader.depth) call.setting = this.#lexer.source
  }

  /** A literal that may put `pg_temp` on the search path: a table that is made there outlives the transaction. */
  #noteValue(): void {
    if (this.#verb !== 'set' && this.#setConfigs.length === 0) return
    if (MAY_BE_TEMPORARY.test(this.#lexer.source)) this.#changesSession = true
  }

  /** A mark in the arguments of `set_config`. */
  #noteArguments(char: number): void {
    const call = this.#setConfigs.at(-1)
    if (call === undefined) return
    if (char === COMMA && call.depth === this.#reader.depth) {
      const isLiteral = this.#last === "'" && keepsPrepared(call.setting)
      if (call.commas === 0 && !isLiteral) this.#keepsPrepared = false
      call.commas++
    }
    if (char !== CLOSE || call.depth <= this.#reader.depth) return
    this.#setConfigs.pop()
    // The third argument is plainly `true`: the setting ends with the transaction.
    if (call.commas !== 2 || this.#last !== 'true' || this.#lastButOne !== ',') this.#changesSession = true
  }

  /** A name with a parenthesis behind it. */
  #noteList(name: string): void {
    if (!this.#isQuoted && this.#qualifier === undefined && this.#isKeyword(name)) return
    if (BEFORE_LISTS.has(this.#before)) return
    if (SESSION_FUNCTIONS.has(name) || CHANGING_FUNCTIONS.has(name)) this.#changesSession = true
    if (LASTING_FUNCTIONS.has(name)) this.#changesSession = this.#outlastsDiscard = true
    if (name === 'set_config') {
      this.#setConfigs.push({ depth: this.#reader.depth, commas: 0, setting: undefined })
    }
    const isBuiltIn = this.#qualifier === undefined || this.#qualifier === 'pg_catalog'
    if (isBuiltIn && (STABLE_FUNCTIONS.has(name) || HARMLESS_VOLATILE_FUNCTIONS.has(name))) return
    this.#isRead = false
    const isHarmless = name === 'set_config' || HARMLESS_WRITING_FUNCTIONS.has(name)
    if (!isBuiltIn || !isHarmless) this.#mayShare = false
    if (!isBuiltIn || !(isHarmless || SESSION_FUNCTIONS.has(name))) this.#keepsPrepared = false
  }

  #isKeyword(name: string): boolean {
    if (KEYWORDS.has(name)) return true
    if (name === 'explain') return this.#before === ''
    if (INFIX.has(name))
      return this.#before === 'not' ? this.#isNotInfix : endsOperand(this.#before, this.#beforeThat)
    if (name === 'conflict')
      return this.#verb === 'insert' && this.#before === 'on' && this.#beforeThat === ')'
    if (name === 'materialized') return this.#before === 'not' && this.#beforeThat === 'as'
    return KEYWORDS_BEHIND.get(name)?.has(this.#before) === true
  }
}

function endsOperand(token: string, before: string): boolean {
  return OPERAND_ENDS.has(token) || JOIN_KINDS.has(token) || BEFORE_NAMES.has(before)
}
