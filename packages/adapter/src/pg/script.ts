/**
 * Scripts of SQL. The server finds their statements itself, but runs those of one message as one transaction (manual
 * 54.2.2.1), and refuses some commands in a transaction. Only because of these is a script taken apart here.
 */
import { Kind } from './sql/lexer.js'
import { StatementReader } from './sql/statements.js'

/**
 * The script in as few parts as possible, each of which is sent by itself: commands that stand alone, and the text
 * between them. The parts in order are the whole script.
 */
export function partsOf(script: string): string[] {
  const statements = new StatementReader(script)
  const parts: string[] = []
  /** Where the part that is not finished begins, and what is in it so far. */
  let begin = 0
  let content: 'nothing' | 'ordinary' | 'alone' = 'nothing'
  while (statements.nextStatement()) {
    const kind = kindOf(statements)
    // An empty statement, such as a comment at the end, belongs to the part before it.
    if (kind === 'nothing') continue
    if (content === 'alone' || (content === 'ordinary' && kind === 'alone')) {
      parts.push(script.slice(begin, statements.begin))
      begin = statements.begin
    }
    content = kind
  }
  parts.push(script.slice(begin))
  return parts
}

/** How many words of a statement `standsAlone` looks at. */
const HEAD_LENGTH = 4
const REINDEXED: ReadonlySet<string> = new Set(['concurrently', 'database', 'schema', 'system'])
const CLOSE = 0x29

/** Reads a statement to its end. */
function kindOf(statements: StatementReader): 'nothing' | 'ordinary' | 'alone' {
  const { lexer } = statements
  /** The first tokens that are not in parentheses: words, or nothing. */
  const head: string[] = []
  let last = ''
  let detaches = false
  let isAlone = false
  let isEmpty = true
  for (let kind = statements.next(); kind !== Kind.End; kind = statements.next()) {
    isEmpty = false
    const isOption = statements.depth > 0 || lexer.char === CLOSE
    if (kind !== Kind.Word && (isOption || head.length === HEAD_LENGTH)) continue
    const word = lexer.word ?? ''
    if (!isOption && head.length < HEAD_LENGTH) head.push(word)
    const [verb, object] = head
    if (verb === 'reindex') isAlone ||= REINDEXED.has(word)
    else if (verb === 'alter' && object === 'table') {
      // ALTER TABLE … DETACH PARTITION … CONCURRENTLY
      detaches ||= last === 'detach' && word === 'partition'
      isAlone ||= detaches && word === 'concurrently'
    } else if (verb === 'alter' && object === 'database') isAlone ||= last === 'set' && word === 'tablespace'
    last = word
  }
  if (isEmpty) return 'nothing'
  return isAlone || standsAlone(head) ? 'alone' : 'ordinary'
}

/** Whether PostgreSQL refuses the command in a transaction, as far as its first words say so. */
function standsAlone([verb, second, third, fourth]: readonly string[]): boolean {
  switch (verb) {
    case 'create':
    case 'drop':
      if (second === 'database' || second === 'tablespace' || second === 'subscription') return true
      if (second === 'unique') return third === 'index' && fourth === 'concurrently'
      return second === 'index' && third === 'concurrently'
    case 'vacuum':
      return true
    case 'cluster':
      return second === undefined || (second === 'verbose' && third === undefined)
    case 'alter':
      return second === 'system'
    case 'discard':
      return second === 'all'
    default:
      return false
  }
}
