import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { RealPoolOptions } from '../../../packages/adapter/src/options.js'
import {
  resolveRealPoolOptions,
  type ResolvedOptions,
} from '../../../packages/adapter/src/resolved-options.js'
import {
  configFor,
  type SessionConfig,
  withDatabase,
} from '../../../packages/adapter/src/pg/connection-config.js'

const PINNED = '-c DateStyle=ISO -c extra_float_digits=1 -c array_nulls=on'
const savedEnvironment = { ...process.env }

beforeEach(() => {
  for (const name of Object.keys(process.env)) if (name.startsWith('PG')) delete process.env[name]
})

afterEach(() => {
  process.env = { ...savedEnvironment }
})

function resolve(url: string | undefined, fields: RealPoolOptions = {}): SessionConfig & ResolvedOptions {
  const options = resolveRealPoolOptions({
    ...(url === undefined ? {} : { connectionString: url }),
    ...fields,
  })
  return { ...options, ...(configFor(options).next() as SessionConfig) }
}

function problem(options: RealPoolOptions | string): string {
  try {
    configFor(resolveRealPoolOptions(options))
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

  test.each([
    ['postgres://h', { host: 'h' }],
    ['postgresql://h/my%20orders', { host: 'h', database: 'my orders' }],
    ['postgresql://h/R%26D%2F%40%23%3F%2B+100%25', { host: 'h', database: 'R&D/@#?++100%' }],
    ['postgresql:///a%40b?host=/tmp', { host: '/tmp', database: 'a@b' }],
    ['postgresql://%C3%A9lan:%20%2F%3A%3F%23%25%2B+@h/d', { user: 'élan', password: ' /:?#%++' }],
    ['postgresql://[2001:db8::7]:5433/d', { host: '2001:db8::7', port: 5433 }],
    ['postgresql://[::1]/d', { host: '::1', database: 'd' }],
    ['postgresql:///d?host=/var/run/postgresql', { host: '/var/run/postgresql', database: 'd' }],
    ['postgresql://ann@/d?host=/var/run/postgresql', { host: '/var/run/postgresql', user: 'ann' }],
    ['postgresql://localhost/d?host=/tmp&port=5433', { host: '/tmp', port: 5433, database: 'd' }],
    ['postgresql://ann@%2Fvar%2Frun%2Fpostgresql/d', { host: '/var/run/postgresql', database: 'd' }],
    ['postgresql://%2Fvar%2Frun%2Fpostgresql:5433/d', { host: '/var/run/postgresql', port: 5433 }],
    ['socket:///var/run/postgresql?db=d&encoding=UTF8', { host: '/var/run/postgresql', database: 'd' }],
    ['/var/run/postgresql d', { host: '/var/run/postgresql', database: 'd' }],
    ['postgresql://?host=h&dbname=d&user=u&password=p%26q', { host: 'h', database: 'd', password: 'p&q' }],
  ])('%s', (url, expected) => {
    expect(resolve(url).client).toMatchObject(expected)
  })

  test('yields to the fields that are given beside it, not to those that are undefined', () => {
    const { client } = resolve('postgresql://ann:secret@db.example/orders', {
      database: 'other',
      user: undefined,
    })
    expect(client).toMatchObject({ database: 'other', user: 'ann' })
  })

  test('names a database with an @ in it, where that is no mistake', () => {
    expect(resolve(undefined, { host: 'h', database: 'a@b' }).client).toMatchObject({ database: 'a@b' })
  })

  test('can be left out when a field, or the environment, says where to connect', () => {
    expect(resolve(undefined, { host: 'db.example' }).target).toBe('db.example:5432')
    process.env['PGHOST'] = 'from.environment'
    expect(resolve(undefined).target).toBe('from.environment:5432')
  })
})

describe('the schema', () => {
  test('comes from the URL or the option, and the option wins', () => {
    expect(resolve('postgresql://h/d?schema=sales').schema).toBe('sales')
    expect(resolve('postgresql://h/d?schema=sales', { schema: 'audit' }).schema).toBe('audit')
    expect(resolve('postgresql://h/d?schema=').schema).toBeUndefined()
    expect(resolve('postgresql://h/d').schema).toBeUndefined()
  })

  test('becomes the search_path of the session, whatever its name', () => {
    expect(resolve('postgresql://h/d?schema=sales').client.options).toBe(`${PINNED} -c search_path="sales"`)
    expect(resolve('postgresql://h/d', { schema: 'my "own"\\one' }).client.options).toBe(
      `${PINNED} -c search_path="my\\ ""own""\\\\one"`,
    )
  })

  test('leaves the options of the user in force, also those of the environment', () => {
    const url = 'postgresql://h/d?schema=sales'
    const { client } = resolve(url, { options: '-c work_mem=64MB' })
    expect(client.options).toBe(`${PINNED} -c search_path="sales" -c work_mem=64MB`)
    process.env['PGOPTIONS'] = '-c geqo=off'
    expect(resolve(url).client.options).toBe(`${PINNED} -c search_path="sales" -c geqo=off`)
  })
})

