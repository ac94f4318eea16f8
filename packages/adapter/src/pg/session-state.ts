/**
 * Whether a session still is as it was when it was made: told by the command tag of each statement, by its
 * text where the tag is not enough, and by the settings that the server reports. What a function sets out of
 * sight, and the server does not report, is not seen.
 */
import { beginning } from './script.js'

/** Statements that always leave something in the session (PostgreSQL manual, SQL commands). */
const TELLING_TAGS: ReadonlySet<string> = new Set(['LISTEN', 'PREPARE', 'LOAD'])

/** A setting for the session. `SET LOCAL`, `SET TRANSACTION` and `SET CONSTRAINTS` end with the transaction. */
const SESSION_SETTING = /\bset\s+(?!local\b|transaction\b|constraints\b)/i
const HELD_CURSOR = /\bwith\s+hold\b/i
// Not just the word: a column may be called `temp`.
const CREATE_TEMPORARY =
  /\bcreate\s+(?:or\s+replace\s+)?(?:(?:global|local)\s+)?temp(?:orary)?\b|\bpg_temp\s*\./i
const INTO_TEMPORARY = /\binto\s+temp(?:orary)?\b/i
/** Locks of the session, and settings that are not said to be local. */
const TELLING_CALL = /\bpg_(?:try_)?advisory_lock|\bset_config\s*\((?![^)]*,\s*true\s*\))/i

const READS_OR_WRITES = beginning(String.raw`(?:select|insert|update|delete|with|values)\b`)
const TEMPORARY = /\binto\s+(?:(?:local|global)\s+)?temp(?:orary)?\b|\bpg_temp/i
/** What the next random numbers of the session will be. */
const SEED = /\bsetseed\s*\(/i

/**
 * Whether a text is plainly one statement that leaves nothing in the session, told before it is sent: whoever shares
 * the connection comes right behind it.
 */
export function leavesNothing(text: string): boolean {
  return READS_OR_WRITES.test(text) && !TELLING_CALL.test(text) && !TEMPORARY.test(text) && !SEED.test(text)
}

/** Whether a statement that the server answered with this command tag may have changed the session. */
export function changesSession(tag: string, text: string): boolean {
  // The hot path first: what Prisma generates is answered with one of these.
  if (tag.startsWith('SELECT')) return TELLING_CALL.test(text) || INTO_TEMPORARY.test(text)
  if (tag.startsWith('INSERT') || tag.startsWith('UPDATE') || tag.startsWith('DELETE')) return false
  if (TELLING_TAGS.has(tag)) return true
  if (tag === 'SET') return SESSION_SETTING.test(text)
  if (tag === 'DECLARE CURSOR') return HELD_CURSOR.test(text)
  return tag.startsWith('CREATE') && CREATE_TEMPORARY.test(text)
}

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
