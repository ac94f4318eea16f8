/**
 * Pool options out of a Django settings dict: that of psycopg_pool, which Django itself uses, and that of
 * SQLAlchemy's QueuePool in django-db-connection-pool. What is not given has that library's own default; what
 * has no counterpart here is refused, so that nobody believes it to be in force.
 */
import * as v from 'valibot'
import { namesOf, onlyOptions, parse } from './option-schema.js'
import {
  callback,
  checkOption,
  echoOption,
  numberThat,
  text,
  trueOrFalse,
  wholeNumber,
} from './option-values.js'
import type { ConnectionHook, Duration, PoolOptions } from './options.js'
import type { RealPool } from './pg/real-pool.js'

/** The options of `psycopg_pool.ConnectionPool`, as `DATABASES[…]['OPTIONS']['pool']` has them. Times in seconds. */
export interface PsycopgOptions {
  name?: string | null | undefined
  /** @defaultValue `4` */
  min_size?: number | undefined
  /** @defaultValue `min_size` */
  max_size?: number | null | undefined
  /** @defaultValue `30` */
  timeout?: number | undefined
  /** @defaultValue `0` */
  max_waiting?: number | undefined
  /** @defaultValue `3600` */
  max_lifetime?: number | undefined
  /** @defaultValue `600` */
  max_idle?: number | undefined
  /** @defaultValue `300` */
  reconnect_timeout?: number | undefined
  /** @defaultValue `3` */
  num_workers?: number | undefined
  /** `true`: what `CONN_HEALTH_CHECKS` does. */
  check?: boolean | ConnectionHook | null | undefined
  configure?: ConnectionHook | null | undefined
  reset?: ConnectionHook | null | undefined
  reconnect_failed?: ((pool: RealPool) => void) | null | undefined
}

/** The options of django-db-connection-pool, as `DATABASES[…]['POOL_OPTIONS']` has them. Times in seconds. */
export interface QueuePoolOptions {
  /** Idle connections kept; `0`: no limit, whatever `MAX_OVERFLOW` is. @defaultValue `10` */
  POOL_SIZE?: number | undefined
  /** Connections beyond those, closed when they come back; `-1`: no limit. @defaultValue `10` */
  MAX_OVERFLOW?: number | undefined
  /** The age at which a connection is replaced when it is wanted; `-1`: never. @defaultValue `900` */
  RECYCLE?: number | undefined
  /** @defaultValue `30` */
  TIMEOUT?: number | undefined
  /** @defaultValue `true` */
  PRE_PING?: boolean | undefined
  /** Whether to write to the console what the pool does. @defaultValue `false` */
  ECHO?: boolean | 'debug' | undefined
}

const secondsThat = (isValid: (value: number) => boolean, rule: string) =>
  numberThat(isValid, rule, 'must be a number of seconds')

const seconds = secondsThat((value) => value >= 0, 'must be 0 or more')

/** Where 0 means there that nobody is ever served, or nothing ever kept. */
const someSeconds = secondsThat((value) => value > 0, 'must be more than 0')

/** An option of psycopg_pool that cannot be carried over, and why. */
const without = (why: string) =>
  v.optional(
    v.pipe(
      v.unknown(),
      v.check(() => false, `is not carried over: ${why}`),
    ),
  )

const psycopgEntries = {
  name: v.nullish(text),
  min_size: v.optional(wholeNumber(0), 4),
  max_size: v.nullish(wholeNumber(1)),
  timeout: v.optional(someSeconds, 30),
  max_waiting: v.optional(wholeNumber(0), 0),
  max_lifetime: v.optional(someSeconds, 3_600),
  max_idle: v.optional(someSeconds, 600),
  reconnect_timeout: v.optional(seconds, 300),
  num_workers: v.optional(wholeNumber(1), 3),
  check: v.nullish(checkOption),
  configure: v.nullish(callback<ConnectionHook>()),
  reset: v.nullish(callback<ConnectionHook>()),
  reconnect_failed: v.nullish(callback<(pool: RealPool) => void>()),
  conninfo: without('give the connection beside `pool`'),
  kwargs: without('give the connection beside `pool`'),
  connection_class: without('connections are clients of node-postgres'),
  open: without('the pool opens with its first client, or by open()'),
  close_returns: without('give a connection back with release()'),
}

