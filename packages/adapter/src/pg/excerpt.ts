/** The text of a statement as messages and reports show it: on one line, not too long, and without its values. */
import { Kind, Lexer } from './sql/lexer.js'

const LONGEST = 200

/** Far more than is shown: the text behind it is not looked at. */
const ENOUGH = 2_000

/** When thousands of requests time out in one moment, all of them name the same statement. */
let latest = { text: '', excerpt: '' }

export function excerpt(text: string): string {
  // Do not keep a long text only to compare it.
  if (text.length > ENOUGH) return make(text.slice(0, ENOUGH))
  if (text !== latest.text) latest = { text, excerpt: make(text) }
  return latest.excerpt
}

/** Literals and numbers, which may be personal data, become `?`; comments become a space; names stay. */
function make(text: string): string {
  const lexer = new Lexer(text)
  let line = ''
  let end = 0
  let last: Kind = Kind.End
  while (lexer.next() !== Kind.End) {
    const { kind, start } = lexer
    const isApart = start > end
    if (isApart) line += ' '
    // A word that touches a number may be a part of it: `12abc`.
    const isJunk = last === Kind.Number && kind === Kind.Word && !isApart
    if (kind === Kind.Text || kind === Kind.Number) line += '?'
    else if (!isJunk) line += lexer.source
    end = lexer.end
    last = kind
  }
  // Names in quotes may have line ends.
  line = line.replace(/\s+/g, ' ').trim()
  return line.length > LONGEST ? `${line.slice(0, LONGEST)} …` : line
}
