/**
 * The example service as other packages of this repository use it: without the command line.
 */
export * from './errors.js'
export { PrismaClient } from './generated/prisma/client.js'
export * from './health.js'
export * from './ledger.js'
export * from './metrics.js'
export * from './migrate.js'
export * from './prisma.js'
export * from './readiness.js'
export * from './seed.js'
export * from './server.js'
