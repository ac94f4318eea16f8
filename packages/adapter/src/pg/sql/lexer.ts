/**
 * The tokens of PostgreSQL's SQL (manual 4.1, and scan.l of the server), one at a time. Time is linear in the text, and
 * memory does not depend on it: scripts of 64 MB pass through here.
 *
 * The lexer never fails. A literal or a comment without an end reaches to the end of the text, and the server refuses it.
 *
 * Not supported: `standard_conforming_strings = off`, which gives backslashes a meaning in plain literals. It has been
 * on by default since PostgreSQL 9.1.
 */

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

const TAB = 0x09
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const SPACE = 0x20
const DOUBLE_QUOTE = 0x22
const DOLLAR = 0x24
const AMPERSAND = 0x26
const QUOTE = 0x27
const STAR = 0x2a
const MINUS = 0x2d
const DOT = 0x2e
const SLASH = 0x2f
const COLON = 0x3a
const BACKSLASH = 0x5c
const UNDERSCORE = 0x5f
/** Makes a small letter of a capital one, and changes no small letter. */
const LOWER = 0x20
const LETTER_A = 0x61
const LETTER_B = 0x62
const LETTER_E = 0x65
const LETTER_F = 0x66
const LETTER_N = 0x6e
const LETTER_O = 0x6f
const LETTER_U = 0x75
const LETTER_X = 0x78
const LETTER_Z = 0x7a
const FIRST_BEYOND_ASCII = 0x80

/** What a token may be by its first character. */
const Class = {
  Mark: 0,
  Name: 1,
  Digit: 2,
  Dot: 3,
  Quote: 4,
  DoubleQuote: 5,
  Dollar: 6,
  Colon: 7,
  Operator: 8,
} as const

const CLASSES = Uint8Array.from({ length: FIRST_BEYOND_ASCII }, (_, char) => classOf(char))

function classOf(char: number): number {
  if (isNameStart(char)) return Class.Name
  if (isDigit(char)) return Class.Digit
  if ('~!@#^&|`?+-*/%<>='.includes(String.fromCharCode(char))) return Class.Operator
  switch (char) {
    case DOT:
      return Class.Dot
    case QUOTE:
      return Class.Quote
    case DOUBLE_QUOTE:
      return Class.DoubleQuote
    case DOLLAR:
      return Class.Dollar
    case COLON:
      return Class.Colon
    default:
      return Class.Mark
  }
}

function isSpace(char: number): boolean {
  return char === SPACE || (char >= TAB && char <= CARRIAGE_RETURN)
}

function isDigit(char: number): boolean {
  return char >= 0x30 && char <= 0x39
}

/** False for NaN, which is behind the end of the text. */
function isNameStart(char: number): boolean {
  const letter = char | LOWER
  return (letter >= LETTER_A && letter <= LETTER_Z) || char === UNDERSCORE || char >= FIRST_BEYOND_ASCII
}

function isNamePart(char: number): boolean {
  return isNameStart(char) || isDigit(char) || char === DOLLAR
}

function isOperator(char: number): boolean {
  return char < FIRST_BEYOND_ASCII && CLASSES[char] === Class.Operator
}

function isTextPrefix(char: number): boolean {
  const letter = char | LOWER
  return letter === LETTER_E || letter === LETTER_B || letter === LETTER_X || letter === LETTER_N
}

function isCommentStart(text: string, at: number): boolean {
  const char = text.charCodeAt(at)
  if (char === MINUS) return text.charCodeAt(at + 1) === MINUS
  return char === SLASH && text.charCodeAt(at + 1) === STAR
}

/** Skips spaces and comments. */
function skipBlanks(text: string, from: number): number {
  let at = from
  for (;;) {
    while (isSpace(text.charCodeAt(at))) at++
    if (!isCommentStart(text, at)) return at
    at = text.charCodeAt(at) === MINUS ? endOfLine(text, at + 2) : endOfComment(text, at + 2)
  }
}

function endOfLine(text: string, from: number): number {
  let at = from
  while (at < text.length && !isLineEnd(text.charCodeAt(at))) at++
  return at
}

