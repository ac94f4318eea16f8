/**
 * Every option: its type, its default, and one schema that checks it. Resolving is pure: no environment, no
 * connection. All problems are reported at once, each with the option's name, the value and the fix.
 */
import ms, { type StringValue } from 'ms'
import type { Client, ClientConfig } from 'pg'
import * as v from 'valibot'
import { NOT_AN_OPTION, problemsMessage } from './option-problems.js'
import { OptionsError } from './pool/errors.js'
import type { RealPool } from './pg/real-pool.js'
import type { PoolSettings } from './pool/types.js'

/**
 * A length of time: a number of milliseconds, or a string with a unit. Bare numbers from 1 to 999 are
 * refused, because they are mostly seconds that somebody pasted: write `'10s'` or `'10ms'`.
 */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

/**
 * How the pool behaves. Every duration takes milliseconds or a string such as `'30s'`.
 *
 * @example
 * ```ts
 * import type { PoolOptions } from 'prisma-pg-real-pool'
 *
 * const pool: PoolOptions = { minSize: 2, maxSize: 10, timeout: '10s', maxLifetime: '1h', maxIdle: '10m' }
 * ```
 */
export interface PoolOptions {
  /** Names the pool in errors and statistics. @defaultValue `pool-1`, `pool-2` … */
  name?: string | undefined
  /** Connections kept open, opened in the background when the pool opens. @defaultValue `2` */
  minSize?: number | undefined
  /** The most connections that exist at any time. @defaultValue `10` */
  maxSize?: number | undefined
  /** How long a request waits for a connection; `0`: not at all. @defaultValue `'30s'` */
  timeout?: Duration | undefined
  /** How many requests may wait; one more is turned away at once. `0`: no cap. @defaultValue `0` */
  maxWaiting?: number | undefined
  /** How long a connection lives, less up to 5 %; then it is replaced. `0`: for ever. @defaultValue `'1h'` */
  maxLifetime?: Duration | undefined
  /**
   * The window after which the pool closes one connection that it could have done without all the while, down
   * to `minSize`. `0`: never. @defaultValue `'10m'`
   */
  maxIdle?: Duration | undefined
  /** How long one attempt to connect may take. `0`: as long as it takes. @defaultValue `'5s'` */
  connectTimeout?: Duration | undefined
  /**
   * How long the pool goes on trying, with growing delays, to replace a connection while the server is away;
   * after that it tries again when a request comes. @defaultValue `'5m'`
   */
  reconnectTimeout?: Duration | undefined
  /** How many connections are opened at the same time. @defaultValue `3` */
  numWorkers?: number | undefined
  /**
   * Tests an idle connection before it is lent: `true` asks the server for nothing, a function asks as it
   * likes and rejects when the connection is unfit. A connection that fails is replaced, and whoever wanted
   * it gets another. @defaultValue `false`
   */
  check?: boolean | ConnectionHook | undefined
  /** How long a connection may have been idle and still be lent without that test. @defaultValue `'1s'` */
  checkIdleAfter?: Duration | undefined
  /** Runs once on each new connection, before anyone gets it. A failure counts as one to connect. */
  configure?: ConnectionHook | undefined
  /** Runs on each connection that comes back, before the next gets it. A failure costs the connection. */
  reset?: ConnectionHook | undefined
  /** Told each time the pool gives up to open a connection, after `reconnectTimeout`. */
  onReconnectFailed?: ((pool: RealPool) => void) | undefined
}

/** Code of yours that runs on a connection while nobody has borrowed it. It must end what it begins. */
export type ConnectionHook = (client: Client) => Promise<unknown> | void

/** The connection fields of node-postgres, in its meaning; those given win over the URL. */
export type ConnectionOptions = { [K in ConnectionKey]?: ClientConfig[K] | undefined }

type ConnectionKey =
  | 'connectionString'
  | 'host'
  | 'port'
  | 'database'
  | 'user'
  | 'password'
  | 'ssl'
  | 'application_name'
  | 'fallback_application_name'
  | 'options'
  | 'statement_timeout'
  | 'lock_timeout'
  | 'idle_in_transaction_session_timeout'
  | 'query_timeout'
  | 'client_encoding'
  | 'keepAlive'
  | 'keepAliveInitialDelayMillis'
  | 'stream'

/** What `new RealPool(…)` takes. */
export interface RealPoolOptions extends ConnectionOptions {
  /**
   * The schema that raw queries and generated ones use: it becomes the session's `search_path`.
   * @defaultValue `?schema=` of the URL, else the server's own `search_path`
   */
  schema?: string | undefined
  /** `true`: a pool with the defaults. @defaultValue `true` */
  pool?: true | PoolOptions | undefined
}

/** What `new RealPoolAdapter(…)` takes. */
export interface RealPoolAdapterOptions extends RealPoolOptions {
  /** Told of every idle connection that is lost. The pool replaces it by itself. */
  onPoolError?: ((error: Error) => void) | undefined
  /** Told of every connection that is lost while a query or a transaction uses it. */
  onConnectionError?: ((error: Error) => void) | undefined
}

