/** Words of SQL that have a meaning for what a statement does, by where they stand. */

/** The first words of statements that may be reads. */
export const READS: ReadonlySet<string> = new Set(['select', 'values', 'table', 'show', 'explain', 'with'])
/** The first words of statements that may share a connection. */
export const SHARING: ReadonlySet<string> = new Set([
  'select',
  'insert',
  'update',
  'delete',
  'with',
  'values',
])
/** These change the session, or undo what `configure` has set. EXECUTE runs a statement whose text is not seen. */
export const CHANGING: ReadonlySet<string> = new Set([
  ...['reset', 'discard', 'prepare', 'deallocate', 'execute', 'listen', 'unlisten', 'load'],
])
/** These alter no table, and give up no prepared statement. */
export const KEEPING: ReadonlySet<string> = new Set([
  ...['select', 'insert', 'update', 'delete', 'merge', 'with', 'values', 'table', 'show', 'set'],
  ...['begin', 'start', 'savepoint', 'release', 'commit', 'end', 'rollback', 'abort'],
  ...['declare', 'fetch', 'move', 'close', 'lock', 'copy', 'listen', 'unlisten', 'notify'],
])
/** These save all of their work or nothing, unless CONCURRENTLY is among their words. */
export const ATOMIC: ReadonlySet<string> = new Set([
  ...['select', 'insert', 'update', 'delete', 'merge', 'with', 'values', 'table', 'copy', 'truncate'],
  ...['create', 'alter', 'drop', 'grant', 'revoke', 'comment', 'security', 'refresh', 'import', 'reassign'],
  ...[
    'begin',
    'start',
    'savepoint',
    'release',
    'rollback',
    'abort',
    'lock',
    'declare',
    'fetch',
    'move',
    'close',
  ],
  ...['prepare', 'execute', 'deallocate', 'explain', 'set', 'show', 'reset', 'discard', 'load'],
  ...['listen', 'unlisten', 'notify'],
])
/** Words before `TEMP`, where it is the keyword: `CREATE TEMP`, `CREATE OR REPLACE TEMP`, `INTO LOCAL TEMP`. */
export const BEFORE_TEMP: ReadonlySet<string> = new Set(['create', 'replace', 'global', 'local', 'into'])
/** `AS MATERIALIZED (` and names of tables, types and CTEs with a list behind them: `AS t (a)`, `::varchar(10)`. */
export const BEFORE_LISTS: ReadonlySet<string> = new Set(['as', 'into', 'with', 'recursive', '::'])
/** Words that are keywords behind these words only: `ORDER BY (`, `) OVER (`, `character varying(10)`. */
export const KEYWORDS_BEHIND: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['by', new Set(['group', 'order', 'partition'])],
  ['filter', new Set([')'])],
  ['over', new Set([')'])],
  ['sets', new Set(['grouping'])],
  ['varying', new Set(['bit', 'char', 'character', 'nchar'])],
])

/** Keywords between two operands, but names of functions where an expression begins: not `SELECT join(1)`. */
export const INFIX: ReadonlySet<string> = new Set(['ilike', 'join', 'like'])
/** With these an operand ends; or a name does, which no name of a function can follow. */
export const OPERAND_ENDS: ReadonlySet<string> = new Set(['"', "'", '$', '0', ')', ']'])
export const JOIN_KINDS: ReadonlySet<string> = new Set([
  'cross',
  'full',
  'inner',
  'left',
  'natural',
  'outer',
  'right',
])
/** Behind these a word is a name, and no keyword behind which an expression begins. */
export const BEFORE_NAMES: ReadonlySet<string> = new Set(['.', '::', 'as', 'from'])
