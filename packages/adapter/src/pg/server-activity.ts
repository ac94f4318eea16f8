/** What the server says of the processes behind some connections, and of those that are in their way. */
import type { Clock } from '../pool/clock.js'
import type { Connector } from '../pool/types.js'
import type { ServerProcess } from '../observe/report.js'
import type { PgConnection } from './connection.js'
import { within } from './deadline.js'
import { excerpt } from './excerpt.js'

/** Whoever asks is in trouble already: the answer comes soon, or not at all. */
const LIMIT_MS = 2_000

/** As text, so that it is read alike whatever the application has told `pg` about types. */
const ACTIVITY = `
  WITH RECURSIVE involved (pid) AS (
    SELECT unnest($1::int[])
    UNION
    SELECT unnest(pg_blocking_pids(pid)) FROM involved
  )
  SELECT coalesce(json_agg(json_build_object(
    'pid', pid,
    'application', application_name,
    'user', usename,
    'state', state,
    'waitsFor', wait_event_type || ':' || wait_event,
    'stateMs', extract(epoch FROM clock_timestamp() - state_change) * 1000,
    'transactionMs', extract(epoch FROM clock_timestamp() - xact_start) * 1000,
    'statement', query,
    'blockedBy', pg_blocking_pids(pid)
  )), '[]')::text AS activity
  FROM involved JOIN pg_stat_activity USING (pid)`

/** Asks on a connection of its own, since those of the pool may all be lent; rejects without an answer in time, or when `over` aborts. */
export function askServer(
  connector: Connector<PgConnection>,
  pids: readonly number[],
  clock: Clock,
  over: AbortSignal = new AbortController().signal,
): Promise<ServerProcess[]> {
  const abort = new AbortController()
  const tooLate = (): Error => {
    abort.abort()
    return new Error(`no answer within ${LIMIT_MS} ms`)
  }
  return within(LIMIT_MS, tooLate, over, clock, async (deadline) => {
    const connection = await connector.open(AbortSignal.any([abort.signal, over]))
    let late: Error | undefined
    try {
      if (deadline.isOver) return []
      deadline.onOver = (error) => {
        late = error
        // Without a request to cancel: the question is short, and who does not answer it would not hear of that.
        connection.destroy()
      }
      const { rows } = await connection.client.query<{ activity: string }>(ACTIVITY, [pids])
      const processes = JSON.parse(rows[0]?.activity ?? '[]') as ServerProcess[]
      return processes.map((process) => ({ ...process, statement: excerpt(process.statement) }))
    } catch (error) {
      // Not that the connection ended, but why.
      throw late ?? error
    } finally {
      deadline.onOver = undefined
      void connector.close(connection, 'surplus')
    }
  })
}
