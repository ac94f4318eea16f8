/** The statements of a text, and the tokens of each: where a statement ends as the server sees it. */
import { Kind, Lexer } from './lexer.js'

const OPEN = 0x28
const CLOSE = 0x29
const SEMICOLON = 0x3b

/** Call `nextStatement` for each statement, and `next` for its tokens. */
export class StatementReader {
  readonly lexer: Lexer
  /** Where the statement begins: behind the semicolon of the one before it. */
  begin = 0
  /** Where it ends: behind its own semicolon, or at the end of the text. */
  end = 0
  /** How many parentheses are open behind the token. */
  depth = 0
  #isOver = true
  /** Whether the statement can have a body of statements: `CREATE FUNCTION … BEGIN ATOMIC …; …; END`. */
  #mayHaveBody = false
  #isFirst = true
  #wasBegin = false
  /** How many `BEGIN ATOMIC` and `CASE` are open. */
  #blocks = 0

  constructor(text: string) {
    this.lexer = new Lexer(text)
  }

  /** Goes on to the next statement; what is left of this one is skipped. An empty one is a statement, too. */
  nextStatement(): boolean {
    while (!this.#isOver) this.next()
    this.begin = this.end
    if (this.begin >= this.lexer.text.length) return false
    this.depth = 0
    this.#isOver = false
    this.#isFirst = true
    this.#mayHaveBody = false
    this.#wasBegin = false
    this.#blocks = 0
    return true
  }

  /** Goes on to the next token of the statement; `End` at its end. */
  next(): Kind {
    if (this.#isOver) return Kind.End
    const { lexer } = this
    const kind = lexer.next()
    if (this.#isFirst) {
      this.#isFirst = false
      this.#mayHaveBody = lexer.word === 'create'
    }
    if (kind === Kind.Mark) {
      // `SELECT begin, atomic` begins no body.
      this.#wasBegin = false
      return this.#isEndAt(lexer.text.charCodeAt(lexer.start)) ? this.#finish() : kind
    }
    if (kind === Kind.End) return this.#finish()
    if (this.#mayHaveBody) this.#noteBlock(kind === Kind.Word ? lexer.word : undefined)
    return kind
  }

  #isEndAt(mark: number): boolean {
    if (mark === OPEN) this.depth++
    else if (mark === CLOSE && this.depth > 0) this.depth--
    // Rules have statements in parentheses: `CREATE RULE … DO (…; …)`.
    return mark === SEMICOLON && this.depth === 0 && this.#blocks === 0
  }

  #finish(): Kind {
    this.#isOver = true
    this.end = this.lexer.end
    return Kind.End
  }

  #noteBlock(word: string | undefined): void {
    if (word === 'atomic' ? this.#wasBegin : word === 'case' && this.#blocks > 0) this.#blocks++
    else if (word === 'end' && this.#blocks > 0) this.#blocks--
    this.#wasBegin = word === 'begin'
  }
}
