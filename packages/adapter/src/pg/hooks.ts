/** Runs code of the user's on a connection that nobody has borrowed. */
import type { ConnectionHook } from '../options.js'
import type { Clock } from '../pool/clock.js'
import { messageOf } from './connect-failure.js'
import type { PgConnection } from './connection.js'
import { isDoneWithin } from './deadline.js'

export interface Hook {
  /** The option's. */
  readonly name: string
  readonly run: ConnectionHook
  readonly limitMs: number
}

/** It must leave the connection as clean as it found it; what it leaves in the session is meant to be there. */
export async function runHook(
  connection: PgConnection,
  { name, run, limitMs }: Hook,
  clock: Clock,
): Promise<void> {
  let failure: Error | undefined
  const done = Promise.resolve()
    .then(() => run(connection.client))
    .catch((error: unknown) => {
      failure = new Error(`the ${name} hook failed: ${messageOf(error)}`, { cause: error })
      throw failure
    })
  if (!(await isDoneWithin(limitMs, done, clock)))
    throw failure ?? new Error(`the ${name} hook took too long`)
  if (connection.isBusy) await connection.becomesReady()
  connection.markClean()
  if (connection.condition !== 'clean') {
    throw new Error(`the ${name} hook left the connection ${stateOf(connection)}: it must end what it begins`)
  }
}

function stateOf(connection: PgConnection): string {
  if (connection.isBroken) return 'broken'
  return connection.isBusy ? 'busy' : 'in a transaction'
}
