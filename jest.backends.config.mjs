// What `npm test` runs: the whole suite, and that of Prisma once more over a `pg.Pool` of the application's. Where
// TEST_BACKEND names a backend, everything runs over that one instead.
import config from './jest.config.cjs'

// Jest takes these only for the whole run.
const { reporters, testTimeout, ...suite } = config

const overPgPool = {
  ...suite,
  displayName: 'pg.Pool',
  setupFiles: ['<rootDir>/tests/support/over-pg-pool.cjs'],
  testMatch: ['<rootDir>/tests/prisma/**/*.test.ts'],
  // Runs over every backend anyway.
  testPathIgnorePatterns: ['/node_modules/', '/django-parity\\.test\\.ts$'],
}

export default { reporters, testTimeout, projects: process.env.TEST_BACKEND ? [suite] : [suite, overPgPool] }
