// What `npm test` runs: the whole suite, and that of Prisma once more over a `pg.Pool` of the application's, and once
// more with calls that share connections and statements that are not prepared. Where TEST_BACKEND names a backend,
// everything runs over that one instead.
import config from './jest.config.cjs'

// Jest takes these only for the whole run.
const { reporters, testTimeout, ...suite } = config

/** The suite of Prisma, after a file that says over what. */
const prismaOver = (displayName, setupFile) => ({
  ...suite,
  displayName,
  setupFiles: [`<rootDir>/tests/support/${setupFile}`],
  testMatch: ['<rootDir>/tests/prisma/**/*.test.ts'],
  // Runs over every backend anyway.
  testPathIgnorePatterns: ['/node_modules/', '/django-parity\\.test\\.ts$'],
})

const more = [
  prismaOver('pg.Pool', 'over-pg-pool.cjs'),
  prismaOver('shared, unprepared', 'shared-unprepared.cjs'),
]

export default { reporters, testTimeout, projects: process.env.TEST_BACKEND ? [suite] : [suite, ...more] }