const DURATION = /^(?:\d+|\d*\.\d+)(?:ms|s|m|h|d)$/
const LONGEST_SUSPECT_MS = 999

/** A number from 1 to 999 looks like seconds; only a string says what is meant. */
const duration = v.pipe(
  v.custom<Duration>(
    (value) =>
      (typeof value === 'number' && value >= 0) || (typeof value === 'string' && DURATION.test(value)),
    "must be a duration: milliseconds, or a string such as '30s', '500ms', '10m' or '1h'",
  ),
  v.check(
    (value) => typeof value !== 'number' || value === 0 || value > LONGEST_SUSPECT_MS,
    ({ input }) =>
      `is ${String(input)} milliseconds as written: write '${String(input)}s' or '${String(input)}ms'`,
  ),
  v.transform((value) => (typeof value === 'number' ? value : ms(value as StringValue))),
)

const wholeNumber = (least: number) =>
  v.pipe(
    v.number('must be a number'),
    v.check((value) => Number.isInteger(value) && value >= least, `must be a whole number, ${least} or more`),
  )

function callback<T>() {
  return v.custom<T>((value) => typeof value === 'function', 'must be a function')
}

const poolEntries = {
  name: v.optional(v.pipe(v.string('must be a string'), v.nonEmpty('must not be empty'))),
  minSize: v.optional(wholeNumber(0)),
  maxSize: v.optional(wholeNumber(1)),
  timeout: v.optional(duration, '30s'),
  maxWaiting: v.optional(wholeNumber(0), 0),
  maxLifetime: v.optional(duration, '1h'),
  maxIdle: v.optional(duration, '10m'),
  connectTimeout: v.optional(duration, '5s'),
  reconnectTimeout: v.optional(duration, '5m'),
  numWorkers: v.optional(wholeNumber(1), 3),
  check: v.optional(
    v.custom<boolean | ConnectionHook>(
      (value) => typeof value === 'boolean' || typeof value === 'function',
      'must be true, false or a function',
    ),
    false,
  ),
  checkIdleAfter: v.optional(duration, '1s'),
  configure: v.optional(callback<ConnectionHook>()),
  reset: v.optional(callback<ConnectionHook>()),
  onReconnectFailed: v.optional(callback<(pool: RealPool) => void>()),
}

/** An object with these options and no others; each that it has beyond them is a problem of its own. */
function onlyOptions<const E extends v.ObjectEntries>(entries: E) {
  return v.pipe(
    v.looseObject(entries),
    v.rawCheck(({ dataset, addIssue }) => {
      if (typeof dataset.value !== 'object' || dataset.value === null) return
      const input = dataset.value as Record<string, unknown>
      for (const key of Object.keys(input)) {
        if (Object.hasOwn(entries, key)) continue
        const path = { type: 'object', origin: 'key', input, key, value: input[key] } as const
        addIssue({ message: NOT_AN_OPTION, path: [path] })
      }
    }),
  )
}

const poolSchema = v.pipe(
  onlyOptions(poolEntries),
  v.rawCheck(({ dataset, addIssue }) => {
    // Also beside other problems, as far as the sizes themselves are numbers.
    if (typeof dataset.value !== 'object' || dataset.value === null) return
    const { minSize, maxSize } = sizesOf(dataset.value)
    if (typeof minSize !== 'number' || typeof maxSize !== 'number') return
    if (maxSize < minSize) addIssue({ message: `has a maxSize (${maxSize}) below its minSize (${minSize})` })
  }),
)

interface Sizes {
  minSize?: number | undefined
  maxSize?: number | undefined
}

const DEFAULT_MIN_SIZE = 2
const DEFAULT_MAX_SIZE = 10

/** Where only one of the two sizes is given, the other's default gives way to it. */
function sizesOf({ minSize, maxSize }: Sizes) {
  return {
    minSize: minSize ?? Math.min(DEFAULT_MIN_SIZE, maxSize ?? DEFAULT_MIN_SIZE),
    maxSize: maxSize ?? Math.max(DEFAULT_MAX_SIZE, minSize ?? 0),
  }
}

const text = () => v.optional(v.string('must be a string'))
const milliseconds = () =>
  v.optional(v.union([wholeNumber(0), v.literal(false)], 'must be a number of milliseconds'))

