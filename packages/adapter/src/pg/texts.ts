/**
 * Texts out of what came from the server at once. A call out of JavaScript for each value takes longer than all else
 * that is done with a short one, so there is one call for all of them: short texts are parts of one string.
 */
import { isAscii } from 'node:buffer'

/** A part of a string that is as long as this is no copy in V8: it would keep all of it in memory. */
const COPIED_BELOW = 13
/** As much as a socket reads at once. More is one long message, whose texts are mostly long, too. */
const MOST_WHOLE = 65_536
/** So many digits are a number that is exact, whatever they are. */
const MOST_DIGITS = 15

const ZERO = 0x30
const MINUS = 0x2d

export class Texts {
  readonly bytes: Buffer
  /** One character for each byte: what is not ASCII reads wrong. */
  readonly #whole: string | undefined
  readonly #isAscii: boolean

  constructor(bytes: Buffer) {
    this.bytes = bytes
    this.#isAscii = isAscii(bytes)
    this.#whole = bytes.length <= MOST_WHOLE ? bytes.toString('latin1') : undefined
  }

  read(from: number, to: number): string {
    const { bytes } = this
    if (
      this.#whole !== undefined &&
      to - from < COPIED_BELOW &&
      (this.#isAscii || isPlain(bytes, from, to))
    ) {
      return this.#whole.substring(from, to)
    }
    // Of ASCII both are the same, and this one is faster.
    return this.#isAscii ? bytes.toString('latin1', from, to) : bytes.toString('utf8', from, to)
  }

  /** `Number` of a text. */
  readNumber(from: number, to: number): number {
    const { bytes } = this
    const isNegative = bytes[from] === MINUS
    const first = isNegative ? from + 1 : from
    if (first === to || to - first > MOST_DIGITS) return Number(this.read(from, to))
    let number = 0
    for (let at = first; at < to; at++) {
      const digit = bytes[at]! - ZERO
      if (digit < 0 || digit > 9) return Number(this.read(from, to))
      number = number * 10 + digit
    }
    return isNegative ? -number : number
  }
}

/** The lengths that stand between texts need not be ASCII where those are. */
function isPlain(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at]! > 0x7f) return false
  return true
}
