/**
 * What `npm start` has made before it serves or measures.
 */
import type { Cleanups } from './cleanups.js'
import type { StartOptions } from './options.js'
import type { createPrisma } from './prisma.js'
import type { Seeded } from './seed.js'

export interface Ground extends ReturnType<typeof createPrisma> {
  readonly options: StartOptions
  readonly connectionString: string
  readonly seeded: Seeded
  /** Run when the process ends, in reverse order. */
  readonly cleanups: Cleanups
  /** Ends it early. */
  readonly signal: AbortSignal
}
