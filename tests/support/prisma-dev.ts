// Prisma's development server, of the version that the `prisma` of our lockfile runs for `npx prisma dev`.
import { type SharedSessionServer, startServer } from './pglite.js'

/**
 * Starts `@prisma/dev`: PGlite 0.4.3 behind pglite-socket 0.1.3, with at most ten connections (pglite.ts says how it
 * serves them). Besides, it has a "WAL bridge": behind each command that writes, or COMMIT, it runs two queries of its
 * own in the same session, by Parse, Describe, Bind, Execute and Sync of the unnamed statement, between the messages
 * that are still to come in the same packet.
 *
 * Its HTTP side wants `node:sqlite`. Where Node has none (20), the database server is started without it, by the same
 * functions and with the same bridges.
 */
export function startPrismaDev(): Promise<SharedSessionServer> {
  return startServer(`
    if (process.getBuiltinModule?.('node:sqlite') !== undefined) {
      const { startPrismaDevServer } = await import('@prisma/dev')
      const server = await startPrismaDevServer({
        name: 'test-' + process.pid,
        port: 0,
        databasePort: 0,
        shadowDatabasePort: 0,
        streamsPort: 0,
      })
      process.send(server.database.connectionString)
    } else {
      const { startDBServer } = await import('@prisma/dev/internal/db')
      const server = await startDBServer('database', {
        databasePort: 0,
        databaseIdleTimeoutMillis: Infinity,
        debug: false,
        dryRun: false,
        pgliteDataDirPath: 'memory://',
      })
      await server.attachWalEventBridge()
      await server.attachQueryInsightsBridge()
      process.send(server.connectionString)
    }`)
}
