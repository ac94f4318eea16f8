/**
 * Applies prisma/migrations to a fresh database. `prisma migrate deploy` does this for a real deployment;
 * here it goes through the adapter, which needs no engine to download.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { RealPoolAdapter } from 'prisma-pg-real-pool'

/** The same folder from src/ and from dist/. */
const MIGRATIONS = resolve(__dirname, '../../../prisma/migrations')

export async function migrate(adapter: RealPoolAdapter): Promise<void> {
  const entries = await readdir(MIGRATIONS, { withFileTypes: true })
  // Their names begin with a timestamp, so the order of names is the order of time.
  const names = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
  const connection = await adapter.connect()
  try {
    for (const name of names) {
      await connection.executeScript(await readFile(join(MIGRATIONS, name, 'migration.sql'), 'utf8'))
    }
  } finally {
    await connection.dispose()
  }
}
