/**
 * The state of a session, as far as the server reports it: settings, command tags. What the text of a statement says of
 * the session is in sql/facts.ts.
 */

/**
 * The settings that the server reports and a session can change, as they are; the form of dates becomes the one
 * that can be read, here as in node-postgres itself, floats are told with all their digits, and NULL in a list is NULL.
 */
export const READ_SETTINGS = `SELECT name, CASE name WHEN 'DateStyle' THEN set_config(name, 'ISO', false)
  ELSE current_setting(name, true) END FROM unnest(ARRAY['application_name', 'client_encoding', 'DateStyle',
  'default_transaction_read_only', 'IntervalStyle', 'is_superuser', 'scram_iterations', 'search_path',
  'session_authorization', 'standard_conforming_strings', 'TimeZone']) AS name,
  set_config('extra_float_digits', '1', false), set_config('array_nulls', 'on', false) AS nulls`

/** Whether the session has nothing prepared any more. */
export function forgetsStatements(tag: string): boolean {
  return tag === 'DISCARD ALL' || tag === 'DEALLOCATE ALL'
}

/** Begins a transaction that stays open. */
export function beginsTransaction(tag: string): boolean {
  return tag === 'BEGIN' || tag === 'START TRANSACTION'
}

/** The settings that the server reports, and which of them differ from those that a borrower should find. */
export class ReportedSettings {
  /** Sessions of one server mostly begin alike. These are a score of texts, so they share them. */
  static #latest: ReadonlyMap<string, string> = new Map()

  #initial: ReadonlyMap<string, string> | undefined
  /** What differs from those; all, until they are known. */
  readonly #changed = new Map<string, string>()

  get areInitial(): boolean {
    return this.#initial === undefined || this.#changed.size === 0
  }

  valueOf(name: string): string | undefined {
    return this.#changed.get(name) ?? this.#initial?.get(name)
  }

  report(name: string, value: string): void {
    // Says what the server is, not what the session has set.
    if (name === 'in_hot_standby') return
    if (this.#initial?.get(name) === value) this.#changed.delete(name)
    else this.#changed.set(name, value)
  }

  /** As they are now, the settings are as they should be. */
  seal(): void {
    if (this.#initial !== undefined && this.#changed.size === 0) return
    const settings = new Map([...(this.#initial ?? []), ...this.#changed])
    if (!areEqual(settings, ReportedSettings.#latest)) ReportedSettings.#latest = settings
    this.#initial = ReportedSettings.#latest
    this.#changed.clear()
  }
}

function areEqual(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  return one.size === other.size && [...one].every(([name, value]) => other.get(name) === value)
}