const connectionEntries = {
  connectionString: v.optional(
    v.string('must be a string: the URL of the database, for example from DATABASE_URL'),
  ),
  host: text(),
  port: v.optional(
    v.pipe(
      v.number('must be a number'),
      v.check(
        (value) => Number.isInteger(value) && value > 0 && value < 65_536,
        'must be a port from 1 to 65535',
      ),
    ),
  ),
  database: text(),
  user: text(),
  password: v.optional(
    v.custom<string | (() => string | Promise<string>)>(
      (value) => typeof value === 'string' || typeof value === 'function',
      'must be a string, or a function that returns one',
    ),
  ),
  ssl: v.optional(
    v.custom<ClientConfig['ssl']>(
      (value) => typeof value === 'boolean' || (typeof value === 'object' && value !== null),
      'must be true, false or an object of TLS options',
    ),
  ),
  application_name: text(),
  fallback_application_name: text(),
  options: text(),
  statement_timeout: milliseconds(),
  lock_timeout: milliseconds(),
  idle_in_transaction_session_timeout: milliseconds(),
  query_timeout: milliseconds(),
  client_encoding: text(),
  keepAlive: v.optional(v.boolean('must be true or false')),
  keepAliveInitialDelayMillis: v.optional(wholeNumber(0)),
  stream: v.optional(v.unknown()),
} satisfies Record<ConnectionKey, v.GenericSchema<unknown, unknown>>

const poolOption = v.optional(
  v.pipe(
    v.unknown(),
    v.transform((value) => (value === true ? {} : value)),
    poolSchema,
  ),
  true,
)

const realPoolEntries = {
  ...connectionEntries,
  schema: v.optional(v.pipe(v.string('must be a string'), v.nonEmpty('must not be empty'))),
  pool: poolOption,
}
const adapterEntries = {
  ...realPoolEntries,
  onPoolError: v.optional(callback<(error: Error) => void>()),
  onConnectionError: v.optional(callback<(error: Error) => void>()),
}

const realPoolSchema = onlyOptions(realPoolEntries)
const adapterSchema = onlyOptions(adapterEntries)

const KNOWN = { top: Object.keys(adapterEntries), pool: Object.keys(poolEntries) }

/** The user's code that runs on connections. */
export interface ConnectionHooks {
  readonly configure: ConnectionHook | undefined
  readonly reset: ConnectionHook | undefined
  /** Instead of the test that `check: true` makes. */
  readonly check: ConnectionHook | undefined
}

/** Options after defaults and units: what the pool and its connector go by. */
export interface ResolvedOptions {
  readonly connection: ConnectionOptions
  readonly schema: string | undefined
  readonly pool: PoolSettings
  readonly connectTimeout: number
  readonly hooks: ConnectionHooks
  readonly onReconnectFailed: ((pool: RealPool) => void) | undefined
  readonly onPoolError: ((error: Error) => void) | undefined
  readonly onConnectionError: ((error: Error) => void) | undefined
}

export function resolveRealPoolOptions(options: string | RealPoolOptions): ResolvedOptions {
  return resolve(options, realPoolSchema)
}

export function resolveAdapterOptions(options: string | RealPoolAdapterOptions): ResolvedOptions {
  return resolve(options, adapterSchema)
}

function resolve(options: unknown, schema: typeof realPoolSchema | typeof adapterSchema): ResolvedOptions {
  const input = typeof options === 'string' ? { connectionString: options } : options
  const result = v.safeParse(schema, input)
  if (!result.success) throw new OptionsError(problemsMessage(result.issues, KNOWN))
  const output = result.output as v.InferOutput<v.ObjectSchema<typeof adapterEntries, undefined>>
  const { schema: schemaName, pool, onPoolError, onConnectionError, ...connection } = output
  const { check, checkIdleAfter, configure, reset, onReconnectFailed, connectTimeout, ...settings } = pool
  return {
    connection: connection as ConnectionOptions,
    schema: schemaName,
    pool: {
      ...settings,
      ...sizesOf(pool),
      name: pool.name ?? nextPoolName(),
      maxLifetime: zeroIsNever(pool.maxLifetime),
      maxIdle: zeroIsNever(pool.maxIdle),
      checkIdleAfter: check === false ? undefined : checkIdleAfter,
    },
    connectTimeout: zeroIsNever(connectTimeout),
    hooks: { configure, reset, check: typeof check === 'function' ? check : undefined },
    onReconnectFailed,
    onPoolError,
    onConnectionError,
  }
}

function zeroIsNever(durationMs: number): number {
  return durationMs === 0 ? Infinity : durationMs
}

/** Sizes for `resize`: what is not given stays as it is. */
export function parseSizes(
  sizes: { minSize?: number | undefined; maxSize?: number | undefined },
  current: { minSize: number; maxSize: number },
): { minSize: number; maxSize: number } {
  const given = Object.fromEntries(Object.entries(sizes).filter(([, size]) => size !== undefined))
  const result = v.safeParse(poolSchema, { ...current, ...given })
  if (!result.success) throw new OptionsError(problemsMessage(result.issues, KNOWN))
  return sizesOf(result.output)
}

/** The milliseconds of a duration that a method was given. */
export function parseDuration(name: string, value: Duration): number {
  const result = v.safeParse(v.object({ [name]: duration }), { [name]: value })
  if (!result.success) throw new OptionsError(problemsMessage(result.issues, KNOWN))
  return result.output[name] as number
}

let poolsNamed = 0

function nextPoolName(): string {
  poolsNamed++
  return `pool-${poolsNamed}`
}
