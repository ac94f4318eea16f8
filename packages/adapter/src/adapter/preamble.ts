/**
 * What has to be sent before the next statement of a transaction, and travels in its packet: BEGIN, savepoints,
 * and the end of savepoints. State and nothing but state; transaction.ts sends.
 */
import { quoteIdentifier } from '../pg/identifier.js'

/** The savepoint around each statement under `autosave`. */
const AUTOSAVE = 'SAVEPOINT real_pool_autosave'
const UNDO_AUTOSAVE = 'ROLLBACK TO SAVEPOINT real_pool_autosave'
const END_AUTOSAVE = 'RELEASE SAVEPOINT real_pool_autosave'

export class Preamble {
  readonly #opening: readonly string[]
  readonly #autosave: boolean
  #hasBegun = false
  /** Savepoints, and ends of savepoints, that nobody has needed yet. */
  #pending: string[] = []
  /** Whether there is an autosave, and what it saves from. */
  #saved: 'nothing' | 'success' | 'failure' = 'nothing'
  /** Whether what was sent last has an autosave before it. */
  #isSaving = false

  /** @param opening - BEGIN, and what must come before the first statement. */
  constructor(opening: readonly string[], autosave: boolean) {
    this.#opening = opening
    this.#autosave = autosave
  }

  /** Whether the server knows of the transaction. */
  get hasBegun(): boolean {
    return this.#hasBegun
  }

  /** The commands before a statement. They count as sent; how it went is told by `succeeded` or `failed`. */
  beforeStatement(): string[] {
    const commands = this.#begin()
    if (this.#saved === 'failure') commands.push(UNDO_AUTOSAVE)
    // As long as nothing else is wanted, one autosave goes on to serve for the next statement.
    if (this.#pending.length > 0 || this.#saved === 'success') {
      if (this.#saved !== 'nothing') commands.push(END_AUTOSAVE)
      this.#saved = 'nothing'
    }
    commands.push(...this.#pending)
    this.#pending = []
    this.#isSaving = this.#autosave
    if (this.#autosave && this.#saved !== 'failure') commands.push(AUTOSAVE)
    return commands
  }

  /**
   * The commands before one that goes back to a savepoint, or that a failed transaction is going to refuse: what
   * nobody has needed yet would be undone by it, or refused before it.
   */
  beforeCommand(): string[] {
    this.#pending = []
    this.#saved = 'nothing'
    this.#isSaving = false
    return this.#begin()
  }

  /** The commands before COMMIT, which ends every savepoint by itself. */
  beforeCommit(): string[] {
    return this.#saved === 'failure' ? [UNDO_AUTOSAVE] : []
  }

  #begin(): string[] {
    const commands = this.#hasBegun ? [] : [...this.#opening]
    this.#hasBegun = true
    return commands
  }

  succeeded(): void {
    if (this.#isSaving) this.#saved = 'success'
  }

  /**
   * What was sent last failed, or could not be sent; returns whether an autosave undoes that.
   *
   * @param inPreamble - It was one of the commands before it. Then the autosave that is there, if there is one, is that
   * of a statement before, which succeeded: to go back to it would undo that one behind its caller's back.
   */
  failed(inPreamble: boolean): boolean {
    if (!this.#isSaving) return false
    this.#saved = inPreamble ? 'nothing' : 'failure'
    return !inPreamble
  }

  savepoint(name: string): void {
    this.#pending.push(`SAVEPOINT ${quoteIdentifier(name)}`)
  }

  /** The end of a savepoint costs nothing: where it was never sent, it never is; else the next statement takes it along. */
  release(name: string): void {
    const begun = this.#pending.lastIndexOf(`SAVEPOINT ${quoteIdentifier(name)}`)
    if (begun >= 0) this.#pending.length = begun
    else this.#pending.push(`RELEASE SAVEPOINT ${quoteIdentifier(name)}`)
  }

  /** Undoes what came after the savepoint, where nothing of that was sent; returns whether that was so. */
  undo(name: string): boolean {
    const begun = this.#pending.lastIndexOf(`SAVEPOINT ${quoteIdentifier(name)}`)
    if (begun < 0) return false
    this.#pending.length = begun + 1
    return true
  }
}
