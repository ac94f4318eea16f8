// For jest.backends.config.mjs: in what a test file opens, calls share connections, and nothing is prepared, where the
// test does not say otherwise (see backends.ts).
process.env.TEST_PIPELINING = '16'
process.env.TEST_STATEMENT_CACHE = '0'
