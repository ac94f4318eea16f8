import { inspect } from 'node:util'
import { DriverAdapterError } from '@prisma/driver-adapter-utils'
import { describe, expect, test } from '@jest/globals'
import { toDriverAdapterError } from '../../../packages/adapter/src/convert/errors.js'
import {
  LeaseError,
  OptionsError,
  PoolClosedError,
  PoolConnectError,
  PoolTimeoutError,
  TooManyRequestsError,
} from '../../../packages/adapter/src/pool/errors.js'

/** The payload that Prisma gets for an error. */
function payloadOf(error: unknown) {
  const converted = toDriverAdapterError(error)
  expect(converted).toBeInstanceOf(DriverAdapterError)
  return (converted as DriverAdapterError).cause
}

/** An error as node-postgres makes it of an ErrorResponse. */
function serverError(code: string, message: string, fields: object = {}): Error {
  return Object.assign(new Error(message), { name: 'error', length: 99, severity: 'ERROR', code, ...fields })
}

function nodeError(code: string, fields: object = {}): Error {
  return Object.assign(new Error(`connect ${code} 127.0.0.1:5432`), { code, errno: -111, ...fields })
}

const refused = () => nodeError('ECONNREFUSED', { syscall: 'connect', address: '127.0.0.1', port: 5432 })

