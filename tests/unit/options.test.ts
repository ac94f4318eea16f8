import { describe, expect, test } from '@jest/globals'
import type { PoolOptions } from '../../packages/adapter/src/options.js'
import { resolveAdapterOptions, resolveRealPoolOptions } from '../../packages/adapter/src/resolved-options.js'
import { parseDuration, parseSizes } from '../../packages/adapter/src/option-schema.js'

const HOST = { host: 'db.example' }

function pool(options: PoolOptions) {
  return resolveAdapterOptions({ ...HOST, pool: options }).pool
}

/** The message for options that a caller without types could pass. */
function problems(options: unknown): string {
  try {
    resolveAdapterOptions(options as never)
  } catch (error) {
    expect(error).toMatchObject({ name: 'OptionsError', code: 'POOL_OPTIONS' })
    return (error as Error).message
  }
  return 'no problem'
}

describe('defaults', () => {
  test('are those of the documentation', () => {
    expect(resolveAdapterOptions(HOST)).toMatchObject({
      connection: HOST,
      schema: undefined,
      connectTimeout: 5_000,
      pool: {
        name: expect.stringMatching(/^pool-\d+$/),
        minSize: 2,
        maxSize: 10,
        timeout: 30_000,
        maxWaiting: 0,
        maxLifetime: 3_600_000,
        maxIdle: 600_000,
        reconnectTimeout: 300_000,
        numWorkers: 3,
      },
    })
  })

  test('`pool: true` and an option that is undefined mean the default', () => {
    expect(resolveAdapterOptions({ ...HOST, pool: true }).pool).toMatchObject({ minSize: 2, maxSize: 10 })
    expect(pool({ maxSize: undefined, timeout: undefined })).toMatchObject({ maxSize: 10, timeout: 30_000 })
  })

  test('each pool has a name of its own', () => {
    expect(pool({}).name).not.toBe(pool({}).name)
    expect(pool({ name: 'orders' }).name).toBe('orders')
  })

  test.each<[PoolOptions, number, number]>([
    [{}, 2, 10],
    [{ maxSize: 1 }, 1, 1],
    [{ minSize: 20 }, 20, 20],
    [{ minSize: 2 }, 2, 10],
    [{ minSize: 0 }, 0, 10],
    [{ minSize: 0, maxSize: 2 }, 0, 2],
    [{ minSize: 2, maxSize: 4 }, 2, 4],
  ])('sizes %j: one given alone moves the other out of its way', (options, minSize, maxSize) => {
    expect(pool(options)).toMatchObject({ minSize, maxSize })
  })

  test('without pooling nothing is kept, there are at most ten connections at a time, and times are as ever', () => {
    expect(resolveAdapterOptions({ ...HOST, pool: false }).pool).toMatchObject({
      minSize: 0,
      maxSize: 10,
      maxIdleCount: 0,
      growth: 'immediate',
      timeout: 30_000,
      maxLifetime: 3_600_000,
      maxIdle: 600_000,
    })
  })

  test('calls share no connection', () => {
    expect(pool({}).pipelining).toBe(1)
    expect(pool({ pipelining: 16 }).pipelining).toBe(16)
  })

  test('`sessionReset` is detected by default, and refused behind a pooler in transaction mode', () => {
    const resetOf = (options: PoolOptions) =>
      resolveRealPoolOptions({ host: 'db.example', pool: options }).sessionReset
    expect([resetOf({}), resetOf({ sessionReset: 'all' })]).toEqual(['detected', 'all'])
    expect(problems({ ...HOST, pool: { sessionReset: 'some' } })).toContain('sessionReset')
    expect(problems({ ...HOST, pooler: 'transaction', pool: { sessionReset: 'detected' } })).toBe(
      'no problem',
    )
    expect(problems({ ...HOST, pooler: 'transaction', pool: { sessionReset: 'settings' } })).toContain(
      "`pool.sessionReset` ('settings') cannot reset a session behind a pooler in transaction mode",
    )
  })

  test('a string is a connection URL', () => {
    const url = 'postgresql://db.example/orders'
    expect(resolveAdapterOptions(url).connection.connectionString).toBe(url)
    expect(resolveRealPoolOptions(url).connection.connectionString).toBe(url)
  })
})

