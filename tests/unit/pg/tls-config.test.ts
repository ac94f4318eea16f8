import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { inspect } from 'node:util'
import { planTls, type TlsPlan } from '../../../packages/adapter/src/pg/tls-config.js'

const savedEnvironment = { ...process.env }

beforeEach(() => {
  for (const name of Object.keys(process.env)) if (name.startsWith('PG')) delete process.env[name]
})

afterEach(() => {
  process.env = { ...savedEnvironment }
})

function plan(query: string, fields: Parameters<typeof planTls>[1] = {}): TlsPlan {
  return planTls(new Map(new URLSearchParams(query)), fields)
}

const verifies = (made: TlsPlan) => made.options().rejectUnauthorized

test.each([
  ['', ['tls', 'plain'], true, false],
  ['sslmode=disable', ['plain'], false, undefined],
  ['sslmode=allow', ['plain', 'tls'], false, false],
  ['sslmode=prefer', ['tls', 'plain'], true, false],
  ['sslmode=require', ['tls'], false, false],
  ['sslmode=verify-full', ['tls'], false, true],
  ['ssl=true', ['tls'], false, true],
  ['ssl=1', ['tls'], false, true],
  ['ssl=0', ['plain'], false, undefined],
  ['sslrootcert=system', ['tls'], false, true],
  ['sslnegotiation=direct', ['tls'], false, false],
  ['sslaccept=strict', ['tls'], true, true],
  ['sslaccept=accept_invalid_certs', ['tls', 'plain'], true, false],
  ['sslaccept=whatever', ['tls', 'plain'], true, true],
  ['sslmode=verify-full&sslaccept=accept_invalid_certs', ['tls'], false, true],
])('%p: %j', (query, attempts, acceptsPlain, isVerified) => {
  const made = plan(query)
  expect(made).toMatchObject({ attempts, acceptsPlain })
  if (attempts.includes('tls')) expect(verifies(made)).toBe(isVerified)
})

test('a stream of the user is as it is, unless he asks for TLS in it', () => {
  const stream = () => undefined
  expect(plan('', { stream }).attempts).toEqual(['plain'])
  expect(plan('sslmode=require', { stream }).attempts).toEqual(['tls'])
  expect(plan('', { stream, ssl: true }).attempts).toEqual(['tls'])
})

test('a socket of the file system is not encrypted', () => {
  expect(plan('sslmode=verify-full', { host: '/var/run/postgresql' }).attempts).toEqual(['plain'])
})

test('the environment fills in, one by one', () => {
  process.env['PGSSLMODE'] = 'require'
  process.env['PGCHANNELBINDING'] = 'require'
  expect(plan('')).toMatchObject({ attempts: ['tls'], channelBinding: 'require' })
  expect(plan('sslmode=disable')).toMatchObject({ attempts: ['plain'], channelBinding: 'require' })
  expect(plan('', { ssl: false }).attempts).toEqual(['plain'])
  expect(plan('', { enableChannelBinding: false }).channelBinding).toBe('disable')
})

test('the environment is not asked where the URL has `ssl`', () => {
  process.env['PGSSLMODE'] = 'disable'
  expect(plan('ssl=true').attempts).toEqual(['tls'])
  process.env['PGSSLMODE'] = 'verify-full'
  expect(verifies(plan('ssl=no-verify'))).toBe(false)
  expect(plan('ssl=false').attempts).toEqual(['plain'])
  expect(verifies(plan('ssl='))).toBe(true)
})

describe('refused', () => {
  test.each([
    [
      'sslmode=verify_full',
      '`sslmode` must be one of disable, allow, prefer, require, verify-ca, verify-full',
    ],
    ['sslnegotiation=yes', '`sslnegotiation` must be one of postgres, direct'],
    ['channel_binding=on', '`channel_binding` must be one of disable, prefer, require'],
    ['ssl_min_protocol_version=1.2', '`ssl_min_protocol_version` must be one of'],
    ['sslmode=require&sslrootcert=system', '`sslrootcert=system` needs `sslmode=verify-full`, not require'],
    ['sslmode=verify-ca', '`sslmode=verify-ca` needs `sslrootcert`'],
    ['sslmode=prefer&sslnegotiation=direct', '`sslnegotiation=direct` needs an `sslmode` of require'],
    ['sslkey=package.json', '`sslkey` needs `sslcert`'],
    ['sslrootcert=package.json&sslcert=package.json', '`sslcert` needs `sslkey`'],
    ['sslcert=system&sslkey=system', '`sslcert` names a file that cannot be read (ENOENT): system'],
    ['sslrootcert=/nope/ca.pem', '`sslrootcert` names a file that cannot be read (ENOENT): /nope/ca.pem'],
    ['sslcert=package.json&sslkey=package.json', 'the certificate, its key or its password cannot be used'],
  ])('%s', (query, message) => {
    expect(() => plan(query)).toThrow(message)
  })
})

test('secrets are not on show in the options of a socket', () => {
  const made = plan('', { ssl: { passphrase: 'hunter2', rejectUnauthorized: false } })
  const options = made.options()
  expect(Object.keys(options).sort()).toEqual(['rejectUnauthorized', 'secureContext'])
  expect(inspect(options, { depth: 9, showHidden: true })).not.toContain('hunter2')
})

test('no time is spent on a context before there is a handshake', () => {
  expect(plan('').options()).toEqual({ rejectUnauthorized: false })
  expect(plan('sslmode=verify-full').options()).toEqual({ rejectUnauthorized: true })
  expect(plan('', { ssl: true }).options()).toEqual({})
})