describe('what PostgreSQL reports', () => {
  test.each([
    ['22001', 'value too long for type character varying(3)', {}, { kind: 'LengthMismatch' }],
    ['22003', 'integer out of range', {}, { kind: 'ValueOutOfRange', cause: 'integer out of range' }],
    ['22P02', 'invalid input syntax', {}, { kind: 'InvalidInputValue', message: 'invalid input syntax' }],
    ['40001', 'could not serialize access', {}, { kind: 'TransactionWriteConflict' }],
    ['40P01', 'deadlock detected', {}, { kind: 'TransactionWriteConflict' }],
    ['3D000', 'database "d b" does not exist', {}, { kind: 'DatabaseDoesNotExist', db: 'd b' }],
    ['3D000', 'Datenbank »d b« existiert nicht', {}, { kind: 'DatabaseDoesNotExist', db: 'd b' }],
    [
      '28000',
      'no pg_hba.conf entry for host "::1", user "u", database "d", no encryption',
      {},
      { kind: 'DatabaseAccessDenied', db: 'd' },
    ],
    ['3D000', 'la base de données « d b » n’existe pas', {}, { kind: 'DatabaseDoesNotExist', db: 'd b' }],
    ['3D000', 'データベース「d b」は存在しません', {}, { kind: 'DatabaseDoesNotExist', db: 'd b' }],
    ['28000', 'role "u" is not permitted to log in', {}, { kind: 'DatabaseAccessDenied' }],
    ['28P01', 'password authentication failed for user "u"', {}, { kind: 'AuthenticationFailed', user: 'u' }],
    ['42P01', 'relation "public.T" does not exist', {}, { kind: 'TableDoesNotExist', table: 'public.T' }],
    ['42703', 'column "a" does not exist', {}, { kind: 'ColumnNotFound', column: 'a' }],
    ['42703', 'column T.a b does not exist', {}, { kind: 'ColumnNotFound', column: 'T.a b' }],
    ['42703', 'column "a" of relation "T" does not exist', {}, { kind: 'ColumnNotFound', column: 'a' }],
    ['42703', 'Spalte »a« existiert nicht', {}, { kind: 'ColumnNotFound', column: 'a' }],
    ['42703', 'Spalte T.a existiert nicht', {}, { kind: 'ColumnNotFound', column: 'T.a' }],
    ['42703', '列T.aは存在しません', {}, { kind: 'ColumnNotFound', column: 'T.a' }],
    ['42P04', 'database "d" already exists', {}, { kind: 'DatabaseAlreadyExists', db: 'd' }],
    [
      '53300',
      'sorry, too many clients',
      {},
      { kind: 'TooManyConnections', cause: 'sorry, too many clients' },
    ],
    [
      '23502',
      'null value',
      { column: 'a' },
      { kind: 'NullConstraintViolation', constraint: { fields: ['a'] } },
    ],
    [
      '23503',
      'violates foreign key',
      { table: 'Post', constraint: 'fk', detail: 'Key (id)=(1) is still referenced from table "Post".' },
      { kind: 'ForeignKeyConstraintViolation', constraint: { index: 'fk' } },
    ],
    ['23001', 'restrict', { constraint: 'fk' }, { kind: 'RestrictViolation', constraint: { index: 'fk' } }],
  ])('%s %s', (code, message, fields, expected) => {
    expect(payloadOf(serverError(code, message, fields))).toEqual({
      ...expected,
      originalCode: code,
      originalMessage: message,
    })
  })

  test.each(['08000', '08003', '08006', '57P01', '57P02', '57P03', '57P04', '57P05', '25P03', '25P04'])(
    '%s closes the connection',
    (code) => {
      expect(payloadOf(serverError(code, 'm'))).toEqual({
        kind: 'ConnectionClosed',
        originalCode: code,
        originalMessage: 'm',
      })
    },
  )

  test.each([
    ['08P01', 'FATAL'],
    ['23514', 'ERROR'],
    ['23P01', 'ERROR'],
    ['25006', 'ERROR'],
    ['25P02', 'ERROR'],
    ['42501', 'ERROR'],
    ['53100', 'PANIC'],
    ['55P03', 'ERROR'],
    ['57014', 'ERROR'],
    ['P0001', 'ERROR'],
    ['XX000', 'FATAL'],
    ['99999', 'ОШИБКА'],
  ])('%s (%s) keeps all that the server said', (code, severity) => {
    const error = serverError(code, 'message', { severity, detail: 'd', hint: 'h', column: 'c' })
    expect(payloadOf(error)).toEqual({
      kind: 'postgres',
      code,
      severity,
      message: 'message',
      detail: 'd',
      hint: 'h',
      column: 'c',
      originalCode: code,
      originalMessage: 'message',
    })
  })

  test('no right to connect is no access, wherever it is told', () => {
    const message = 'permission denied for database "d"'
    const denied = { kind: 'DatabaseAccessDenied', db: 'd', originalCode: '42501' }
    expect(payloadOf(serverError('42501', message, { severity: 'FATAL' }))).toMatchObject(denied)
    const translated = serverError('42501', 'keine Berechtigung für Datenbank »d«', { severity: 'ВАЖНО' })
    expect(payloadOf(new PoolConnectError('no way', { cause: translated }))).toMatchObject(denied)
  })

  test.each([
    ['Key (email)=(a, b)=(c) already exists.', ['email']],
    ['Key ("userId", "a ""b"", c", plain)=(1, 2, 3) already exists.', ['userId', 'a "b", c', 'plain']],
    ['Schlüssel »(a, b)=(1, 2)« existiert bereits.', ['a', 'b']],
  ])('a unique violation has its constraint, its table and its fields: %s', (detail, fields) => {
    const error = serverError('23505', 'duplicate key', { detail, table: 'T', constraint: 'T_key' })
    expect(payloadOf(error)).toMatchObject({
      kind: 'UniqueConstraintViolation',
      table: 'T',
      constraint: { index: 'T_key', fields },
    })
  })

  test.each([
    ['Key (lower(email))=(a) already exists.'],
    ['Key (COALESCE(a, 1), b)=(1, 2) already exists.'],
    [undefined],
  ])('the expressions of a unique index are no fields: %s', (detail) => {
    const error = serverError('23505', 'duplicate key', { detail, table: 'T', constraint: 'T_key' })
    expect(payloadOf(error)).toMatchObject({ constraint: { index: 'T_key' } })
    expect(payloadOf(error)).not.toHaveProperty('constraint.fields')
  })

  test('a unique violation of which nothing is told has no constraint', () => {
    expect(payloadOf(serverError('23505', 'duplicate key'))).not.toHaveProperty('constraint')
  })
})

