// Before all tests: the server they use. DATABASE_URL names one; otherwise a throwaway one is started here.
// Test files find it in TEST_SERVER_URL (see database.ts).
import { LocalPostgresError, startLocalPostgres, type LocalPostgres } from 'local-postgres'
import pg from 'pg'

// Jest loads the teardown apart from this file; they share nothing but the process.
declare global {
  var testServer: LocalPostgres | undefined
}

// Jest wants a default export.
// eslint-disable-next-line no-restricted-syntax
export default async function globalSetup(): Promise<void> {
  const given = process.env.DATABASE_URL
  process.env.TEST_SERVER_URL = given ? await answering(given) : await ofOurOwn()
}

async function ofOurOwn(): Promise<string> {
  try {
    globalThis.testServer = await startLocalPostgres()
    return globalThis.testServer.url
  } catch (error) {
    if (error instanceof LocalPostgresError) return giveUp(error.message)
    throw error
  }
}

async function answering(url: string): Promise<string> {
  if (!URL.canParse(url) || !/^postgres(ql)?:$/.test(new URL(url).protocol)) {
    return giveUp(
      'DATABASE_URL is not a PostgreSQL URL: it must look like postgresql://user:password@host:5432/database; ' +
        'characters such as @ : / # % in the user or password must be percent-encoded.',
    )
  }
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  try {
    await client.connect()
    await client.end()
    return url
  } catch (error) {
    // An AggregateError, one error for each address of a host, has no message of its own.
    const { message, code = '' } = error as NodeJS.ErrnoException
    return giveUp(
      `The server that DATABASE_URL names does not answer (${message || code}): start it, or unset DATABASE_URL.`,
    )
  }
}

/** Thrown, the one line would drown in Jest's stack trace. */
function giveUp(line: string): never {
  console.error(`No PostgreSQL to test with. ${line}`)
  process.exit(1)
}
