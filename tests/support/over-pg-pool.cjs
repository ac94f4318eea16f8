// For jest.backends.config.mjs: what a test file opens stands on a `pg.Pool` (see backends.ts).
process.env.TEST_BACKEND = 'pg-pool'
