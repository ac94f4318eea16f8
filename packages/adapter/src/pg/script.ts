/**
 * Scripts of SQL. The server finds their statements itself, but runs those of one message as one transaction
 * (manual 54.2.2.1); some commands it runs in none. Only for their sake is a script taken apart here.
 */

/** Worth a closer look. */
const SUSPECT = /\b(?:CONCURRENTLY|VACUUM|DATABASE|TABLESPACE|SYSTEM|REINDEX|CLUSTER|SUBSCRIPTION|DISCARD)\b/i

/** Commands that PostgreSQL refuses in a transaction, however it began. */
const ALONE = [
  /^(?:CREATE(?: UNIQUE)?|DROP) INDEX CONCURRENTLY\b/i,
  /^REINDEX\b.*\b(?:CONCURRENTLY|DATABASE|SCHEMA|SYSTEM)\b/i,
  /^ALTER TABLE\b.*\bDETACH PARTITION\b.*\bCONCURRENTLY\b/i,
  /^VACUUM\b/i,
  /^CLUSTER(?: VERBOSE)?$/i,
  /^(?:CREATE|DROP) (?:DATABASE|TABLESPACE|SUBSCRIPTION)\b/i,
  /^ALTER DATABASE\b.* SET TABLESPACE\b/i,
  /^ALTER SYSTEM\b/i,
  /^DISCARD ALL$/i,
]

/**
 * The script in as few parts as can be, each to be sent by itself: commands that stand alone, and whatever stands
 * between them. Their texts in turn are the script.
 */
export function partsOf(script: string): string[] {
  if (!SUSPECT.test(script)) return [script]
  const parts: { text: string; isAlone: boolean }[] = []
  for (const { text, words } of statementsOf(script)) {
    const last = parts.at(-1)
    const isAlone = ALONE.some((command) => command.test(words))
    // What says nothing, such as a comment at the end, goes with what is before it.
    if (last !== undefined && (words === '' || (!isAlone && !last.isAlone))) last.text += text
    else parts.push({ text, isAlone })
  }
  return parts.map(({ text }) => text)
}

interface Statement {
  /** With the semicolon behind it, and the comments before it. */
  readonly text: string
  /** Without comments and literals, a space between words. */
  readonly words: string
}

/** Tokens in which a semicolon means nothing (manual 4.1), and the beginnings of those that a pattern cannot end. */
const TOKEN =
  /--[^\n]*|\/\*|[eE]'(?:[^'\\]|''|\\.)*'?|'(?:[^']|'')*'?|"(?:[^"]|"")*"?|\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\s+|./gsy

function statementsOf(script: string): Statement[] {
  const statements: Statement[] = []
  const tokens = new RegExp(TOKEN)
  let begin = 0
  let words = ''
  const end = (at: number): void => {
    statements.push({ text: script.slice(begin, at), words: words.replace(/\s+/g, ' ').trim() })
    begin = at
    words = ''
  }
  for (let match = tokens.exec(script); match !== null; match = tokens.exec(script)) {
    const [token] = match
    if (token === '/*') tokens.lastIndex = endOfComment(script, tokens.lastIndex)
    else if (/^\$.*\$$/s.test(token)) tokens.lastIndex = endOfBody(script, token, tokens.lastIndex)
    if (token === ';') end(tokens.lastIndex)
    else words += /^(?:--|\/\*|[eE]?'|\$)/.test(token) ? ' ' : token
  }
  if (begin < script.length) end(script.length)
  return statements
}

/** Comments nest. */
function endOfComment(script: string, from: number): number {
  const edges = /\/\*|\*\//g
  edges.lastIndex = from
  let depth = 1
  while (depth > 0) {
    const edge = edges.exec(script)
    if (edge === null) return script.length
    depth += edge[0] === '/*' ? 1 : -1
  }
  return edges.lastIndex
}

function endOfBody(script: string, quote: string, from: number): number {
  const at = script.indexOf(quote, from)
  return at < 0 ? script.length : at + quote.length
}

/** A pattern of statements that begin so, behind spaces and comments. */
export function beginning(pattern: string): RegExp {
  return new RegExp(String.raw`^(?:\s|--[^\n]*(?:\n|$)|/\*(?:[^*]|\*(?!/))*\*/)*` + pattern, 'is')
}
