/** The first commands of a transaction: BEGIN, and the time limits that the server enforces. */
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

export interface Server {
  /** The first number of its version; undefined: not known. */
  readonly serverVersion: number | undefined
}

export type Opening = (server: Server) => readonly string[]

/** @throws DriverAdapterError where PostgreSQL has no such isolation level. */
export function openingOf(
  settings: TransactionSettings,
  isolationLevel: IsolationLevel | undefined,
): Opening {
  const begin = beginStatement(isolationLevel)
  return (server) => [begin, ...guards(settings, server)]
}

function beginStatement(isolationLevel: IsolationLevel | undefined): string {
  if (isolationLevel === undefined) return 'BEGIN'
  if (!LEVELS.has(isolationLevel)) {
    throw new DriverAdapterError({ kind: 'InvalidIsolationLevel', level: isolationLevel })
  }
  return `BEGIN ISOLATION LEVEL ${isolationLevel}`
}

/**
 * The server enforces these limits for this transaction only, even if this process hangs. `SET` takes no snapshot, so the
 * server still accepts the caller's `SET TRANSACTION` behind it.
 */
function guards({ idleTimeout, maxDuration }: TransactionSettings, server: Server): string[] {
  const commands = []
  if (idleTimeout > 0) commands.push(`SET LOCAL idle_in_transaction_session_timeout = ${idleTimeout}`)
  if (maxDuration > 0) {
    const { serverVersion } = server
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
