/**
 * The commands that a transaction sends before its next statement, in the same packet: BEGIN, savepoints, and the ends of
 * savepoints. State and nothing but state; transaction.ts sends.
 *
 * With autosave, one savepoint of ours lies on top of the caller's. The caller's own statements move the stack, too:
 *
 * ```text
 * INSERT …                 SAVEPOINT autosave, INSERT
 * SAVEPOINT mine           RELEASE autosave, SAVEPOINT mine       no autosave: RELEASE would end `mine` with it
 * UPDATE …                 SAVEPOINT autosave, UPDATE
 * ROLLBACK TO mine         RELEASE autosave, SAVEPOINT autosave, ROLLBACK TO mine        ends the autosave
 * ```
 */
import { quoteIdentifier } from '../pg/identifier.js'
import type { Facts, TransactionControl } from '../pg/sql/facts.js'
import type { Opening, Server } from './opening.js'

/** The savepoint around each statement under `autosave`. */
const AUTOSAVE = 'SAVEPOINT real_pool_autosave'
const UNDO_AUTOSAVE = 'ROLLBACK TO SAVEPOINT real_pool_autosave'
const END_AUTOSAVE = 'RELEASE SAVEPOINT real_pool_autosave'

/** The effect of a statement, or of a script of several statements, on the transaction. */
export type Control = TransactionControl['kind'] | 'several'

/**
 * The server refuses `SET TRANSACTION` behind a savepoint, and ends its effect with that. A script of several statements
 * may move savepoints, of which the one tag that is kept does not tell.
 */
const WITHOUT_AUTOSAVE: ReadonlySet<Control | undefined> = new Set([
  'savepoint',
  'set transaction',
  'several',
])

/** Undefined: it is no transaction control. */
export function controlIn({ control, controls }: Pick<Facts, 'control' | 'controls'>): Control | undefined {
  return control?.kind ?? (controls.length > 0 ? 'several' : undefined)
}

/** Tags of statements behind which the autosave is not on top of the savepoints any more, or not there. */
const MOVES_SAVEPOINTS: ReadonlySet<string> = new Set(['SAVEPOINT', 'RELEASE', 'ROLLBACK'])

export class Preamble {
  readonly #opening: Opening
  readonly #autosave: boolean
  #hasBegun = false
  /** Savepoints, and ends of savepoints, that no statement has taken along yet. */
  #pending: string[] = []
  /** Whether the server has an autosave, and how the statement behind it ended. */
  #saved: 'nothing' | 'success' | 'failure' = 'nothing'
  /** Whether the last statement or command has an autosave before it. */
  #isSaving = false

  /** @param opening - BEGIN, and the other commands before the first statement. */
  constructor(opening: Opening, autosave: boolean) {
    this.#opening = opening
    this.#autosave = autosave
  }

  /** Whether the server knows of the transaction. */
  get hasBegun(): boolean {
    return this.#hasBegun
  }

  /**
   * The commands before a statement. They count as sent; `succeeded` or `failed` reports the result.
   *
   * @param control - What the statement does to the transaction.
   */
  beforeStatement(server: Server, control?: Control): string[] {
    const commands = this.#begin(server)
    const isSaving = this.#autosave && !WITHOUT_AUTOSAVE.has(control)
    if (this.#saved === 'failure') commands.push(UNDO_AUTOSAVE)
    // Behind a failure the autosave outlives that, and serves once more, if nothing else must lie below it.
    if (this.#pending.length > 0 || this.#saved === 'success' || !isSaving) {
      if (this.#saved !== 'nothing') commands.push(END_AUTOSAVE)
      this.#saved = 'nothing'
    }
    commands.push(...this.#pending)
    this.#pending = []
    this.#isSaving = isSaving
    if (isSaving && this.#saved !== 'failure') commands.push(AUTOSAVE)
    return commands
  }

  /**
   * The commands before one that goes back to a savepoint, or that a failed transaction refuses. Pending savepoints are
   * dropped: the command would undo them, or the server would refuse them before it.
   */
  beforeCommand(server: Server): string[] {
    this.#pending = []
    this.#saved = 'nothing'
    this.#isSaving = false
    return this.#begin(server)
  }

  /** The commands before COMMIT, which ends every savepoint by itself. */
  beforeCommit(): string[] {
    return this.#saved === 'failure' ? [UNDO_AUTOSAVE] : []
  }

  #begin(server: Server): string[] {
    const commands = this.#hasBegun ? [] : [...this.#opening(server)]
    this.#hasBegun = true
    return commands
  }

  /** @param tag - The server's answer: it knows a savepoint of the caller's in whatever spelling. */
  succeeded(tag: string): void {
    if (this.#isSaving) this.#saved = MOVES_SAVEPOINTS.has(tag) ? 'nothing' : 'success'
  }

  /**
   * Call this if the last statement failed, or could not be sent. Returns whether an autosave undoes the failure.
   *
   * @param inPreamble - Whether a command before the statement failed. The autosave then belongs to an earlier statement,
   * which succeeded: to go back to it would undo that statement.
   */
  failed(inPreamble: boolean): boolean {
    if (!this.#isSaving) return false
    this.#saved = inPreamble ? 'nothing' : 'failure'
    return !inPreamble
  }

  savepoint(name: string): void {
    this.#pending.push(`SAVEPOINT ${quoteIdentifier(name)}`)
  }

  /** If the savepoint was never sent, nothing is. Otherwise the next statement takes RELEASE along. */
  release(name: string): void {
    const begun = this.#pending.lastIndexOf(`SAVEPOINT ${quoteIdentifier(name)}`)
    if (begun >= 0) this.#pending.length = begun
    else this.#pending.push(`RELEASE SAVEPOINT ${quoteIdentifier(name)}`)
  }

  /** Drops the pending commands after a pending savepoint. Returns false if the savepoint is not pending. */
  undo(name: string): boolean {
    const begun = this.#pending.lastIndexOf(`SAVEPOINT ${quoteIdentifier(name)}`)
    if (begun < 0) return false
    this.#pending.length = begun + 1
    return true
  }
}
