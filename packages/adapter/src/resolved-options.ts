/** What the options come to: after defaults, units and what the URL says. The pool and its connector go by that. */
import type { SqlQuery } from '@prisma/driver-adapter-utils'
import { CONNECTION_KEYS } from './connection-schema.js'
import {
  adapterSchema,
  isPgPool,
  NO_POOLING,
  parse,
  type ParsedOptions,
  realPoolSchema,
  sizesOf,
} from './option-schema.js'
import { withoutUndefined } from './option-values.js'
import type { EchoLevel } from './observe/echo.js'
import type {
  ConnectionHook,
  ConnectionOptions,
  ConnectionProvider,
  PgPool,
  RealPoolAdapterOptions,
  RealPoolOptions,
  UserDefinedTypeParser,
} from './options.js'
import type { RealPool } from './pg/real-pool.js'
import { optionsInUrl } from './pg/url-options.js'
import { OptionsError } from './pool/errors.js'
import type { PoolSettings } from './pool/types.js'

/** The user's code that runs on connections. */
export interface ConnectionHooks {
  readonly configure: ConnectionHook | undefined
  readonly reset: ConnectionHook | undefined
  /** Instead of the test that `check: true` makes. */
  readonly check: ConnectionHook | undefined
}

/** How transactions behave, in milliseconds. */
export interface TransactionSettings {
  readonly acquire: 'start' | 'first-query'
  readonly autosave: 'never' | 'always'
  readonly handOver: boolean
  readonly idleTimeout: number
  readonly maxDuration: number
}

/** Options after defaults and units: what the pool and its connector go by. */
export interface ResolvedOptions {
  readonly connection: ConnectionOptions
  /** Names the rest of the connection, anew for each. */
  readonly provider: ConnectionProvider | undefined
  readonly credentialsTimeout: number
  readonly pooler: 'none' | 'transaction'
  readonly schema: string | undefined
  readonly pool: PoolSettings
  /** The user's own, whose connections are lent instead of ours. */
  readonly pgPool: PgPool | undefined
  readonly transaction: TransactionSettings
  readonly connectTimeout: number
  readonly queryTimeout: number
  readonly statementCacheSize: number
  readonly statementNameGenerator: ((query: SqlQuery) => string) | undefined
  readonly rawScripts: 'refuse' | 'allow'
  readonly leakDetectionThreshold: number
  readonly echo: { readonly level: EchoLevel; readonly log: (line: string) => void }
  readonly hooks: ConnectionHooks
  readonly sessionReset: 'detected' | 'settings' | 'all'
  readonly userDefinedTypeParser: UserDefinedTypeParser | undefined
  readonly onReconnectFailed: ((pool: RealPool) => void) | undefined
  readonly onPoolError: ((error: Error) => void) | undefined
  readonly onConnectionError: ((error: Error) => void) | undefined
}

/** Those that calls go by. */
export type AdapterSettings = Pick<
  ResolvedOptions,
  'transaction' | 'userDefinedTypeParser' | 'statementNameGenerator' | 'rawScripts'
>

export function resolveRealPoolOptions(options: string | RealPoolOptions): ResolvedOptions {
  return resolve(options, realPoolSchema)
}

export function resolveAdapterOptions(options: string | RealPoolAdapterOptions): ResolvedOptions {
  return resolve(options, adapterSchema)
}