test('behind a pooler nothing is sent but what the user sets', () => {
  const url = 'postgresql://h/d?schema=sales&pgbouncer=true'
  expect(resolve(url)).toMatchObject({ pooler: 'transaction', schema: 'sales' })
  expect(resolve(url).client).not.toHaveProperty('options')
  expect(resolve(url, { pooler: 'none' }).client.options).toContain('search_path')
  expect(resolve('postgresql://h/d', { pooler: 'transaction', options: '-c geqo=off' }).client.options).toBe(
    '-c geqo=off',
  )
})

test('another database of the same server keeps everything else', () => {
  const config = configFor(resolveRealPoolOptions('postgresql://ann:secret@db.example/orders?schema=sales'))
  const other = withDatabase(config, 'shadow')
  expect(other.schema).toBe('sales')
  expect(other.next()).toMatchObject({
    client: { host: 'db.example', user: 'ann', database: 'shadow' },
    target: 'db.example:5432/shadow',
  })
})

describe('bad input', () => {
  test('a URL that is undefined, or no URL and nothing else, is told apart', () => {
    expect(problem({ connectionString: undefined })).toMatch(
      /^`connectionString` is undefined: .*DATABASE_URL/,
    )
    expect(problem({})).toMatch(/^`connectionString` is missing/)
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

  test.each([
    'postgresql://ann:hunter2#/@[bad',
    'postgresql://ann:4?hunter2@h/d',
    'postgresql://ann:4#hunter2@h/d',
    'postgresql://h/100%',
    'postgresql://ann:x?hunter2@h/d',
    'postgresql://ann:hunter2@h:port/d',
    'postgresql://ann:hunter2@h:70000/d',
    'postgresql://ann:hunter2@h/d?port=70000',
  ])('a URL that cannot be parsed is not quoted, because of the password in it: %s', (url) => {
    const message = problem(url)
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
    expect(problem({ host: 'postgresql://u:hunter2@h/d' })).toBe(
      '`host` is not the name of a host: a URL belongs into `connectionString`',
    )
  })

  test.each([
    'postgresql://ann:hunter2@one:5432,two:5433/d',
    'postgresql://ann:hunter2@one,two/d',
    'postgresql:///d?host=one,two',
  ])('several hosts are refused, with what to do instead: %s', (url) => {
    expect(problem(url)).toMatch(/names several hosts: .* `connection` choose one/)
    expect(problem(url)).not.toContain('hunter2')
  })

  test.each(['service=orders', 'hostaddr=10.0.0.1'])(
    'what would lead elsewhere is refused, not ignored: %s',
    (parameter) => {
      expect(problem(`postgresql:///d?${parameter}`)).toContain(
        `\`${parameter.split('=')[0] as string}\` in the connection URL: `,
      )
    },
  )

  test('what would end a text of the startup packet, and begin another, is refused', () => {
    for (const field of ['user', 'database', 'application_name', 'options', 'schema']) {
      expect(problem({ host: 'h', [field]: 'a\0user\0root' })).toBe(
        `\`${field}\` has the character U+0000, which PostgreSQL cannot be given`,
      )
    }
    expect(problem('postgresql://h/d%00user%00root')).toMatch(/^`database` has the character U\+0000/)
    expect(problem('postgresql://h/d?schema=a%00user%00root')).toMatch(/^`schema` has the character/)
    expect(problem('postgresql://ann:hunter2%00@h/d')).toBe(
      '`password` has the character U+0000, which PostgreSQL cannot be given',
    )
  })

  test('a service that only the environment names is no address', () => {
    process.env['PGSERVICE'] = 'orders'
    expect(problem({})).toMatch(/^PGSERVICE names a service, but service files are not read here/)
  })

  test('two ways to say where to connect are one too many', () => {
    const connection = () => 'postgresql://h/d'
    expect(problem({ connectionString: 'postgresql://h/d', connection })).toBe(
      '`connection` and `connectionString` both say where to connect: give one of them',
    )
  })

  test('what a URL must not say is not passed on', () => {
    const { client } = resolve(
      'postgresql://h/d?binary=true&pipeline=true&stream=x&types=x&application_name=api',
    )
    expect(Object.keys(client).sort()).toEqual(['application_name', 'database', 'host', 'options'])
  })
})