const psycopgSchema = v.pipe(
  onlyOptions(psycopgEntries),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return
    const { min_size: min, max_size: max } = dataset.value
    if (typeof max === 'number' && max < min) {
      addIssue({ message: `has a max_size (${max}) below its min_size (${min})` })
    }
    if (min === 0 && (max === null || max === undefined)) {
      addIssue({ message: 'has a min_size of 0 and no max_size: give one, it must be greater than 0' })
    }
  }),
)

const queuePoolEntries = {
  POOL_SIZE: v.optional(wholeNumber(0), 10),
  MAX_OVERFLOW: v.optional(wholeNumber(-1), 10),
  RECYCLE: v.optional(
    secondsThat((value) => value === -1 || value > 0, 'must be -1 (never) or more than 0'),
    900,
  ),
  TIMEOUT: v.optional(someSeconds, 30),
  PRE_PING: v.optional(trueOrFalse, true),
  ECHO: v.optional(echoOption, false),
}

const queuePoolSchema = onlyOptions(queuePoolEntries)

/**
 * Pool options out of those of psycopg_pool, which are Django's own: paste the dict as it is.
 *
 * @throws {@link OptionsError} (`POOL_OPTIONS`) naming every option that is not valid or has no counterpart.
 *
 * @example
 * ```ts
 * import { fromPsycopg, RealPoolAdapter } from 'prisma-pg-real-pool'
 *
 * const adapter = new RealPoolAdapter({
 *   connectionString: process.env.DATABASE_URL,
 *   pool: fromPsycopg({ min_size: 2, max_size: 10, timeout: 10, max_lifetime: 3600 }),
 * })
 * ```
 */
export function fromPsycopg(options: PsycopgOptions = {}): PoolOptions {
  const given = parse(psycopgSchema, options, namesOf(psycopgEntries))
  const { check, configure, reset, reconnect_failed: onReconnectFailed } = given
  return {
    ...(given.name ? { name: given.name } : {}),
    minSize: given.min_size,
    maxSize: given.max_size ?? given.min_size,
    timeout: ofSeconds(given.timeout),
    maxWaiting: given.max_waiting,
    maxLifetime: ofSeconds(given.max_lifetime),
    maxIdle: ofSeconds(given.max_idle),
    reconnectTimeout: ofSeconds(given.reconnect_timeout),
    numWorkers: given.num_workers,
    // There, a connection is checked however short it was idle.
    ...(check ? { check, checkIdleAfter: 0 } : {}),
    ...(configure ? { configure } : {}),
    ...(reset ? { reset } : {}),
    ...(onReconnectFailed ? { onReconnectFailed } : {}),
  }
}

/**
 * Pool options out of those of django-db-connection-pool (SQLAlchemy's QueuePool): paste the dict as it is.
 * Connections are made for those who want them, who are told when that fails; beyond `POOL_SIZE` they are
 * closed when they come back; their age counts when they are wanted.
 *
 * @throws {@link OptionsError} (`POOL_OPTIONS`) naming every option that is not valid.
 *
 * @example
 * ```ts
 * import { fromQueuePool, RealPoolAdapter } from 'prisma-pg-real-pool'
 *
 * const adapter = new RealPoolAdapter({
 *   connectionString: process.env.DATABASE_URL,
 *   pool: fromQueuePool({ POOL_SIZE: 3, MAX_OVERFLOW: 7, RECYCLE: 86400 }),
 * })
 * ```
 */
export function fromQueuePool(options: QueuePoolOptions = {}): PoolOptions {
  const { POOL_SIZE, MAX_OVERFLOW, RECYCLE, TIMEOUT, PRE_PING, ECHO } = parse(
    queuePoolSchema,
    options,
    namesOf(queuePoolEntries),
  )
  const isUnlimited = POOL_SIZE === 0 || MAX_OVERFLOW === -1
  return {
    minSize: 0,
    maxSize: isUnlimited ? Infinity : POOL_SIZE + MAX_OVERFLOW,
    maxIdleCount: POOL_SIZE === 0 ? Infinity : POOL_SIZE,
    maxIdle: Infinity,
    numWorkers: Infinity,
    growth: 'immediate',
    timeout: ofSeconds(TIMEOUT),
    maxLifetime: RECYCLE < 0 ? Infinity : ofSeconds(RECYCLE),
    maxLifetimeJitter: 0,
    enforceLifetimeOn: 'acquire',
    echo: ECHO,
    ...(PRE_PING ? { check: true, checkIdleAfter: 0, invalidateOnLost: true } : {}),
  }
}

function ofSeconds(seconds: number): Duration {
  return seconds === Infinity ? Infinity : `${Math.ceil(seconds * 1_000)}ms`
}
