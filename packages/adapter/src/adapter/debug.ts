/** Prisma's own debug output: `DEBUG=prisma:driver-adapter:real-pool`, or `DEBUG=prisma:*`. */
import { Debug } from '@prisma/driver-adapter-utils'

const NAMESPACE = 'prisma:driver-adapter:real-pool'

/** Not there unless it is asked for: Prisma's function keeps the last hundred calls with their values, read or not. */
export const debug = Debug.enabled(NAMESPACE) ? Debug(NAMESPACE) : undefined
