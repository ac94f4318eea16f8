// A throwaway PostgreSQL server for running, testing and benchmarking this repository. This file owns the
// public surface; the server itself lives in a process of its own (supervisor.ts), which outlives us only
// for as long as it takes to clean up.
export { LocalPostgresError, type LocalPostgresErrorCode } from './errors.js'
export { startLocalPostgres, type LocalPostgres } from './start.js'
export type { LocalPostgresOptions, PostgresVersion, ShutdownMode } from './protocol.js'

// For tests that run another program beside the server: under the same account, with a separate folder and port.
export { serverAccount } from './account.js'
export { makeTemporaryFolder } from './folders.js'
export { freePort } from './ports.js'
export { exitsWithin, kill } from './processes.js'
