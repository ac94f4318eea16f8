/**
 * One schema that checks every option, and knows its default. Resolving is pure: no environment, no connection.
 * All problems are reported at once, each with the option's name, the value and the fix.
 */
import type { SqlQuery } from '@prisma/driver-adapter-utils'
import ms, { type StringValue } from 'ms'
import type { ClientConfig } from 'pg'
import * as v from 'valibot'
import { NOT_AN_OPTION, problemsMessage } from './option-problems.js'
import type {
  ConnectionHook,
  ConnectionKey,
  Duration,
  PgPool,
  PoolOptions,
  TransactionOptions,
  UserDefinedTypeParser,
} from './options.js'
import { OptionsError } from './pool/errors.js'
import type { RealPool } from './pg/real-pool.js'

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

/** The server keeps its timeouts as whole milliseconds in 32 bits (PostgreSQL manual 20.1.1). */
const LONGEST_ON_SERVER_MS = 2_147_483_647

const serverDuration = v.pipe(
  duration,
  v.check(
    (value) => value <= LONGEST_ON_SERVER_MS,
    `must be at most ${LONGEST_ON_SERVER_MS} ms, which is as far as the server counts`,
  ),
  v.transform((value) => Math.ceil(value)),
)

export const wholeNumber = (least: number) =>
  v.pipe(
    v.number('must be a number'),
    v.check((value) => Number.isInteger(value) && value >= least, `must be a whole number, ${least} or more`),
  )

const wholeNumberOrInfinity = (least: number) =>
  v.pipe(
    v.number('must be a number'),
    v.check(
      (value) => (Number.isInteger(value) || value === Infinity) && value >= least,
      `must be a whole number, ${least} or more, or Infinity`,
    ),
  )

export function callback<T>() {
  return v.custom<T>((value) => typeof value === 'function', 'must be a function')
}

export const checkOption = v.custom<boolean | ConnectionHook>(
  (value) => typeof value === 'boolean' || typeof value === 'function',
  'must be true, false or a function',
)

function oneOf<const T extends string>(...values: T[]) {
  return v.picklist(values, `must be ${values.map((value) => `'${value}'`).join(' or ')}`)
}

const poolEntries = {
  name: v.optional(v.pipe(v.string('must be a string'), v.nonEmpty('must not be empty'))),
  minSize: v.optional(wholeNumber(0)),
  maxSize: v.optional(wholeNumberOrInfinity(1)),
  timeout: v.optional(duration, '30s'),
  maxWaiting: v.optional(wholeNumber(0), 0),
  maxLifetime: v.optional(duration, '1h'),
  maxIdle: v.optional(duration, '10m'),
  connectTimeout: v.optional(duration, '5s'),
  reconnectTimeout: v.optional(duration, '5m'),
  numWorkers: v.optional(wholeNumberOrInfinity(1), 3),
  check: v.optional(checkOption, false),
  checkIdleAfter: v.optional(duration, '1s'),
  leakDetectionThreshold: v.optional(duration, 0),
  configure: v.optional(callback<ConnectionHook>()),
  reset: v.optional(callback<ConnectionHook>()),
  onReconnectFailed: v.optional(callback<(pool: RealPool) => void>()),
  maxIdleCount: v.optional(wholeNumberOrInfinity(0), Infinity),
  growth: v.optional(oneOf('gradual', 'immediate'), 'gradual'),
  maxLifetimeJitter: v.optional(
    v.pipe(
      v.number('must be a number'),
      v.check((value) => value >= 0 && value < 1, 'must be a fraction: 0 or more, and less than 1'),
    ),
    0.05,
  ),
  enforceLifetimeOn: v.optional(oneOf('always', 'acquire'), 'always'),
  invalidateOnLost: v.optional(v.boolean('must be true or false'), false),
} satisfies Record<keyof PoolOptions, v.GenericSchema<unknown, unknown>>

/** An object with these options and no others; each that it has beyond them is a problem of its own. */
export function onlyOptions<const E extends v.ObjectEntries>(entries: E) {
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
    const { minSize, maxSize, maxIdleCount } = sizesOf(dataset.value)
    if (![minSize, maxSize, maxIdleCount].every((size) => typeof size === 'number')) return
    if (maxSize < minSize) addIssue({ message: `has a maxSize (${maxSize}) below its minSize (${minSize})` })
    if (maxIdleCount < minSize) {
      addIssue({ message: `has a maxIdleCount (${maxIdleCount}) below its minSize (${minSize})` })
    }
  }),
)

export interface Sizes {
  readonly minSize: number
  readonly maxSize: number
  readonly maxIdleCount: number
}

export type PartialSizes = { readonly [K in keyof Sizes]?: number | undefined }

const DEFAULT_MIN_SIZE = 2
const DEFAULT_MAX_SIZE = 10

