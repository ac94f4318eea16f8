/**
 * Tells whether PostgreSQL answers, on a connection of its own: a probe that queued behind the service's
 * callers would report a busy pool as a dead database, and get the service restarted at its busiest.
 */
import { RealPoolAdapter } from 'prisma-pg-real-pool'

/** Resolves when the server has answered a query; rejects when it has not. */
export async function probeDatabase(connectionString: string): Promise<void> {
  const adapter = new RealPoolAdapter({
    connectionString,
    application_name: 'ledger-health',
    pool: false,
  })
  const connection = await adapter.connect()
  try {
    await connection.executeScript('SELECT 1')
  } finally {
    await connection.dispose()
  }
}
