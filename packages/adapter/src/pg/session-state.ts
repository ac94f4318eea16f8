/**
 * The state of a session, as far as the server reports it: settings, command tags. What the text of a statement says of
 * the session is in sql/facts.ts.
 */
import type { Access } from '../pool/types.js'
import { Kind, Lexer } from './sql/lexer.js'

/**
 * Reads the settings that the server reports and a session can change, and its version. Sets three others: dates become
 * ISO, the only form that node-postgres reads; floats have all their digits; NULL in a list is NULL.
 */
export const READ_SETTINGS = `SELECT name, CASE name WHEN 'DateStyle' THEN set_config(name, 'ISO', false)
  ELSE current_setting(name, true) END FROM unnest(ARRAY['application_name', 'client_encoding', 'DateStyle',
  'default_transaction_read_only', 'in_hot_standby', 'IntervalStyle', 'is_superuser', 'scram_iterations', 'search_path',
  'server_version', 'session_authorization', 'standard_conforming_strings', 'TimeZone']) AS name,
  set_config('extra_float_digits', '1', false), set_config('array_nulls', 'on', false) AS nulls`

/** Whether a statement that begins a transaction, or makes a setting, says that its caller wants to write nothing. */
export function asksForReadOnly(text: string): boolean {
  const lexer = new Lexer(text)
  let last: string | undefined
  while (lexer.next() !== Kind.End) {
    const { word } = lexer
    if (word === 'transaction_read_only' || (word === 'only' && last === 'read')) return true
    last = word
  }
  return false
}

/**
 * Whether the server refuses writes by itself: it is a standby, or its configuration says so. A default that the
 * startup packet or a statement has set is the caller's own.
 */
export const IS_SERVER_READ_ONLY = `SELECT pg_catalog.pg_is_in_recovery() OR EXISTS (
  SELECT FROM pg_catalog.pg_settings WHERE name = 'default_transaction_read_only' AND setting = 'on'
    AND source NOT IN ('client', 'session'))`

/** Whether the session has nothing prepared any more. */
export function forgetsStatements(tag: string): boolean {
  return tag === 'DISCARD ALL' || tag === 'DEALLOCATE ALL'
}

/** Tags of statements after which a prepared one may return other columns, or read another table. */
const ALTERS_SCHEMA = /^(?:CREATE|ALTER|DROP|IMPORT|DO)\b/

/** Whether statements that the session has prepared may not fit any more. */
export function altersSchema(tag: string): boolean {
  return ALTERS_SCHEMA.test(tag)
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
  /** PostgreSQL reports it since version 14, when the session begins and when the standby is promoted. */
  #inHotStandby: string | undefined

  get areInitial(): boolean {
    return this.#initial === undefined || this.#changed.size === 0
  }

  valueOf(name: string): string | undefined {
    return this.#changed.get(name) ?? this.#initial?.get(name)
  }

  report(name: string, value: string): void {
    // It says what the server is, not what the session has set.
    if (name === 'in_hot_standby') this.#inHotStandby = value
    else if (this.#initial?.get(name) === value) this.#changed.delete(name)
    else this.#changed.set(name, value)
  }

  /** Whether the server accepts writes in this session. */
  get access(): Access {
    const isReadOnly = this.valueOf('default_transaction_read_only')
    if (this.#inHotStandby === 'on' || isReadOnly === 'on') return 'readOnly'
    return this.#inHotStandby === 'off' && isReadOnly === 'off' ? 'writable' : 'unknown'
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
