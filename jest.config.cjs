// One PostgreSQL for the whole run (tests/support/global-setup), one fresh database for each test file.
module.exports = {
  rootDir: __dirname,
  testMatch: ['<rootDir>/tests/**/*.test.ts'],
  testEnvironment: 'node',
  globalSetup: '<rootDir>/tests/support/global-setup.ts',
  globalTeardown: '<rootDir>/tests/support/global-teardown.ts',
  transform: {
    '\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2023' }, module: { type: 'commonjs' } },
    ],
    // Only as an ES module; Jest runs CommonJS.
    'schema_engine_bg\\.js$': ['@swc/jest', { jsc: { target: 'es2023' }, module: { type: 'commonjs' } }],
  },
  transformIgnorePatterns: ['/node_modules/(?!.*/schema_engine_bg\\.js$)'],
  moduleNameMapper: {
    // Sources import each other with the suffix of the emitted file.
    '^(\\.{1,2}/.*)\\.js$': ['$1', '$1.js'],
    '^prisma-pg-real-pool/(opentelemetry|prometheus)$': '<rootDir>/packages/adapter/src/$1.ts',
    '^prisma-pg-real-pool$': '<rootDir>/packages/adapter/src/index.ts',
  },
  testTimeout: 30_000,
  reporters: ['default', '<rootDir>/tests/support/summary-reporter.cjs'],
}
