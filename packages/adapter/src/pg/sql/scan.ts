/** Where the parts of SQL end (manual 4.1): character by character, because patterns fail or take hours for some texts. */

const TAB = 0x09
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
export const SPACE = 0x20
export const DOUBLE_QUOTE = 0x22
export const DOLLAR = 0x24
export const AMPERSAND = 0x26
export const QUOTE = 0x27
const STAR = 0x2a
export const MINUS = 0x2d
const DOT = 0x2e
export const SLASH = 0x2f
export const COLON = 0x3a
const BACKSLASH = 0x5c
const UNDERSCORE = 0x5f
/** Makes a small letter of a capital one, and changes no small letter. */
export const LOWER = 0x20
const LETTER_A = 0x61
const LETTER_B = 0x62
export const LETTER_E = 0x65
const LETTER_F = 0x66
const LETTER_N = 0x6e
const LETTER_O = 0x6f
export const LETTER_U = 0x75
const LETTER_X = 0x78
const LETTER_Z = 0x7a
export const FIRST_BEYOND_ASCII = 0x80

/** The kinds of tokens that a first character may begin. */
export const Class = {
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

export const CLASSES = Uint8Array.from({ length: FIRST_BEYOND_ASCII }, (_, char) => classOf(char))

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

export function isDigit(char: number): boolean {
  return char >= 0x30 && char <= 0x39
}

/** False for NaN, which is behind the end of the text. */
export function isNameStart(char: number): boolean {
  const letter = char | LOWER
  return (letter >= LETTER_A && letter <= LETTER_Z) || char === UNDERSCORE || char >= FIRST_BEYOND_ASCII
}

export function isNamePart(char: number): boolean {
  return isNameStart(char) || isDigit(char) || char === DOLLAR
}

function isOperator(char: number): boolean {
  return char < FIRST_BEYOND_ASCII && CLASSES[char] === Class.Operator
}

export function isTextPrefix(char: number): boolean {
  const letter = char | LOWER
  return letter === LETTER_E || letter === LETTER_B || letter === LETTER_X || letter === LETTER_N
}

function isCommentStart(text: string, at: number): boolean {
  const char = text.charCodeAt(at)
  if (char === MINUS) return text.charCodeAt(at + 1) === MINUS
  return char === SLASH && text.charCodeAt(at + 1) === STAR
}

/** Skips spaces and comments. */
export function skipBlanks(text: string, from: number): number {
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
export function endOfText(text: string, from: number, escapes: boolean): number {
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
export function endOfQuotes(text: string, from: number, quote: '"' | "'"): number {
  for (let at = text.indexOf(quote, from); at >= 0; at = text.indexOf(quote, at + 2)) {
    if (text[at + 1] !== quote) return at + 1
  }
  return text.length
}

/**
 * Letters right behind a number are no part of it: PostgreSQL 14 reads `1INTO` as `1 INTO`. Later ones refuse it.
 */
export function endOfNumber(text: string, from: number): number {
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
export function endOfOperator(text: string, from: number): number {
  let at = from
  while (isOperator(text.charCodeAt(at)) && !isCommentStart(text, at)) at++
  return at
}
