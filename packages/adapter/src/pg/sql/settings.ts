/** Which settings do not matter to prepared statements: whatever their value is, a statement has the same meaning. */

/** A setting that is on no list may matter, as `search_path` and `TimeZone` do. Custom settings (`app.tenant`) never do. */
const APART: ReadonlySet<string> = new Set([
  ...['role', 'transaction', 'constraints', 'row_security'],
  ...['transaction_isolation', 'transaction_read_only', 'transaction_deferrable'],
  ...['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout'],
  ...['work_mem', 'synchronous_commit', 'application_name'],
])

/** @param setting - Its name, as the server folds it or as a plain literal: `'app.tenant'`. */
export function keepsPrepared(setting: string | undefined): boolean {
  if (setting === undefined) return false
  const isLiteral = setting.startsWith("'")
  const name = isLiteral ? setting.slice(1, -1).toLowerCase() : setting.toLowerCase()
  return APART.has(name) || (isLiteral && /^[a-z_]\w*(?:\.\w+)+$/.test(name))
}