function resolve(options: unknown, schema: typeof realPoolSchema | typeof adapterSchema): ResolvedOptions {
  if (isPgPool(options)) throw new OptionsError('a pg.Pool is given as an option: `{ pool }`')
  const input = typeof options === 'string' ? { connectionString: options } : options
  const given = withUrlOptions(input, schema === adapterSchema)
  const output = parse(schema, given) as ParsedOptions
  const {
    schema: schemaName,
    connection: provider,
    credentialsTimeout,
    pooler,
    pool,
    transaction,
    queryTimeout,
    userDefinedTypeParser,
    statementCacheSize,
    statementNameGenerator,
    rawScripts,
    onPoolError,
    onConnectionError,
    ...connection
  } = output
  const pgPool = pgPoolOf(input as RealPoolOptions)
  refuseSharedReadTimeout(output)
  refuseSharedSessionReset(output)
  const { check, checkIdleAfter, configure, reset, onReconnectFailed, connectTimeout, ...rest } = pool
  const { leakDetectionThreshold, echo, sessionReset, ...settings } = rest
  return {
    connection: connection as ConnectionOptions,
    provider,
    credentialsTimeout: zeroIsNever(credentialsTimeout),
    pooler,
    schema: schemaName,
    pool: {
      ...settings,
      ...sizesOf(pool),
      // Others wait for a pg.Pool's connections, too.
      lendsOnce: pgPool !== undefined,
      name: pool.name ?? nextPoolName(),
      maxLifetime: zeroIsNever(pool.maxLifetime),
      maxIdle: zeroIsNever(pool.maxIdle),
      checkIdleAfter: check === false ? undefined : checkIdleAfter,
    },
    pgPool,
    transaction: transaction ?? NO_TRANSACTIONS,
    connectTimeout: zeroIsNever(connectTimeout),
    queryTimeout: zeroIsNever(queryTimeout ?? 0),
    // Of RealPool's own users, each prepares what he likes. A pooler's sessions are prepared by whoever asks for it.
    statementCacheSize: pooler === 'transaction' && !asksForStatements(given) ? 0 : (statementCacheSize ?? 0),
    statementNameGenerator,
    rawScripts: rawScripts ?? 'refuse',
    leakDetectionThreshold: zeroIsNever(leakDetectionThreshold),
    echo: { level: echo, log: (line) => console.warn(line) },
    sessionReset,
    hooks: { configure, reset, check: typeof check === 'function' ? check : undefined },
    userDefinedTypeParser,
    onReconnectFailed,
    onPoolError,
    onConnectionError,
  }
}

/** node-postgres ends it by closing the connection, and with it what others have in flight. */
function refuseSharedReadTimeout({ query_timeout: timeout, pool: { pipelining } }: ParsedOptions): void {
  if (pipelining === 1 || timeout === undefined || timeout === 0) return
  throw new OptionsError(
    '`query_timeout` cannot be kept where calls share connections (`pool.pipelining`): use `queryTimeout`',
  )
}

/** The server gives each transaction another session, which then is not ours to reset. */
function refuseSharedSessionReset({ pooler, pool: { sessionReset } }: ParsedOptions): void {
  if (pooler !== 'transaction' || sessionReset === 'detected') return
  throw new OptionsError(
    `\`pool.sessionReset\` ('${sessionReset}') cannot reset a session behind a pooler in transaction mode ` +
      "(`pooler: 'transaction'`): leave it out, and use SET LOCAL or set_config(…, true) in transactions",
  )
}

/** RealPool has none of its own. */
const NO_TRANSACTIONS: TransactionSettings = {
  acquire: 'start',
  autosave: 'never',
  handOver: false,
  idleTimeout: 0,
  maxDuration: 0,
}

/** The options with those that the URL has for the pool, which yield to any that are given beside it. */
function withUrlOptions(input: unknown, isForAdapter: boolean): unknown {
  if (typeof input !== 'object' || input === null) return input
  const options = input as RealPoolAdapterOptions
  const { connectionString, pool = true } = options
  if (typeof connectionString !== 'string' || isPgPool(pool)) return input
  if (typeof pool !== 'boolean' && (typeof pool !== 'object' || pool === null)) return input
  const { pool: poolInUrl, ...others } = optionsInUrl(connectionString, isForAdapter)
  const given = pool === false ? NO_POOLING : pool === true ? {} : withoutUndefined(pool)
  return { ...others, ...withoutUndefined(options), pool: { ...poolInUrl, ...given } }
}

function asksForStatements(options: unknown): boolean {
  return (options as RealPoolAdapterOptions).statementCacheSize !== undefined
}

function pgPoolOf(options: RealPoolOptions): PgPool | undefined {
  const { pool } = options
  if (!isPgPool(pool)) return undefined
  const misplaced = [...CONNECTION_KEYS, 'connection' as const].filter((key) => options[key] !== undefined)
  if (misplaced.length > 0) {
    const names = misplaced.map((key) => `\`${key}\``).join(', ')
    throw new OptionsError(
      `${names} beside a pg.Pool would have no effect: the pool has its own. Leave it out, or give it to the pool.`,
    )
  }
  if (pool.options.binary === true) {
    throw new OptionsError(
      'the pg.Pool has `binary: true`, by which node-postgres corrupts values: leave it out',
    )
  }
  if (pool.Client !== undefined && !('getTransactionStatus' in pool.Client.prototype)) {
    throw new OptionsError('the pg.Pool comes from a copy of `pg` that is too old: 8.23.1 or newer is needed')
  }
  return pool
}

function zeroIsNever(durationMs: number): number {
  return durationMs === 0 ? Infinity : durationMs
}

let poolsNamed = 0

function nextPoolName(): string {
  poolsNamed++
  return `pool-${poolsNamed}`
}
