/**
 * The tokens of PostgreSQL's SQL (manual 4.1, and scan.l of the server), one at a time. Time is linear in the text, and
 * memory does not depend on it: scripts of 64 MB pass through here.
 *
 * The lexer never fails. A literal or a comment without an end reaches to the end of the text, and the server refuses it.
 *
 * Not supported: `standard_conforming_strings = off`, which gives backslashes a meaning in plain literals. It has been
 * on by default since PostgreSQL 9.1.
 */
import {
  AMPERSAND,
  Class,
  CLASSES,
  COLON,
  DOLLAR,
  DOUBLE_QUOTE,
  endOfNumber,
  endOfOperator,
  endOfQuotes,
  endOfText,
  FIRST_BEYOND_ASCII,
  isDigit,
  isNamePart,
  isNameStart,
  isTextPrefix,
  LETTER_E,
  LETTER_U,
  LOWER,
  MINUS,
  QUOTE,
  skipBlanks,
  SLASH,
  SPACE,
} from './scan.js'

export const Kind = {
  /** The end of the text. */
  End: 0,
  /** A keyword or an identifier without quotes. */
  Word: 1,
  /** An identifier in quotes: `"a"`, `U&"a"`. */
  QuotedName: 2,
  /** A literal: `'a'`, `E'a'`, `B'1'`, `X'f'`, `N'a'`, `U&'a'`, `$$a$$`, `$tag$a$tag$`. */
  Text: 3,
  Number: 4,
  /** `$1` */
  Parameter: 5,
  /** A run of operator characters: `=`, `->>`, `=-` (the server takes the last one for two operators). */
  Operator: 6,
  /** `::`, or one character that is nothing of the above, such as `(`, `,`, `.` and `;`. */
  Mark: 7,
} as const

export type Kind = (typeof Kind)[keyof typeof Kind]

export class Lexer {
  readonly text: string
  kind: Kind = Kind.End
  /** Where the token begins. */
  start = 0
  /** Where it ends. Between two tokens are nothing but spaces and comments. */
  end = 0
  /** Whether the token is a word of ASCII characters only. */
  #isAscii = true

  constructor(text: string) {
    this.text = text
  }

  /** Goes on to the next token. */
  next(): Kind {
    const { text } = this
    let start = this.end
    let char = text.charCodeAt(start)
    if (char <= SPACE || char === MINUS || char === SLASH) {
      start = skipBlanks(text, start)
      char = text.charCodeAt(start)
    }
    this.start = start
    if (start >= text.length) {
      this.end = start
      return (this.kind = Kind.End)
    }
    switch (char < FIRST_BEYOND_ASCII ? CLASSES[char] : Class.Name) {
      case Class.Name:
        return (this.kind = this.#prefixedOrWord(char, text.charCodeAt(start + 1)))
      case Class.Digit:
        return this.#number()
      case Class.Dot:
        return isDigit(text.charCodeAt(start + 1)) ? this.#number() : this.#mark(1)
      case Class.Quote:
        this.end = endOfText(text, start + 1, false)
        return (this.kind = Kind.Text)
      case Class.DoubleQuote:
        this.end = endOfQuotes(text, start + 1, '"')
        return (this.kind = Kind.QuotedName)
      case Class.Dollar:
        return (this.kind = this.#dollar(text.charCodeAt(start + 1)))
      case Class.Colon:
        return this.#mark(text.charCodeAt(start + 1) === COLON ? 2 : 1)
      case Class.Operator:
        this.end = endOfOperator(text, start + 1)
        return (this.kind = Kind.Operator)
      default:
        return this.#mark(1)
    }
  }

  #mark(length: number): Kind {
    this.end = this.start + length
    return (this.kind = Kind.Mark)
  }

  #number(): Kind {
    this.end = endOfNumber(this.text, this.start)
    return (this.kind = Kind.Number)
  }

  /** The code of the token's first character; NaN at the end. */
  get char(): number {
    return this.kind === Kind.End ? NaN : this.text.charCodeAt(this.start)
  }

  /** The token as it is written. */
  get source(): string {
    return this.text.slice(this.start, this.end)
  }

  /**
   * The name that a word or a quoted name stands for: words are folded to lower case, quoted names are as written.
   * Undefined for `U&"…"`, whose escapes are not read, and for all other tokens.
   */
  get name(): string | undefined {
    if (this.kind === Kind.Word) {
      const word = this.source
      // The server folds ASCII only; `toLowerCase` also makes a `k` of the sign for Kelvin.
      return this.#isAscii ? word.toLowerCase() : word.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
    }
    if (this.kind !== Kind.QuotedName || this.text.charCodeAt(this.start) !== DOUBLE_QUOTE) return undefined
    const isClosed = this.end > this.start + 1 && this.text.charCodeAt(this.end - 1) === DOUBLE_QUOTE
    return this.text.slice(this.start + 1, isClosed ? this.end - 1 : this.end).replaceAll('""', '"')
  }

  /** The folded word; undefined for any other token, also for one in quotes. */
  get word(): string | undefined {
    return this.kind === Kind.Word ? this.name : undefined
  }

  #prefixedOrWord(char: number, second: number): Kind {
    const { text, start } = this
    if (second === QUOTE && isTextPrefix(char)) {
      this.end = endOfText(text, start + 2, (char | LOWER) === LETTER_E)
      return Kind.Text
    }
    if (second === AMPERSAND && (char | LOWER) === LETTER_U) {
      const third = text.charCodeAt(start + 2)
      if (third === QUOTE) {
        this.end = endOfText(text, start + 3, false)
        return Kind.Text
      }
      if (third === DOUBLE_QUOTE) {
        this.end = endOfQuotes(text, start + 3, '"')
        return Kind.QuotedName
      }
    }
    let at = start
    let all = 0
    for (let next = char; isNamePart(next); next = text.charCodeAt(at)) {
      all |= next
      at++
    }
    this.#isAscii = all < FIRST_BEYOND_ASCII
    this.end = at
    return Kind.Word
  }

  #dollar(second: number): Kind {
    const { text, start } = this
    if (isDigit(second)) {
      let at = start + 2
      while (isDigit(text.charCodeAt(at))) at++
      this.end = at
      return Kind.Parameter
    }
    let at = start + 1
    if (isNameStart(second)) while (isNamePart(text.charCodeAt(at)) && text.charCodeAt(at) !== DOLLAR) at++
    if (text.charCodeAt(at) !== DOLLAR) {
      this.end = start + 1
      return Kind.Mark
    }
    const tag = text.slice(start, at + 1)
    const close = text.indexOf(tag, at + 1)
    this.end = close < 0 ? text.length : close + tag.length
    return Kind.Text
  }
}
