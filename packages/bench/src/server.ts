/** The PostgreSQL that is measured against: the one that DATABASE_URL names, or a throwaway one. */
import { startLocalPostgres } from 'local-postgres'
import { Client } from 'pg'

/** Runs `work` with the URL of a server that takes so many connections, and the version of that server. */
export async function withServer<T>(
  maxConnections: number,
  work: (url: string, version: string) => Promise<T>,
): Promise<T> {
  const given = process.env['DATABASE_URL']
  if (given) return work(given, await versionOf(given))
  const server = await startLocalPostgres({ settings: { max_connections: String(maxConnections) } })
  try {
    return await work(server.url, await versionOf(server.url))
  } finally {
    await server.stop()
  }
}

async function versionOf(connectionString: string): Promise<string> {
  const client = new Client({ connectionString })
  await client.connect()
  const { rows } = await client.query<{ server_version: string }>('SHOW server_version')
  await client.end()
  return rows[0]?.server_version ?? 'unknown'
}