/** Where only some of the sizes are given, the defaults of the others give way to them. */
export function sizesOf({ minSize, maxSize, maxIdleCount = Infinity }: PartialSizes): Sizes {
  return {
    minSize: minSize ?? Math.min(DEFAULT_MIN_SIZE, maxSize ?? DEFAULT_MIN_SIZE, maxIdleCount),
    maxSize: maxSize ?? Math.max(DEFAULT_MAX_SIZE, minSize ?? 0),
    maxIdleCount,
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

export const CONNECTION_KEYS = Object.keys(connectionEntries) as ConnectionKey[]

/** A fresh connection for each call: nothing is opened before it is wanted, and nothing kept afterwards. */
const NO_POOLING: PoolOptions = { minSize: 0, maxIdleCount: 0, growth: 'immediate', numWorkers: Infinity }

/** Told by what it can do: the application's copy of `pg` may be another than ours. */
export function isPgPool(value: unknown): value is PgPool {
  if (typeof value !== 'object' || value === null) return false
  const pool = value as Record<string, unknown>
  const methods = ['connect', 'query', 'end', 'on']
  const counts = ['totalCount', 'idleCount', 'waitingCount']
  return (
    methods.every((name) => typeof pool[name] === 'function') &&
    counts.every((name) => typeof pool[name] === 'number') &&
    typeof pool['options'] === 'object' &&
    pool['options'] !== null
  )
}

/** How many connections the pool may have. It takes what an environment variable holds, too. */
export function maxSizeOf({ options: { max = DEFAULT_MAX_SIZE } }: PgPool): number {
  return Number(max)
}

/** Its clients are its own affair: they are asked for when they are wanted, and given back at once. */
function poolOptionsFor(pool: PgPool): PoolOptions {
  const { connectionTimeoutMillis: timeout } = pool.options
  return {
    ...NO_POOLING,
    maxSize: maxSizeOf(pool),
    ...(timeout === undefined || timeout === 0 ? {} : { timeout: `${timeout}ms` }),
    // These, too, are for the pool to say.
    connectTimeout: 0,
    maxLifetime: 0,
  }
}

function isPlainObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  // A client of Prisma looks like one but for this.
  if (Object.prototype.toString.call(value) !== '[object Object]') return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

const poolOption = v.optional(
  v.pipe(
    v.unknown(),
    v.check(
      (value) => typeof value === 'boolean' || isPlainObject(value) || isPgPool(value),
      'must be true, false, an object of pool options or a pg.Pool',
    ),
    v.transform((value) => {
      if (isPgPool(value)) return poolOptionsFor(value)
      if (value === true) return {}
      return value === false ? NO_POOLING : value
    }),
    poolSchema,
  ),
  true,
)

const realPoolEntries = {
  ...connectionEntries,
  schema: v.optional(v.pipe(v.string('must be a string'), v.nonEmpty('must not be empty'))),
  pool: poolOption,
}
const transactionEntries = {
  acquire: v.optional(oneOf('start', 'first-query'), 'start'),
  autosave: v.optional(oneOf('never', 'always'), 'never'),
  idleTimeout: v.optional(serverDuration, 0),
  maxDuration: v.optional(serverDuration, 0),
} satisfies Record<keyof TransactionOptions, v.GenericSchema<unknown, unknown>>

const adapterEntries = {
  ...realPoolEntries,
  queryTimeout: v.optional(duration, 0),
  statementCacheSize: v.optional(wholeNumber(0), 256),
  statementNameGenerator: v.optional(callback<(query: SqlQuery) => string>()),
  transaction: v.optional(onlyOptions(transactionEntries), {}),
  userDefinedTypeParser: v.optional(callback<UserDefinedTypeParser>()),
  onPoolError: v.optional(callback<(error: Error) => void>()),
  onConnectionError: v.optional(callback<(error: Error) => void>()),
}

export const realPoolSchema = onlyOptions(realPoolEntries)
export const adapterSchema = onlyOptions(adapterEntries)

/** What both schemas make of valid options; those that only the adapter has may be missing. */
export type ParsedOptions = v.InferOutput<v.ObjectSchema<typeof adapterEntries, undefined>>

/** The names of all options, in the order of the documentation. */
export const OPTION_NAMES = { top: Object.keys(adapterEntries), pool: Object.keys(poolEntries) }

/** The options as the schema makes them; throws one error with every problem. */
export function parse<S extends v.GenericSchema>(
  schema: S,
  input: unknown,
  known: { top: readonly string[]; pool: readonly string[] } = OPTION_NAMES,
): v.InferOutput<S> {
  const result = v.safeParse(schema, input)
  if (!result.success) throw new OptionsError(problemsMessage(result.issues, known))
  return result.output
}

/** Sizes for `resize`: what is not given stays as it is. */
export function parseSizes(sizes: PartialSizes, current: Sizes): Sizes {
  const given = Object.fromEntries(Object.entries(sizes).filter(([, size]) => size !== undefined))
  // Named as they are among the options.
  return sizesOf(parse(v.object({ pool: poolSchema }), { pool: { ...sizesOf(current), ...given } }).pool)
}

/** The milliseconds of a duration that a method was given. */
export function parseDuration(name: string, value: Duration): number {
  return parse(v.object({ [name]: duration }), { [name]: value })[name] as number
}
