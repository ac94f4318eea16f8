import { describe, expect, test } from '@jest/globals'
import { fromPsycopg, fromQueuePool } from '../../packages/adapter/src/django-options.js'
import type { PoolOptions } from '../../packages/adapter/src/options.js'
import { resolveRealPoolOptions } from '../../packages/adapter/src/resolved-options.js'

/** What the pool goes by in the end. */
function resolved(pool: PoolOptions) {
  return resolveRealPoolOptions({ host: 'db.example', pool })
}

function problems(convert: (options: never) => PoolOptions, options: unknown): string {
  try {
    convert(options as never)
  } catch (error) {
    expect(error).toMatchObject({ name: 'OptionsError', code: 'POOL_OPTIONS' })
    return (error as Error).message
  }
  return 'no problem'
}

describe('from psycopg_pool', () => {
  test("what is not given has psycopg_pool's default, not ours", () => {
    expect(resolved(fromPsycopg()).pool).toMatchObject({
      minSize: 4,
      maxSize: 4,
      timeout: 30_000,
      maxWaiting: 0,
      maxLifetime: 3_600_000,
      maxIdle: 600_000,
      reconnectTimeout: 300_000,
      numWorkers: 3,
      checkIdleAfter: undefined,
      maxIdleCount: Infinity,
      growth: 'gradual',
    })
  })

  test('seconds become milliseconds, and every option arrives', () => {
    const hook = () => {}
    const { pool, hooks, onReconnectFailed } = resolved(
      fromPsycopg({
        name: 'ledger',
        min_size: 2,
        max_size: 10,
        timeout: 10,
        max_waiting: 100,
        max_lifetime: 1_800,
        max_idle: 0.5,
        reconnect_timeout: 60,
        num_workers: 5,
        check: hook,
        configure: hook,
        reset: hook,
        reconnect_failed: hook,
      }),
    )
    expect(pool).toMatchObject({
      name: 'ledger',
      minSize: 2,
      maxSize: 10,
      timeout: 10_000,
      maxWaiting: 100,
      maxLifetime: 1_800_000,
      maxIdle: 500,
      reconnectTimeout: 60_000,
      numWorkers: 5,
      checkIdleAfter: 0,
    })
    expect(hooks).toEqual({ configure: hook, reset: hook, check: hook })
    expect(onReconnectFailed).toBe(hook)
  })

  test('max_size alone leaves min_size at 4, and min_size alone is both', () => {
    expect(fromPsycopg({ max_size: 8 })).toMatchObject({ minSize: 4, maxSize: 8 })
    expect(fromPsycopg({ min_size: 6, max_size: null })).toMatchObject({ minSize: 6, maxSize: 6 })
  })

  test.each([
    [{ max_sise: 3 }, '`max_sise` is not an option: did you mean `max_size`?'],
    [{ maxSize: 3 }, '`maxSize` is not an option: did you mean `max_size`?'],
    [{ min_size: 5, max_size: 4 }, 'has a max_size (4) below its min_size (5)'],
    [{ min_size: 0 }, 'has a min_size of 0 and no max_size'],
    [{ min_size: -1 }, '`min_size` (-1) must be a whole number, 0 or more'],
    [{ timeout: '10s' }, "`timeout` ('10s') must be a number of seconds"],
    [{ timeout: 0 }, '`timeout` (0) must be more than 0'],
    [{ max_lifetime: 0 }, '`max_lifetime` (0) must be more than 0'],
    [{ open: true }, '`open` (true) is not carried over: the pool opens with its first client, or by open()'],
  ])('%j is refused', (options, expected) => {
    expect(problems(fromPsycopg, options)).toContain(expected)
  })
})

describe('from django-db-connection-pool', () => {
  test("what is not given has django-db-connection-pool's default, not ours", () => {
    expect(resolved(fromQueuePool()).pool).toMatchObject({
      minSize: 0,
      maxSize: 20,
      maxIdleCount: 10,
      maxIdle: Infinity,
      maxLifetime: 900_000,
      maxLifetimeJitter: 0,
      enforceLifetimeOn: 'acquire',
      timeout: 30_000,
      checkIdleAfter: 0,
      invalidateOnLost: true,
      growth: 'immediate',
      numWorkers: Infinity,
    })
  })

  test('every option arrives', () => {
    expect(
      resolved(fromQueuePool({ POOL_SIZE: 3, MAX_OVERFLOW: 7, RECYCLE: 86_400, TIMEOUT: 5, PRE_PING: false }))
        .pool,
    ).toMatchObject({
      maxSize: 10,
      maxIdleCount: 3,
      maxLifetime: 86_400_000,
      timeout: 5_000,
      checkIdleAfter: undefined,
      invalidateOnLost: false,
    })
  })

  test('what has no limit there has none here', () => {
    expect(fromQueuePool({ POOL_SIZE: 0 })).toMatchObject({ maxSize: Infinity, maxIdleCount: Infinity })
    expect(fromQueuePool({ POOL_SIZE: 3, MAX_OVERFLOW: -1 })).toMatchObject({
      maxSize: Infinity,
      maxIdleCount: 3,
    })
    expect(fromQueuePool({ RECYCLE: -1 })).toMatchObject({ maxLifetime: Infinity })
  })

  test.each([
    [{ pool_size: 3 }, '`pool_size` is not an option: did you mean `POOL_SIZE`?'],
    [{ MAX_OVERFLOWS: 3 }, '`MAX_OVERFLOWS` is not an option: did you mean `MAX_OVERFLOW`?'],
    [{ MAX_OVERFLOW: -2 }, '`MAX_OVERFLOW` (-2) must be a whole number, -1 or more'],
    [{ RECYCLE: 0 }, '`RECYCLE` (0) must be -1 (never) or more than 0'],
    [{ PRE_PING: 1 }, '`PRE_PING` (1) must be true or false'],
    [{ ECHO: 'yes' }, "`ECHO` ('yes') must be true, false or 'debug'"],
  ])('%j is refused', (options, expected) => {
    expect(problems(fromQueuePool, options)).toContain(expected)
  })
})
