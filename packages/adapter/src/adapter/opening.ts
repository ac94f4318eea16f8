/** What a transaction begins with: BEGIN, and the limits that the server is to keep. */
import { DriverAdapterError, type IsolationLevel } from '@prisma/driver-adapter-utils'
import type { TransactionSettings } from '../resolved-options.js'

/** PostgreSQL has no SNAPSHOT, and a caller without types may pass anything. */
const LEVELS: ReadonlySet<IsolationLevel> = new Set([
  'READ UNCOMMITTED',
  'READ COMMITTED',
  'REPEATABLE READ',
  'SERIALIZABLE',
])

/** The first version of PostgreSQL that has `transaction_timeout`; an older one refuses the name. */
const HAS_TRANSACTION_TIMEOUT = 17

/** @param serverVersion - Its first number; undefined: not known. */
export type Opening = (serverVersion: number | undefined) => readonly string[]

/** @throws DriverAdapterError where PostgreSQL has no such isolation level. */
export function openingOf(
  settings: TransactionSettings,
  isolationLevel: IsolationLevel | undefined,
): Opening {
  const begin = beginStatement(isolationLevel)
  return (serverVersion) => [begin, ...guards(settings, serverVersion)]
}

function beginStatement(isolationLevel: IsolationLevel | undefined): string {
  if (isolationLevel === undefined) return 'BEGIN'
  if (!LEVELS.has(isolationLevel)) {
    throw new DriverAdapterError({ kind: 'InvalidIsolationLevel', level: isolationLevel })
  }
  return `BEGIN ISOLATION LEVEL ${isolationLevel}`
}

/**
 * Limits that the server keeps by itself, for this transaction only: whatever becomes of the session, the next
 * transaction brings its own. `SET` takes no snapshot, so that the caller's `SET TRANSACTION` may still come first.
 */
function guards(
  { idleTimeout, maxDuration }: TransactionSettings,
  serverVersion: number | undefined,
): string[] {
  const commands = []
  if (idleTimeout > 0) commands.push(`SET LOCAL idle_in_transaction_session_timeout = ${idleTimeout}`)
  if (maxDuration > 0) {
    if (serverVersion === undefined) commands.push(setWhereKnown(maxDuration))
    else if (serverVersion >= HAS_TRANSACTION_TIMEOUT) {
      commands.push(`SET LOCAL transaction_timeout = ${maxDuration}`)
    }
  }
  return commands
}

/** The server decides. It is a query, behind which the server refuses `SET TRANSACTION`. */
function setWhereKnown(maxDuration: number): string {
  const set = `set_config('transaction_timeout', '${maxDuration}', true)`
  return `SELECT CASE WHEN current_setting('server_version_num')::int >= ${HAS_TRANSACTION_TIMEOUT}0000 THEN ${set} END`
}
