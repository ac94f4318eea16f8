/**
 * Where PostgreSQL comes from: a throwaway server of our own, or a throwaway database on the server that
 * DATABASE_URL names. Data that was there before is never touched.
 */
import { randomBytes } from 'node:crypto'
import { startLocalPostgres } from 'local-postgres'
import { Client } from 'pg'
import type { Cleanups } from './cleanups.js'
import { explain } from './explain.js'

/** Resolves to the URL of an empty database. */
export async function openDatabase(databaseUrl: string | undefined, cleanups: Cleanups): Promise<string> {
  return databaseUrl ? createDatabase(databaseUrl, cleanups) : startServer(cleanups)
}

async function startServer(cleanups: Cleanups): Promise<string> {
  const server = await startLocalPostgres()
  cleanups.add('stop PostgreSQL', () => server.stop())
  return server.url
}

async function createDatabase(serverUrl: string, cleanups: Cleanups): Promise<string> {
  const name = `real_pool_ledger_${randomBytes(4).toString('hex')}`
  const url = parse(serverUrl)
  // Registered first: when the answer to CREATE DATABASE is lost, the database may exist nevertheless.
  let mayExist = false
  cleanups.add(`drop database ${name}`, async () => {
    if (mayExist) await execute(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
  })
  try {
    await execute(serverUrl, `CREATE DATABASE ${name}`, () => (mayExist = true))
  } catch (error) {
    const where = url.host || url.searchParams.get('host') || 'localhost'
    throw new Error(
      `Cannot create a database on ${where}: ${explain(error)}. Correct DATABASE_URL, or unset it.`,
      { cause: error },
    )
  }
  url.pathname = `/${name}`
  url.searchParams.delete('schema')
  return url.href
}

async function execute(url: string, sql: string, onConnected?: () => void): Promise<void> {
  const client = new Client({
    connectionString: url,
    application_name: 'ledger-setup',
    connectionTimeoutMillis: 5_000,
    query_timeout: 30_000,
  })
  // A connection lost while idle is told here; one lost in a query rejects the query as well.
  client.on('error', () => {})
  await client.connect()
  try {
    onConnected?.()
    await client.query(sql)
  } finally {
    await client.end()
  }
}

function parse(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^postgres(ql)?:$/.test(url.protocol)) {
    throw new Error('DATABASE_URL is no URL such as postgresql://user@localhost:5432/postgres.')
  }
  return url
}
