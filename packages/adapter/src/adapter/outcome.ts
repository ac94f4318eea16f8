/**
 * What became of the writes of a call that failed, noted on the error that reaches Prisma, which passes the object
 * on as it is or inside its own. Where nothing is noted, nothing was saved.
 */
import type { DriverAdapterError } from '@prisma/driver-adapter-utils'

/** `unknown`: they may have been saved or not. `rolled back`: a commit that somebody believed in saved nothing. */
export type Outcome = 'unknown' | 'rolled back'

/** The same in every copy of this package. */
const OUTCOME = Symbol.for('prisma-pg-real-pool.outcome')

export function withOutcome(error: DriverAdapterError, outcome: Outcome): DriverAdapterError {
  // Not enumerable: no log need show it, the message says it.
  return Object.defineProperty(error, OUTCOME, { value: outcome })
}

export function outcomeOf(error: object): Outcome | undefined {
  return (error as { [OUTCOME]?: Outcome })[OUTCOME]
}
