/** The public surface: named exports, nothing else. */
export { RealPoolAdapter } from './adapter/factory.js'
export {
  isOutcomeUnknown,
  isPoolTimeout,
  isRetryable,
  isSilentRollback,
  isUniqueViolation,
} from './adapter/prisma-errors.js'
export { type RetryOptions, retryTransaction } from './adapter/retry.js'
export { fromPsycopg, fromQueuePool, type PsycopgOptions, type QueuePoolOptions } from './django-options.js'
export type { PoolHolder, PoolReport, PoolReportFacts, ServerProcess } from './observe/report.js'
export { onPoolEvent, type PoolEvent, type PoolEvents } from './observe/events.js'
export { adapterOptionsSchema, type OptionsSchema, realPoolOptionsSchema } from './standard-schema.js'
export type {
  ConnectionHook,
  ConnectionOptions,
  ConnectionProvider,
  Duration,
  PgPool,
  PoolOptions,
  RealPoolAdapterOptions,
  RealPoolOptions,
  UserDefinedTypeParser,
} from './options.js'
export { type AcquireLeaseOptions, type Lease, RealPool } from './pg/real-pool.js'
export {
  LeaseError,
  OptionsError,
  PoolClosedError,
  PoolConnectError,
  type PoolCounts,
  PoolError,
  type PoolErrorCode,
  PoolTimeoutError,
  TooManyRequestsError,
} from './pool/errors.js'
export type { DurationHistogram } from './pool/histogram.js'
export type { Waiting } from './pool/census.js'
export type { PoolStats } from './pool/stats.js'
