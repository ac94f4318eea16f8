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

/** @throws DriverAdapterError where PostgreSQL has no such isolation level. */
export function openingOf(
  settings: TransactionSettings,
  isolationLevel: IsolationLevel | undefined,
): string[] {
  return [beginStatement(isolationLevel), ...guards(settings)]
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
 * transaction brings its own. A server before 17 would refuse the name of the second.
 */
function guards({ idleTimeout, maxDuration }: TransactionSettings): string[] {
  const limits = []
  if (idleTimeout > 0) {
    limits.push(`set_config('idle_in_transaction_session_timeout', '${idleTimeout}', true)`)
  }
  if (maxDuration > 0) {
    const set = `set_config('transaction_timeout', '${maxDuration}', true)`
    limits.push(`CASE WHEN current_setting('server_version_num')::int >= 170000 THEN ${set} END`)
  }
  return limits.length === 0 ? [] : [`SELECT ${limits.join(', ')}`]
}
