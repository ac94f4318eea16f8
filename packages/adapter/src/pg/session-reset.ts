/**
 * The reset that `pool.sessionReset` sends behind each lease, and whether the server has confirmed it yet.
 *
 * The pool lends the connection on at once, so the answer to a reset may still be missing when the next holder sends.
 * A reset that fails then (a late cancel request, a statement_timeout that a function left behind) must not let the
 * next statement run in the session state of the last holder. So until a reset is confirmed, each packet repeats it:
 *
 *     BEGIN, RESET …, COMMIT, the statement, Sync
 *
 * An error skips the rest of the packet up to its Sync (PostgreSQL manual 54.2.3), the statement included. The COMMIT
 * makes sure that the reset stays, also if the statement fails: a ROLLBACK would undo a RESET before it.
 */

/** How much is undone behind each lease, beyond what a statement visibly changed. */
export type SessionResetLevel = 'settings' | 'all'

// A lease may leave `default_transaction_isolation` at serializable: the reset must neither wait for a snapshot nor
// be refused by a standby.
const BEGIN = 'BEGIN ISOLATION LEVEL READ COMMITTED'

// First the user, then the settings: a role that was set may not be allowed what the user is. `RESET ALL` leaves out
// the role and the user; `RESET SESSION AUTHORIZATION` puts back both, the role to what the startup packet,
// ALTER ROLE or ALTER DATABASE says.
const SETTINGS = ['RESET SESSION AUTHORIZATION', 'RESET ALL']

/**
 * The parts of DISCARD ALL (PostgreSQL manual, DISCARD), which itself is refused in a transaction. Two of its parts
 * are left out. DEALLOCATE ALL would drop the statements that the pool keeps prepared. DISCARD PLANS would have them
 * planned anew each time; a plan holds no state of a session, and the server itself replans where the role or the
 * search_path is another.
 */
const ALL = [
  'CLOSE ALL',
  ...SETTINGS,
  'UNLISTEN *',
  'SELECT pg_catalog.pg_advisory_unlock_all()',
  'DISCARD TEMP',
  'DISCARD SEQUENCES',
]

const COMMANDS: Readonly<Record<SessionResetLevel, readonly string[]>> = {
  settings: [BEGIN, ...SETTINGS, 'COMMIT'],
  all: [BEGIN, ...ALL, 'COMMIT'],
}

/** The reset of one session. State and nothing but state; connection.ts sends. */
export class SessionReset {
  /** To be sent before a statement, one after the other. */
  readonly commands: readonly string[]
  /** The same, to be sent by itself. */
  readonly script: string
  /** How many leases have ended. */
  #ended = 0
  /** Behind how many of them a reset was sent. */
  #sent = 0
  /** After how many of them the session was certainly reset. */
  #done = 0

  constructor(level: SessionResetLevel) {
    this.commands = COMMANDS[level]
    this.script = this.commands.join('; ')
  }

  /** Whether the server has not confirmed the reset behind the last lease. */
  get isDue(): boolean {
    return this.#done < this.#ended
  }

  /** Whether the reset behind the last lease was not even sent. */
  get isUnsent(): boolean {
    return this.#sent < this.#ended
  }

  noteLeaseEnd(): void {
    this.#ended++
  }

  /** A reset is sent; to be called back when the server has confirmed it. */
  noteSent(): () => void {
    const leases = (this.#sent = this.#ended)
    return () => {
      this.#done = Math.max(this.#done, leases)
    }
  }
}