describe('durations', () => {
  test.each([
    ['500ms', 500],
    ['10s', 10_000],
    ['1.5m', 90_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    [1_000, 1_000],
    [0, 0],
    [Infinity, Infinity],
  ] as const)('%s is %d milliseconds', (written, meant) => {
    expect(pool({ timeout: written }).timeout).toBe(meant)
    expect(parseDuration('timeout', written)).toBe(meant)
  })

  test('0 means never for a lifetime, an idle window and a connect timeout', () => {
    const options = resolveAdapterOptions({
      ...HOST,
      pool: { maxLifetime: 0, maxIdle: 0, connectTimeout: 0 },
    })
    expect(options.pool).toMatchObject({ maxLifetime: Infinity, maxIdle: Infinity })
    expect(options.connectTimeout).toBe(Infinity)
  })

  test.each([1, 10, 999])('a bare %d is refused, with both readings', (value) => {
    expect(problems({ ...HOST, pool: { timeout: value } })).toBe(
      `the options are not valid: \`pool.timeout\` (${value}) is ${value} milliseconds as written: ` +
        `write '${value}s' or '${value}ms'`,
    )
  })

  test.each(['10', '10 seconds', 'soon', '-1s', -1, NaN, null, {}])('%p is not a duration', (value) => {
    expect(problems({ ...HOST, pool: { maxIdle: value } })).toMatch(/`pool.maxIdle`.* must be a duration/)
  })
})

describe('bad input', () => {
  test('all problems are in one message', () => {
    const pool = { timeout: 10, minSize: 5, maxSize: 2.5, minSiz: 1, foo: 2, checkidleafter: '1s' }
    const message = problems({ ...HOST, hots: 'x', timeout: 3, password: 5, pool })
    expect(message.split('\n')).toEqual([
      'the options are not valid:',
      '- `password` must be a string, or a function that returns one',
      '- `pool.maxSize` (2.5) must be a whole number, 1 or more, or Infinity',
      "- `pool.timeout` (10) is 10 milliseconds as written: write '10s' or '10ms'",
      '- `pool.minSiz` is not an option: did you mean `pool.minSize`?',
      expect.stringMatching(/^- `pool.foo` is not an option; there are: name, minSize, maxSize/),
      '- `pool.checkidleafter` is not an option: did you mean `pool.checkIdleAfter`?',
      '- `pool` has a maxSize (2.5) below its minSize (5)',
      '- `hots` is not an option: did you mean `host`?',
      '- `timeout` is not an option here: write it inside `pool`',
    ])
  })

  test.each([
    [{ statement_timeout: '30s' }, "`statement_timeout` ('30s') must be a number of milliseconds"],
    [{ application_name: 5 }, '`application_name` (5) must be a string'],
    [{ ssl: 'require' }, '`ssl` must be true, false or an object of TLS options'],
    [{ keepAlive: 'yes' }, "`keepAlive` ('yes') must be true or false"],
  ])('connection fields %j are refused', (fields, expected) => {
    expect(problems({ ...HOST, ...fields })).toBe(`the options are not valid: ${expected}`)
  })

  test.each([
    [{ minSize: 5, maxSize: 2 }, '`pool` has a maxSize (2) below its minSize (5)'],
    [{ minSize: 0, maxSize: 0 }, '`pool.maxSize` (0) must be a whole number, 1 or more, or Infinity'],
    [{ minSize: -1 }, '`pool.minSize` (-1) must be a whole number, 0 or more'],
    [{ minSize: 1, maxIdleCount: 0 }, '`pool` has a maxIdleCount (0) below its minSize (1)'],
    [{ numWorkers: 0 }, '`pool.numWorkers` (0) must be a whole number, 1 or more, or Infinity'],
    [{ name: '' }, '`pool.name` (a string of 0 characters) must not be empty'],
    [{ maxSize: '10 or so' }, "`pool.maxSize` ('10 or so') must be a number"],
    [{ maxSize: '10' }, "`pool.maxSize` ('10') must be a number"],
  ])('pool options %j are refused', (options, expected) => {
    expect(problems({ ...HOST, pool: options })).toBe(`the options are not valid: ${expected}`)
  })

  test.each([
    ['a pool', {}, { minSize: 0, maxSize: 0 }, '`pool.maxSize` (0) must be a whole number, 1 or more'],
    ['a pool', {}, { minSize: -1 }, '`pool.minSize` (-1) must be a whole number, 0 or more'],
    ['a pool', {}, { minSize: 4, maxSize: 2 }, '`pool` has a maxSize (2) below its minSize (4)'],
    ['a pool', {}, { maxSize: 1 }, '`pool` has a maxSize (1) below its minSize (2)'],
    ['a null pool', false, { minSize: 1 }, '`pool` has a maxIdleCount (0) below its minSize (1)'],
    ['a null pool', false, { minSize: -1 }, '`pool.minSize` (-1) must be a whole number, 0 or more'],
    ['a null pool', false, { maxSize: -2 }, '`pool.maxSize` (-2) must be a whole number, 1 or more'],
  ])('%s %j cannot have its sizes changed to %j', (_, options, sizes, expected) => {
    const current = resolveAdapterOptions({ ...HOST, pool: options }).pool
    expect(() => parseSizes(sizes, current)).toThrow(expected)
    expect(parseSizes({ minSize: 0, maxSize: 2 }, current)).toMatchObject({ minSize: 0, maxSize: 2 })
  })

  test('a pool option at the top is sent to its place, and so is the name that another pool has for it', () => {
    expect(problems({ ...HOST, maxSize: 5 })).toContain(
      '`maxSize` is not an option here: write it inside `pool`',
    )
    expect(problems({ ...HOST, max: 5 })).toContain('`max` is not an option: it is called pool.maxSize here')
    expect(problems({ ...HOST, pool: { idleTimeoutMillis: 5 } })).toContain('it is called pool.maxIdle here')
  })

  test('an option of transactions is told from those of the pool and of the top', () => {
    expect(problems({ ...HOST, autosave: 'always' })).toContain(
      '`autosave` is not an option here: write it inside `transaction`',
    )
    expect(problems({ ...HOST, transaction: { auto_save: 'always' } })).toContain(
      '`transaction.auto_save` is not an option: did you mean `transaction.autosave`?',
    )
    expect(problems({ ...HOST, transaction: { level: 1 } })).toContain(
      '`transaction.level` is not an option; there are: acquire, autosave, handOver, idleTimeout, maxDuration',
    )
    expect(problems({ ...HOST, transaction: { minSize: 1 } })).toContain(
      '`transaction.minSize` is not an option here: write it inside `pool`',
    )
  })

  test('what is not an object of options is refused', () => {
    expect(problems(null)).toContain('the options must be a URL or an object, not null')
    expect(problems(undefined)).toContain('the options must be a URL or an object, not undefined')
    expect(problems({ ...HOST, pool: 5 })).toContain(
      '`pool` must be true, false, an object of pool options or a pg.Pool, not a number',
    )
    expect(problems({ ...HOST, onPoolError: 'log' })).toContain("`onPoolError` ('log') must be a function")
    expect(problems({ ...HOST, port: 70_000 })).toContain('`port` (70000) must be a port from 1 to 65535')
  })

  const SECRET = 'hunter2'
  const TEXTS_WITH_SECRETS = [
    `postgresql://u:${SECRET}@h/d`,
    `${SECRET}@h`,
    `password=${SECRET}`,
    `{"password":"${SECRET}"}`,
    `u:${SECRET}`,
    `a line\n${SECRET}`,
    `a-long-text-that-may-be-a-token-of-a-service-${SECRET}`,
  ]

  test.each([
    ...TEXTS_WITH_SECRETS,
    [`postgresql://u:${SECRET}@h/d`],
    { password: SECRET },
    () => SECRET,
    Symbol(SECRET),
    10n,
    new URL(`postgresql://u:${SECRET}@h/d`),
  ])('no error quotes a value that may be a secret: %p', (value) => {
    for (const options of [
      { connectionString: 'postgresql://h/d', pool: { maxSize: value } },
      { connectionString: 'postgresql://h/d', pool: { timeout: value } },
      { connectionString: 'postgresql://h/d', pool: { growth: value } },
      { connectionString: 'postgresql://h/d', pool: { name: [value] } },
      { connectionString: 'postgresql://h/d', port: value },
      { connectionString: 'postgresql://h/d', statement_timeout: value },
      { connectionString: 'postgresql://h/d', queryTimeout: value },
      { connectionString: 'postgresql://h/d', transaction: { acquire: value } },
      { host: 'h', keepAlive: value },
      [value],
    ]) {
      const message = problems(options)
      expect(message).not.toContain(SECRET)
    }
  })

  test.each(TEXTS_WITH_SECRETS)('no error quotes the name of an option that may be a secret: %p', (name) => {
    for (const options of [{ [name]: 1 }, { pool: { [name]: 1 } }, { transaction: { [name]: 1 } }]) {
      const message = problems({ ...HOST, ...options })
      expect(message).toContain(`an option whose name has ${name.length} characters`)
      expect(message).not.toContain(SECRET)
    }
  })

  test('no secret is printed', () => {
    const message = problems({
      connectionString: 5,
      password: 'hunter2',
      ssl: { key: 'hunter2' },
      pool: { max: 1 },
    })
    expect(problems({ ...HOST, pool: 'postgresql://u:hunter2@h/d' })).not.toContain('hunter2')
    expect(message).toContain('`connectionString` must be a string')
    expect(message).not.toContain('hunter2')
  })
})

describe('connections that calls share', () => {
  test.each([0, 1.5, -1, '16', Infinity])('`pipelining: %p` is refused', (pipelining) => {
    expect(problems({ ...HOST, pool: { pipelining } })).toContain('pipelining')
  })

  test('there are none where no connection is kept', () => {
    expect(problems({ ...HOST, pool: { pipelining: 2, maxIdleCount: 0 } })).toContain(
      'has a pipelining (2), but keeps no connection to share',
    )
    expect(problems({ ...HOST, pool: { pipelining: 1, maxIdleCount: 0 } })).toBe('no problem')
  })

  test('a read timeout of node-postgres, which would end them all, is refused', () => {
    expect(problems({ ...HOST, query_timeout: 1_000, pool: { pipelining: 2 } })).toContain(
      'use `queryTimeout`',
    )
    expect(problems({ ...HOST, query_timeout: 0, pool: { pipelining: 2 } })).toBe('no problem')
    expect(problems({ ...HOST, query_timeout: 1_000, pool: {} })).toBe('no problem')
  })
})
