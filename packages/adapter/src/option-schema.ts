/**
 * One schema that checks every option, and knows its default. Resolving is pure: no environment, no connection.
 * All problems are reported at once, each with the option's name, the value and the fix.
 */
import type { SqlQuery } from '@prisma/driver-adapter-utils'
import * as v from 'valibot'
import { connectionEntries } from './connection-schema.js'
import { type KnownOptions, NOT_AN_OPTION, problemsMessage } from './option-problems.js'
import {
  callback,
  checkOption,
  echoOption,
  duration,
  isPlainObject,
  numberThat,
  oneOf,
  serverDuration,
  someText,
  trueOrFalse,
  wholeNumber,
  wholeNumberOrInfinity,
  withoutUndefined,
} from './option-values.js'
import type {
  ConnectionHook,
  ConnectionOptions,
  ConnectionProvider,
  Duration,
  PgPool,
  PoolOptions,
  RealPoolAdapterOptions,
  TransactionOptions,
  UserDefinedTypeParser,
} from './options.js'
import { OptionsError } from './pool/errors.js'
import type { RealPool } from './pg/real-pool.js'

export const poolEntries = {
  name: v.optional(someText),
  minSize: v.optional(wholeNumber(0)),
  maxSize: v.optional(wholeNumberOrInfinity(1)),
  timeout: v.optional(duration, '30s'),
  maxWaiting: v.optional(wholeNumber(0), 0),
  pipelining: v.optional(wholeNumber(1), 1),
  maxLifetime: v.optional(duration, '1h'),
  maxIdle: v.optional(duration, '10m'),
  connectTimeout: v.optional(duration, '5s'),
  reconnectTimeout: v.optional(duration, '5m'),
  numWorkers: v.optional(wholeNumberOrInfinity(1), 3),
  check: v.optional(checkOption, false),
  checkIdleAfter: v.optional(duration, '1s'),
  leakDetectionThreshold: v.optional(duration, 0),
  echo: v.optional(echoOption, false),
  configure: v.optional(callback<ConnectionHook>()),
  reset: v.optional(callback<ConnectionHook>()),
  sessionReset: v.optional(oneOf('detected', 'settings', 'all'), 'detected'),
  onReconnectFailed: v.optional(callback<(pool: RealPool) => void>()),
  maxIdleCount: v.optional(wholeNumberOrInfinity(0), Infinity),
  growth: v.optional(oneOf('gradual', 'immediate'), 'gradual'),
  maxLifetimeJitter: v.optional(
    numberThat((value) => value >= 0 && value < 1, 'must be a fraction: 0 or more, and less than 1'),
    0.05,
  ),
  enforceLifetimeOn: v.optional(oneOf('always', 'acquire'), 'always'),
  invalidateOnLost: v.optional(trueOrFalse, false),
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
    const given: PartialSizes = dataset.value
    const areNumbers = [given.minSize, given.maxSize, given.maxIdleCount].every(
      (size) => size === undefined || typeof size === 'number',
    )
    if (!areNumbers) return
    const { minSize, maxSize, maxIdleCount } = sizesOf(given)
    if (maxSize < minSize) addIssue({ message: `has a maxSize (${maxSize}) below its minSize (${minSize})` })
    if (maxIdleCount < minSize) {
      addIssue({ message: `has a maxIdleCount (${maxIdleCount}) below its minSize (${minSize})` })
    }
    const { pipelining } = dataset.value as { pipelining?: unknown }
    if (typeof pipelining === 'number' && pipelining > 1 && maxIdleCount === 0) {
      addIssue({
        message: `has a pipelining (${pipelining}), but keeps no connection to share (maxIdleCount is 0)`,
      })
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

/** A fresh connection for each call: nothing is opened before it is wanted, and nothing kept afterwards. */
export const NO_POOLING: PoolOptions = {
  minSize: 0,
  maxIdleCount: 0,
  growth: 'immediate',
  numWorkers: Infinity,
}

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
  connection: v.optional(callback<ConnectionProvider>()),
  credentialsTimeout: v.optional(duration, '10s'),
  pooler: v.optional(oneOf('none', 'transaction'), 'none'),
  schema: v.optional(someText),
  pool: poolOption,
}
export const transactionEntries = {
  acquire: v.optional(oneOf('start', 'first-query'), 'start'),
  autosave: v.optional(oneOf('never', 'always'), 'never'),
  handOver: v.optional(trueOrFalse, true),
  idleTimeout: v.optional(serverDuration, 0),
  maxDuration: v.optional(serverDuration, 0),
} satisfies Record<keyof TransactionOptions, v.GenericSchema<unknown, unknown>>

export const adapterEntries = {
  ...realPoolEntries,
  queryTimeout: v.optional(duration, 0),
  statementCacheSize: v.optional(wholeNumber(0), 256),
  statementNameGenerator: v.optional(callback<(query: SqlQuery) => string>()),
  rawScripts: v.optional(oneOf('refuse', 'allow'), 'refuse'),
  transaction: v.optional(onlyOptions(transactionEntries), {}),
  userDefinedTypeParser: v.optional(callback<UserDefinedTypeParser>()),
  onPoolError: v.optional(callback<(error: Error) => void>()),
  onConnectionError: v.optional(callback<(error: Error) => void>()),
} satisfies Record<keyof RealPoolAdapterOptions, v.GenericSchema<unknown, unknown>>

export const realPoolSchema = onlyOptions(realPoolEntries)
export const adapterSchema = onlyOptions(adapterEntries)

/** What both schemas make of valid options; those that only the adapter has may be missing. */
export type ParsedOptions = v.InferOutput<v.ObjectSchema<typeof adapterEntries, undefined>>

/** The names of all options, in the order of the documentation. */
export const OPTION_NAMES = {
  top: Object.keys(adapterEntries),
  within: { pool: Object.keys(poolEntries), transaction: Object.keys(transactionEntries) },
}

/** The names of options that are not objects themselves. */
export function namesOf(entries: object): KnownOptions {
  return { top: Object.keys(entries), within: {} }
}

/** The options as the schema makes them; throws one error with every problem. */
export function parse<S extends v.GenericSchema>(
  schema: S,
  input: unknown,
  known: KnownOptions = OPTION_NAMES,
): v.InferOutput<S> {
  const result = v.safeParse(schema, input)
  if (!result.success) throw new OptionsError(problemsMessage(result.issues, known))
  return result.output
}

const connectionSchema = onlyOptions(connectionEntries)

/** What the user's `connection` returned, other than a URL. */
export function parseConnection(provided: unknown): ConnectionOptions {
  return parse(connectionSchema, provided, namesOf(connectionEntries)) as ConnectionOptions
}

/** Sizes for `resize`: what is not given stays as it is. */
export function parseSizes(sizes: PartialSizes, current: Sizes): Sizes {
  const pool = { ...sizesOf(current), ...withoutUndefined(sizes) }
  // Named as they are among the options.
  return sizesOf(parse(v.object({ pool: poolSchema }), { pool }).pool)
}

/** The milliseconds of a duration that a method was given. */
export function parseDuration(name: string, value: Duration): number {
  return parse(v.object({ [name]: duration }), { [name]: value })[name] as number
}