describe('what happens on the way', () => {
  test('a refused connection says where', () => {
    expect(payloadOf(refused())).toEqual({
      kind: 'DatabaseNotReachable',
      host: '127.0.0.1',
      port: 5432,
      originalCode: 'ECONNREFUSED',
      originalMessage: 'connect ECONNREFUSED 127.0.0.1:5432',
    })
  })

  test.each([
    ['ENOTFOUND', { syscall: 'getaddrinfo', hostname: 'db' }, { kind: 'DatabaseNotReachable', host: 'db' }],
    ['EAI_AGAIN', { syscall: 'getaddrinfo', hostname: 'db' }, { kind: 'DatabaseNotReachable', host: 'db' }],
    ['EHOSTUNREACH', {}, { kind: 'DatabaseNotReachable' }],
    ['ENETUNREACH', {}, { kind: 'DatabaseNotReachable' }],
    ['ENETDOWN', {}, { kind: 'DatabaseNotReachable' }],
    ['EMFILE', { syscall: 'connect', address: '::1' }, { kind: 'DatabaseNotReachable', host: '::1' }],
    ['ENOENT', { syscall: 'connect', address: '/tmp/.s' }, { kind: 'DatabaseNotReachable', host: '/tmp/.s' }],
    [
      'ETIMEDOUT',
      { syscall: 'connect', address: '10.0.0.1' },
      { kind: 'DatabaseNotReachable', host: '10.0.0.1' },
    ],
    ['ETIMEDOUT', { syscall: 'read' }, { kind: 'SocketTimeout' }],
    ['ECONNRESET', { syscall: 'read' }, { kind: 'ConnectionClosed' }],
    ['EPIPE', { syscall: 'write' }, { kind: 'ConnectionClosed' }],
    ['ENETRESET', { syscall: 'read' }, { kind: 'ConnectionClosed' }],
    ['SELF_SIGNED_CERT_IN_CHAIN', {}, { kind: 'TlsConnectionError' }],
    ['ERR_TLS_CERT_ALTNAME_INVALID', {}, { kind: 'TlsConnectionError' }],
    ['ERR_SSL_WRONG_VERSION_NUMBER', {}, { kind: 'TlsConnectionError' }],
  ])('%s %p', (code, fields, expected) => {
    expect(payloadOf(nodeError(code, fields))).toMatchObject({ ...expected, originalCode: code })
  })

  test('a host with several addresses reports the first, and what happened at each', () => {
    const second = Object.assign(nodeError('ECONNREFUSED'), { message: 'connect ECONNREFUSED ::1:5432' })
    const error = new AggregateError([refused(), second])
    expect(payloadOf(error)).toEqual({
      kind: 'DatabaseNotReachable',
      host: '127.0.0.1',
      port: 5432,
      originalCode: 'ECONNREFUSED',
      originalMessage: 'connect ECONNREFUSED 127.0.0.1:5432; connect ECONNREFUSED ::1:5432',
    })
  })

  test.each([
    ['Connection terminated', 'ConnectionClosed'],
    ['Connection terminated unexpectedly', 'ConnectionClosed'],
    ['Client has encountered a connection error and is not queryable', 'ConnectionClosed'],
    ['Client was closed and is not queryable', 'ConnectionClosed'],
    ['Received unexpected dataRow message from backend.', 'ConnectionClosed'],
    ['Cannot use a pool after calling end on the pool', 'ConnectionClosed'],
    ['timeout expired', 'DatabaseNotReachable'],
    ['Connection terminated due to connection timeout', 'DatabaseNotReachable'],
    ['timeout exceeded when trying to connect', 'TooManyConnections'],
    ['Query read timeout', 'SocketTimeout'],
    ['The server does not support SSL connections', 'TlsConnectionError'],
    ['SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string', 'AuthenticationFailed'],
    ['SASL channel binding: unknown signature OID when parsing public certificate', 'AuthenticationFailed'],
  ])('node-postgres says "%s"', (message, kind) => {
    expect(payloadOf(new Error(message))).toMatchObject({
      kind,
      originalCode: 'N/A',
      originalMessage: message,
    })
  })
})

