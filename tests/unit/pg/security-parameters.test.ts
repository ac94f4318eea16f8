// Security parameters of libpq that are not supported: refused, because a promise that is ignored is worse.
import { afterEach, expect, test } from '@jest/globals'
import { RealPoolAdapter } from '../../../packages/adapter/src/adapter/factory.js'
import { RealPool } from '../../../packages/adapter/src/pg/real-pool.js'

const VARIABLES = [
  'PGREQUIREAUTH',
  'PGSSLCRL',
  'PGSSLCRLDIR',
  'PGREQUIREPEER',
  'PGSSLCERTMODE',
  'PGGSSENCMODE',
  'PGREQUIRESSL',
]

afterEach(() => {
  for (const name of VARIABLES) delete process.env[name]
})

function problem(query: string): string | undefined {
  const messages = [RealPoolAdapter, RealPool].map((Class) => {
    try {
      new Class(`postgresql://h/d?${query}`)
    } catch (error) {
      return (error as Error).message
    }
    return undefined
  })
  expect(messages[0]).toBe(messages[1])
  return messages[0]
}

const CASES = [
  ['require_auth', 'PGREQUIREAUTH', 'scram-sha-256', 'channel_binding=require'],
  ['require_auth', 'PGREQUIREAUTH', '!password', 'channel_binding=require'],
  ['sslcrl', 'PGSSLCRL', '/etc/ssl/crl.pem', '`ssl: { ca, crl }`'],
  ['sslcrldir', 'PGSSLCRLDIR', '/etc/ssl/crls', '`ssl: { ca, crl }`'],
  ['requirepeer', 'PGREQUIREPEER', 'postgres', 'only the account of the server can write to'],
  ['sslcertmode', 'PGSSLCERTMODE', 'require', '`sslcert`'],
  ['sslcertmode', 'PGSSLCERTMODE', 'disable', '`sslcert`'],
  ['gssencmode', 'PGGSSENCMODE', 'require', 'sslmode=verify-full'],
  ['requiressl', 'PGREQUIRESSL', '1', 'sslmode=require'],
] as const

test.each(CASES)(
  '%s (%s) with the value %s is refused, and the error says what to do',
  (name, variable, value, fix) => {
    const inUrl = problem(`${name}=${encodeURIComponent(value)}`)
    expect(inUrl).toMatch(new RegExp(`^\`${name}\` in the connection URL is not supported`))
    expect(inUrl).toContain(fix)

    process.env[variable] = value
    const inEnvironment = problem('')
    expect(inEnvironment).toMatch(new RegExp(`^\`${variable}\` in the environment is not supported`))
    expect(inEnvironment).toContain(fix)
  },
)

test.each([
  'gssencmode=prefer',
  'gssencmode=disable',
  'sslcertmode=allow',
  'requiressl=0',
  'require_auth=',
  'sslcrl=&sslcrldir=&requirepeer=',
])('%s asks for nothing, and is accepted', (query) => {
  expect(problem(query)).toBeUndefined()
})

test('the URL wins over the environment', () => {
  process.env['PGGSSENCMODE'] = 'require'
  expect(problem('gssencmode=disable')).toBeUndefined()
  process.env['PGGSSENCMODE'] = 'prefer'
  process.env['PGREQUIREAUTH'] = ''
  expect(problem('')).toBeUndefined()
})

test('the environment is read without a URL, too', () => {
  process.env['PGREQUIREAUTH'] = 'scram-sha-256'
  expect(() => new RealPoolAdapter({ host: 'h', database: 'd' })).toThrow('`PGREQUIREAUTH`')
})

test('a URL that `connection` returns is refused when the connection is opened', async () => {
  const pool = new RealPool({
    connection: () => 'postgresql://127.0.0.1:1/d?require_auth=scram-sha-256',
    pool: { minSize: 0, timeout: '5s' },
  })
  await pool.open()
  await expect(pool.acquire()).rejects.toThrow('`require_auth` in the connection URL is not supported')
  await pool.close()
})
