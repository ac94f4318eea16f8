/** The text of a statement as messages and reports show it: on one line, not too long, and without its values. */

const LONGEST = 200

/** Far more than is shown: what is behind it need not be looked at. */
const ENOUGH = 2_000

/**
 * Names in quotes, which stay; comments, where a quote would begin nothing; strings, bodies in dollar quotes and numbers,
 * which may be anybody's (manual 4.1).
 */
const PARTS = [
  /("(?:[^"]|"")*"?)/,
  /(--[^\n\r]*|\/\*(?:\/\*[^]*?\*\/|[^])*?(?:\*\/|$))/,
  // No name ends in this E: LIKE'…' is a plain string.
  /(?<![\w$])[eE]'(?:[^'\\]|''|\\[^])*'?/,
  /'(?:[^']|'')*'?/,
  /\$(?<tag>[A-Za-z_]\w*)?\$[^]*?(?:\$\k<tag>\$|$)/,
  /(?<![\w$])\.?\d[\w.]*/,
]

const HIDDEN = new RegExp(PARTS.map(({ source }) => source).join('|'), 'g')

/** When thousands of requests time out in one moment, all of them name the same statement. */
let latest = { text: '', excerpt: '' }

export function excerpt(text: string): string {
  if (text !== latest.text) latest = { text, excerpt: make(text) }
  return latest.excerpt
}

function make(text: string): string {
  const line = text
    .slice(0, ENOUGH)
    .replace(HIDDEN, (_, name?: string, comment?: string) => name ?? (comment === undefined ? '?' : ' '))
    .replace(/\s+/g, ' ')
    .trim()
  return line.length > LONGEST ? `${line.slice(0, LONGEST)} …` : line
}