describe('what the pool reports', () => {
  test.each([
    [new PoolTimeoutError('numbers'), { kind: 'TooManyConnections', cause: 'numbers' }],
    [new TooManyRequestsError('numbers'), { kind: 'TooManyConnections', cause: 'numbers' }],
    [new PoolClosedError('closed'), { kind: 'ConnectionClosed' }],
    [new PoolConnectError('no way'), { kind: 'DatabaseNotReachable' }],
    [new OptionsError('bad'), { kind: 'InvalidInputValue', message: 'bad' }],
  ])('%s', (error, expected) => {
    const originals = { originalCode: error.code, originalMessage: error.message }
    expect(payloadOf(error)).toEqual({ ...expected, ...originals })
  })

  test('a misused lease is to Prisma a transaction that is over: P2028, which no kind leads to', () => {
    const original = new LeaseError('used after release')
    expect(toDriverAdapterError(original)).toMatchObject({
      name: 'TransactionClosedError',
      code: 'P2028',
      message: 'Transaction API error: used after release',
      originalError: original,
      meta: {
        driverAdapterError: {
          name: 'DriverAdapterError',
          cause: { kind: 'TransactionAlreadyClosed', originalCode: 'POOL_LEASE' },
        },
      },
    })
  })

  test.each([
    ['refused', refused(), { kind: 'DatabaseNotReachable', host: '127.0.0.1', originalCode: 'ECONNREFUSED' }],
    ['password', serverError('28P01', 'failed for user "u"'), { kind: 'AuthenticationFailed', user: 'u' }],
    [
      'database',
      serverError('3D000', 'database "d" does not exist'),
      { kind: 'DatabaseDoesNotExist', db: 'd' },
    ],
    ['full', serverError('53300', 'sorry'), { kind: 'TooManyConnections', originalCode: '53300' }],
    [
      'starting',
      serverError('57P03', 'starting up'),
      { kind: 'DatabaseNotReachable', originalCode: '57P03' },
    ],
    [
      'reset',
      nodeError('ECONNRESET', { host: 'h', port: 1 }),
      { kind: 'DatabaseNotReachable', host: 'h', port: 1 },
    ],
    [
      'nested',
      new PoolConnectError('inner', { cause: refused() }),
      { kind: 'DatabaseNotReachable', port: 5432 },
    ],
    ['a hook', new Error('token expired'), { kind: 'postgres', message: 'pool-1 gave up: token expired' }],
    ['no error', 'why', { kind: 'postgres', message: 'pool-1 gave up: why' }],
  ])('where no connection can be made, the reason counts, not the wait: %s', (_, cause, expected) => {
    for (const error of [
      new PoolConnectError('pool-1 gave up', { cause }),
      new PoolTimeoutError('pool-1 gave up', { cause }),
    ]) {
      expect(payloadOf(error)).toMatchObject({
        ...expected,
        originalMessage: expect.stringMatching(/^pool-1 gave up: ./) as unknown,
      })
    }
  })

  test('a pg.Pool that was ended is closed, not out of reach', () => {
    const cause = new Error('Cannot use a pool after calling end on the pool')
    const error = new PoolConnectError('pool-1 gave up', { cause })
    expect(payloadOf(error)).toMatchObject({ kind: 'ConnectionClosed' })
  })

  test('a reason that the message has already is not repeated', () => {
    const error = new PoolTimeoutError('gave up: connect ECONNREFUSED 127.0.0.1:5432', { cause: refused() })
    expect(payloadOf(error).originalMessage).toBe(error.message)
  })

  test('a code of another version of this package shows its message', () => {
    const error = Object.assign(new PoolClosedError('new'), { code: 'POOL_NEW' })
    expect(payloadOf(error)).toMatchObject({ kind: 'postgres', code: 'POOL_NEW', message: 'new' })
  })
})

describe('everything else', () => {
  test('a DriverAdapterError passes as it is, whatever its message resembles', () => {
    const message = 'Connection terminated'
    const error = new DriverAdapterError({ kind: 'InvalidInputValue', message })
    expect(toDriverAdapterError(error)).toBe(error)
  })

  test.each([
    new TypeError('x is not a function'),
    new Error('of the user'),
    Object.assign(new Error('open'), { code: 'ENOENT', syscall: 'open', errno: -2 }),
    Object.assign(new Error('own code'), { code: 'toString' }),
  ])('an error that is not about the database stays what it is: %s', (error) => {
    expect(toDriverAdapterError(error)).toBe(error)
  })

  test.each([undefined, null, 'text', 7, {}, Object.create(null) as unknown])(
    'what is no error becomes one: %p',
    (thrown) => {
      expect(toDriverAdapterError(thrown)).toBeInstanceOf(Error)
    },
  )

  test('the original error can be found, and is not printed', () => {
    const original = Object.assign(refused(), { secret: 'hunter2' })
    const converted = toDriverAdapterError(original)
    expect(converted).toHaveProperty('originalError', original)
    expect(inspect(converted, { depth: 10 })).not.toContain('hunter2')
    expect(JSON.stringify(converted)).not.toContain('hunter2')
  })

  test.each([
    new PoolConnectError('postgresql://u:hunter2@h/d', {
      cause: nodeError('ECONNREFUSED', { syscall: 'connect' }),
    }),
    new PoolTimeoutError('gave up', { cause: new Error('bad dsn host=h password=hunter2') }),
    serverError('XX000', 'cannot reach "postgres://u:hunter2@h/d"'),
    serverError('22P02', 'invalid input: "postgres://u:hunter2@h/d"'),
    serverError('P0001', 'no', { detail: 'host=h password=hunter2', hint: 'postgres://u:hunter2@h/d' }),
    'postgres://u:hunter2@h/d',
  ])('no connection string gets into a message', (error) => {
    const converted = toDriverAdapterError(error)
    expect(inspect(converted, { depth: 10 })).not.toContain('hunter2')
    expect(JSON.stringify(converted.cause ?? '')).not.toContain('hunter2')
    expect(converted.message).not.toContain('hunter2')
  })
})
