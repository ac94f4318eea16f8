// Options that make no sense are refused in the constructor, before anything connects, and never with a secret.
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { OptionsError, RealPool, RealPoolAdapter, type RealPoolAdapterOptions } from 'prisma-pg-real-pool'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { sql, valueOf } from './support.js'

const URL_WITH_SECRET = 'postgresql://user:hunter2@localhost:5432/db'

/** The message of the error; as JavaScript would call it, without types to stop it. */
function refusal(
  options: unknown,
  Class: typeof RealPoolAdapter | typeof RealPool = RealPoolAdapter,
): string {
  try {
    new Class(options as RealPoolAdapterOptions)
  } catch (error) {
    expect(error).toBeInstanceOf(OptionsError)
    expect(error).toMatchObject({ code: 'POOL_OPTIONS' })
    expect(inspect(error, { depth: 10 })).not.toContain('hunter2')
    return (error as OptionsError).message
  }
  throw new Error('was not refused')
}

const withPool = (pool: unknown) => ({ connectionString: URL_WITH_SECRET, pool })

describe.each([
  ['RealPoolAdapter', RealPoolAdapter],
  ['RealPool', RealPool],
])('%s refuses', (_, Class) => {
  test('a missing connection string, and says where it usually comes from', () => {
    const environment = { ...process.env }
    for (const name of ['PGHOST', 'PGPORT', 'PGDATABASE', 'PGUSER', 'PGSERVICE']) delete process.env[name]
    try {
      expect(refusal({ connectionString: undefined }, Class)).toMatch(
        /`connectionString` is undefined.*DATABASE_URL/,
      )
      expect(refusal({}, Class)).toMatch(/`connectionString` is missing.*DATABASE_URL/)
    } finally {
      process.env = environment
    }
    expect(refusal(undefined, Class)).toMatch(/the options/)
  })

  test.each([
    'mysql://user:hunter2@localhost/db',
    'user:hunter2@localhost/db',
    'postgresql://user:hunter2@localhost:notaport/db',
    'postgresql://user:hunter2@[::1/db',
    '',
  ])('a malformed connection string, %#, without quoting it', (url) => {
    expect(refusal({ connectionString: url }, Class)).toMatch(
      /`connectionString`.*postgresql:\/\/user:password@host:5432\/database/,
    )
  })

  test('a connection string that is none', () => {
    expect(refusal({ connectionString: 5 }, Class)).toContain('`connectionString` must be a string')
  })

  test('an unknown option, with a suggestion', () => {
    expect(refusal({ connectionSting: URL_WITH_SECRET }, Class)).toContain('did you mean `connectionString`?')
    expect(refusal(withPool({ maxsize: 3 }), Class)).toContain('did you mean `pool.maxSize`?')
    expect(refusal(withPool({ wombat: 3 }), Class)).toMatch(
      /`pool.wombat` is not an option; there are: .*maxSize/,
    )
    expect(refusal({ connectionString: URL_WITH_SECRET, maxWaiting: 3 }, Class)).toContain(
      'write it inside `pool`',
    )
  })

  test('sizes that make no sense', () => {
    expect(refusal(withPool({ minSize: 5, maxSize: 3 }), Class)).toMatch(
      /maxSize \(3\) below its minSize \(5\)/,
    )
    expect(refusal(withPool({ maxSize: 0 }), Class)).toContain('`pool.maxSize` (0)')
    expect(refusal(withPool({ maxSize: 2.5 }), Class)).toContain('whole number')
    expect(refusal(withPool({ minSize: -1 }), Class)).toContain('`pool.minSize` (-1)')
    expect(refusal(withPool({ maxSize: '10' }), Class)).toContain(`\`pool.maxSize\` ('10') must be a number`)
    expect(refusal(withPool({ maxSize: NaN }), Class)).toContain('`pool.maxSize` (NaN)')
  })

  test('a bare number that looks like seconds, with both readings', () => {
    const message = refusal(withPool({ timeout: 10 }), Class)
    expect(message).toContain('`pool.timeout` (10)')
    expect(message).toContain(`'10s'`)
    expect(message).toContain(`'10ms'`)
  })

  test('durations that are none', () => {
    for (const timeout of ['soon', '10 parsecs', '-1s', -1, NaN, null, {}]) {
      expect(refusal(withPool({ timeout }), Class)).toContain('`pool.timeout`')
    }
  })

  test('every problem at once', () => {
    const message = refusal({ connectionString: 5, portt: 1, pool: { maxSize: 0, timeout: 10 } }, Class)
    for (const name of ['connectionString', 'portt', 'pool.maxSize', 'pool.timeout']) {
      expect(message).toContain(`\`${name}\``)
    }
  })
})

describe('what connects', () => {
  let database: TestDatabase

  beforeAll(async () => {
    database = await createTestDatabase()
    await database.query('CREATE SCHEMA "Odd one"; CREATE TABLE "Odd one".t AS SELECT 42 AS n')
  })

  afterAll(() => database.drop())

  async function ask(options: string | RealPoolAdapterOptions, text: string): Promise<unknown> {
    const adapter = await new RealPoolAdapter(options).connect()
    try {
      return await valueOf(adapter, text)
    } finally {
      await adapter.dispose()
    }
  }

  test('fields win over the URL', async () => {
    const url = new URL(database.url)
    url.searchParams.set('application_name', 'from the URL')
    const show = 'SHOW application_name'
    expect(await ask(url.href, show)).toBe('from the URL')
    expect(await ask({ connectionString: url.href, application_name: 'from a field' }, show)).toBe(
      'from a field',
    )
  })

  test('the schema, from the URL or an option, is that of raw queries and of generated ones', async () => {
    const url = new URL(database.url)
    url.searchParams.set('schema', 'Odd one')
    const all: (string | RealPoolAdapterOptions)[] = [
      url.href,
      { connectionString: database.url, schema: 'Odd one' },
    ]
    for (const options of all) {
      const adapter = await new RealPoolAdapter(options).connect()
      expect(adapter.getConnectionInfo?.()).toMatchObject({ schemaName: 'Odd one' })
      expect((await adapter.queryRaw(sql('SELECT n FROM t'))).rows).toEqual([[42]])
      await adapter.dispose()
    }
  })

  test('the sessions of a pool have ISO dates, whatever the database says', async () => {
    await database.query(`ALTER DATABASE ${database.name} SET DateStyle TO 'German'`)
    expect(await ask(database.url, 'SHOW DateStyle')).toMatch(/^ISO/)
  })
})
