import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { resolveConnection, withDatabase } from '../../../packages/adapter/src/pg/connection-config.js'

const PINNED = '-c DateStyle=ISO'
const savedEnvironment = { ...process.env }

beforeEach(() => {
  for (const name of Object.keys(process.env)) if (name.startsWith('PG')) delete process.env[name]
})

afterEach(() => {
  process.env = { ...savedEnvironment }
})

function resolve(url: string, fields: object = {}, schema?: string) {
  return resolveConnection({ connectionString: url, ...fields }, schema)
}

function problem(url: unknown): string {
  try {
    resolveConnection({ connectionString: url as string }, undefined)
  } catch (error) {
    expect(error).toMatchObject({ code: 'POOL_OPTIONS' })
    return (error as Error).message
  }
  return 'no problem'
}

describe('a connection URL', () => {
  test('gives host, port, database, user and password', () => {
    const { client, target } = resolve('postgresql://ann:p%40ss@db.example:6543/orders?application_name=api')
    expect(client).toMatchObject({
      host: 'db.example',
      port: 6543,
      database: 'orders',
      user: 'ann',
      password: 'p@ss',
      application_name: 'api',
    })
    expect(target).toBe('db.example:6543/orders')
  })

  test('yields to the fields that are given beside it, not to those that are undefined', () => {
    const { client } = resolve('postgresql://ann:secret@db.example/orders', {
      database: 'other',
      user: undefined,
    })
    expect(client).toMatchObject({ database: 'other', user: 'ann' })
  })

  test('can be left out when a field, or the environment, says where to connect', () => {
    expect(resolveConnection({ host: 'db.example' }, undefined).target).toBe('db.example:5432')
    process.env['PGHOST'] = 'from.environment'
    expect(resolveConnection({}, undefined).target).toBe('from.environment:5432')
  })
})

describe('the schema', () => {
  test('comes from the URL or the option, and the option wins', () => {
    expect(resolve('postgresql://h/d?schema=sales').schema).toBe('sales')
    expect(resolve('postgresql://h/d?schema=sales', {}, 'audit').schema).toBe('audit')
    expect(resolve('postgresql://h/d').schema).toBeUndefined()
  })

  test('becomes the search_path of the session, whatever its name', () => {
    expect(resolve('postgresql://h/d?schema=sales').client.options).toBe(`${PINNED} -c search_path="sales"`)
    expect(resolve('postgresql://h/d', {}, 'my "own"\\one').client.options).toBe(
      `${PINNED} -c search_path="my\\ ""own""\\\\one"`,
    )
  })

  test('leaves the options of the user in force', () => {
    const { client } = resolve('postgresql://h/d?schema=sales', { options: '-c work_mem=64MB' })
    expect(client.options).toBe(`${PINNED} -c search_path="sales" -c work_mem=64MB`)
  })
})

test('another database of the same server keeps everything else', () => {
  const other = withDatabase(resolve('postgresql://ann:secret@db.example/orders?schema=sales'), 'shadow')
  expect(other).toMatchObject({
    client: { host: 'db.example', user: 'ann', database: 'shadow' },
    schema: 'sales',
    target: 'db.example:5432/shadow',
  })
})

describe('bad input', () => {
  test('a URL that is undefined, or no URL and nothing else, is told apart', () => {
    expect(problem(undefined)).toMatch(/^`connectionString` is undefined: .*DATABASE_URL/)
    expect(() => resolveConnection({}, undefined)).toThrow(/^`connectionString` is missing/)
  })

  test.each(['mysql://ann:hunter2@h/d', 'ann:hunter2@h/d', '', 'postgresql//h'])(
    '%p is no PostgreSQL URL',
    (url) => {
      const message = problem(url)
      expect(message).toMatch(
        /^`connectionString` is not a PostgreSQL URL: .*postgresql:\/\/user:password@host/,
      )
      expect(message).not.toContain('hunter2')
    },
  )

  test('a URL that cannot be parsed is not quoted, because of the password in it', () => {
    const message = problem('postgresql://ann:hunter2#/@[bad')
    expect(message).toMatch(/^`connectionString` cannot be parsed: .*percent-encoded/)
    expect(message).not.toContain('hunter2')
  })

  test('a password that ends up in the address is refused, not told', () => {
    for (const url of [
      'postgresql://user:42/hunter2@127.0.0.1/db',
      'postgresql://user:/hunter2@127.0.0.1/db',
    ]) {
      expect(problem(url)).toMatch(/percent-encoded/)
      expect(problem(url)).not.toContain('hunter2')
    }
    expect(() => resolveConnection({ host: 'postgresql://u:hunter2@h/d' }, undefined)).toThrow(
      '`host` is not the name of a host: a URL belongs into `connectionString`',
    )
  })

  test('a file that the URL names and that cannot be read is named', () => {
    expect(problem('postgresql://u:hunter2@h/d?sslmode=verify-full&sslrootcert=/nope/ca.pem')).toBe(
      '`connectionString` names a file that cannot be read (ENOENT): /nope/ca.pem',
    )
  })

  test('what a URL must not say is not passed on', () => {
    const { client } = resolve(
      'postgresql://h/d?binary=true&pipeline=true&stream=x&types=x&application_name=api',
    )
    expect(Object.keys(client).sort()).toEqual(['application_name', 'database', 'host', 'options'])
  })
})
