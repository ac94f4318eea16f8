// Before all tests: the server they use. DATABASE_URL names one; otherwise a throwaway one is started here.
// Test files find it in TEST_SERVER_URL (see database.ts).
import { LocalPostgresError, startLocalPostgres, type LocalPostgres } from 'local-postgres'

// Jest loads the teardown apart from this file; they share nothing but the process.
declare global {
  var testServer: LocalPostgres | undefined
}

// Jest wants a default export.
// eslint-disable-next-line no-restricted-syntax
export default async function globalSetup(): Promise<void> {
  const given = process.env.DATABASE_URL
  if (given !== undefined && given !== '') {
    process.env.TEST_SERVER_URL = given
    return
  }
  try {
    globalThis.testServer = await startLocalPostgres()
  } catch (error) {
    if (!(error instanceof LocalPostgresError)) throw error
    // Thrown, its one line would drown in Jest's stack trace.
    console.error(`No PostgreSQL to test with. ${error.message}`)
    process.exit(1)
  }
  process.env.TEST_SERVER_URL = globalThis.testServer.url
}