function isLineEnd(char: number): boolean {
  return char === LINE_FEED || char === CARRIAGE_RETURN
}

/** Comments nest. */
function endOfComment(text: string, from: number): number {
  let depth = 1
  let at = from
  while (at < text.length) {
    const char = text.charCodeAt(at)
    const second = text.charCodeAt(at + 1)
    if (char === STAR && second === SLASH) {
      at += 2
      if (--depth === 0) return at
    } else if (char === SLASH && second === STAR) {
      at += 2
      depth++
    } else at++
  }
  return text.length
}

/**
 * @param from - behind the first quote.
 * @param escapes - whether a backslash has a meaning.
 */
function endOfText(text: string, from: number, escapes: boolean): number {
  let at = from
  for (;;) {
    const end = escapes ? endOfEscapes(text, at) : endOfQuotes(text, at, "'")
    const next = nextPart(text, end)
    // The literal goes on behind a line end, by the same rules: 'a'⏎'b' is one literal (manual 4.1.2.1).
    if (next === undefined) return end
    at = next
  }
}

/** Behind the quote with which a literal goes on, if it does: a line end must be before it, comments may be. */
function nextPart(text: string, from: number): number | undefined {
  let hasLineEnd = false
  for (let at = from; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char === QUOTE) return hasLineEnd ? at + 1 : undefined
    if (isLineEnd(char)) hasLineEnd = true
    else if (char === MINUS && text.charCodeAt(at + 1) === MINUS) at = endOfLine(text, at) - 1
    else if (!isSpace(char)) return undefined
  }
  return undefined
}

function endOfEscapes(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char === BACKSLASH) at++
    else if (char === QUOTE) {
      if (text.charCodeAt(at + 1) !== QUOTE) return at + 1
      at++
    }
  }
  return text.length
}

/** Two quotes stand for one. */
function endOfQuotes(text: string, from: number, quote: '"' | "'"): number {
  for (let at = text.indexOf(quote, from); at >= 0; at = text.indexOf(quote, at + 2)) {
    if (text[at + 1] !== quote) return at + 1
  }
  return text.length
}

/**
 * Letters right behind a number are no part of it: PostgreSQL 14 reads `1INTO` as `1 INTO`. Later ones refuse it.
 */
function endOfNumber(text: string, from: number): number {
  if (text.charCodeAt(from) === 0x30 && hasRadix(text, from)) return endOfDigits(text, from + 2, true)
  let at = endOfDigits(text, from)
  // `1..10` is not `1.` and `.10`.
  if (text.charCodeAt(at) === DOT && text.charCodeAt(at + 1) !== DOT) at = endOfDigits(text, at + 1)
  if ((text.charCodeAt(at) | LOWER) !== LETTER_E) return at
  const hasSign = text[at + 1] === '+' || text[at + 1] === '-'
  const exponent = hasSign ? at + 2 : at + 1
  return isDigit(text.charCodeAt(exponent)) ? endOfDigits(text, exponent) : at
}

function hasRadix(text: string, at: number): boolean {
  const letter = text.charCodeAt(at + 1) | LOWER
  const digit = text.charCodeAt(at + 2)
  return letter === LETTER_X
    ? isHexDigit(digit)
    : (letter === LETTER_O || letter === LETTER_B) && isDigit(digit)
}

function isHexDigit(char: number): boolean {
  const letter = char | LOWER
  return isDigit(char) || (letter >= LETTER_A && letter <= LETTER_F)
}

/** Underscores may stand between digits. */
function endOfDigits(text: string, from: number, isHex = false): number {
  const isPart = isHex ? isHexDigit : isDigit
  let at = from
  for (;;) {
    const char = text.charCodeAt(at)
    if (isPart(char) || (char === UNDERSCORE && isPart(text.charCodeAt(at + 1)))) at++
    else return at
  }
}

/** A comment begins also where its first character could be part of an operator. */
function endOfOperator(text: string, from: number): number {
  let at = from
  while (isOperator(text.charCodeAt(at)) && !isCommentStart(text, at)) at++
  return at
}
