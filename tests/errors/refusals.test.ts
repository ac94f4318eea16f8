// Each reason for which no connection can be made, or none is there, as users of Prisma see it: by generated and raw
// queries and at the beginning of a transaction, with the original error and without any secret.
import dns from 'node:dns'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { inspect } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { startLocalPostgres } from 'local-postgres'
import pg from 'pg'
import { RealPoolAdapter, type RealPoolAdapterOptions } from 'prisma-pg-real-pool'
import { freePort } from '../../packages/local-postgres/src/ports.js'
import { Prisma, PrismaClient } from '../generated/prisma/client.js'
import { Authority } from '../support/certificates.js'
import { createTestDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { addressOf, HOST, listen } from '../support/listening.js'
import { type Refusal, RefusingServer } from '../support/refusing-server.js'
import { TlsFront } from '../support/tls-front.js'
import { createWorld, errorOf, gate, knownErrorOf, type World } from '../prisma/support.js'

const SECRET = 'hunter2-s3cr3t'

let world: World
let role: string

beforeAll(async () => {
  world = await createWorld()
  role = world.database.name
  await world.database.query(`CREATE ROLE ${role} LOGIN PASSWORD '${SECRET}'`)
})

/** What a test has opened, to be closed behind it. */
const cleanups: (() => unknown)[] = []

afterEach(async () => {
  jest.restoreAllMocks()
  for (const cleanUp of cleanups.splice(0).reverse()) await cleanUp()
})

function clientOn(adapter: RealPoolAdapter): PrismaClient {
  const prisma = new PrismaClient({ adapter })
  cleanups.push(() => prisma.$disconnect())
  return prisma
}

afterAll(async () => {
  await world.database.query(`DROP ROLE ${role}`)
  await world.close()
})

/** As the role with the secret; to the server, or to a port of our own. */
function connection(port?: number): RealPoolAdapterOptions {
  const address = port === undefined ? addressOf(world.database.url) : { host: HOST, port }
  return { ...address, database: role, user: role, password: SECRET }
}

/** What is worth trying again is tried for so long; time enough for one attempt on a busy machine. */
const SOON: RealPoolAdapterOptions = { pool: { timeout: '1500ms', maxSize: 2 } }

interface Expected {
  /** Prisma's, and that of the original error. */
  readonly code: string
  readonly kind: string
  readonly originalCode: string | RegExp
  /** In the message of the adapter. */
  readonly text: string | RegExp
}

/** Over the pool of our own, and over a `pg.Pool` of the application. */
async function expectRefusal(options: RealPoolAdapterOptions, expected: Expected): Promise<void> {
  const { pool: _, ...connection } = options
  const native = new RealPoolAdapter(options)
  await expectFailure(clientOn(native), expected)
  expect(inspect(native, { depth: Infinity, showHidden: true })).not.toContain(SECRET)
  const pgPool = new pg.Pool({ ...(connection as pg.PoolConfig), connectionTimeoutMillis: 5_000 })
  cleanups.push(() => pgPool.end())
  await expectFailure(clientOn(new RealPoolAdapter({ pool: pgPool })), expected)
}

async function expectFailure(prisma: PrismaClient, expected: Expected): Promise<void> {
  const { code, kind, originalCode, text } = expected
  const [generated, transaction, raw] = await Promise.all([
    knownErrorOf(prisma.user.count()),
    knownErrorOf(prisma.$transaction((tx) => tx.user.count(), { maxWait: 20_000 })),
    knownErrorOf(prisma.$queryRaw`SELECT 1`),
  ])
  expect([generated.code, transaction.code, raw.code]).toEqual([code, code, 'P2010'])
  for (const error of [generated, transaction, raw]) {
    expect(error.meta).toMatchObject({
      driverAdapterError: {
        name: 'DriverAdapterError',
        cause: {
          kind,
          originalCode: expect.stringMatching(originalCode) as unknown,
          originalMessage: expect.stringMatching(text) as unknown,
        },
        originalError: expect.any(Error) as unknown,
      },
    })
    expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain(SECRET)
  }
}

type Lookup = (host: string, options: unknown, done: (...answer: unknown[]) => void) => void

function resolveNames(lookup: Lookup): void {
  jest.spyOn(dns, 'lookup').mockImplementation(lookup as unknown as typeof dns.lookup)
}

describe('the way to the server', () => {
  const unreachable = { code: 'P1001', kind: 'DatabaseNotReachable' }

  test('a port that refuses', async () => {
    await expectRefusal(
      { ...connection(await freePort()), ...SOON },
      { ...unreachable, originalCode: 'ECONNREFUSED', text: 'ECONNREFUSED' },
    )
  })

  test('a name with two addresses that refuse', async () => {
    const port = await freePort()
    resolveNames((_host, _options, done) =>
      done(null, [
        { address: '127.0.0.1', family: 4 },
        { address: '127.0.0.2', family: 4 },
      ]),
    )
    const options = { ...connection(port), ...SOON, host: 'two.example' }
    await expectRefusal(options, { ...unreachable, originalCode: 'ECONNREFUSED', text: '127.0.0.1' })
  })

  test.each(['EAI_AGAIN', 'ENOTFOUND'])('a name that is not resolved: %s', async (originalCode) => {
    resolveNames((hostname, _options, done) =>
      done(
        Object.assign(new Error(`getaddrinfo ${originalCode} ${hostname}`), {
          code: originalCode,
          syscall: 'getaddrinfo',
          hostname,
        }),
      ),
    )
    const options = { ...connection(), ...SOON, host: 'db.example' }
    await expectRefusal(options, { ...unreachable, originalCode, text: 'db.example' })
  })

  test('a socket that is not there', async () => {
    const options = { ...connection(), ...SOON, host: '/nowhere/at/all' }
    await expectRefusal(options, { ...unreachable, originalCode: 'ENOENT', text: '/nowhere/at/all' })
  })

  test('a server that hangs up', async () => {
    const server = createServer((socket) => socket.on('error', () => {}).once('data', () => socket.end()))
    cleanups.push(() => server.close())
    await expectRefusal(
      { ...connection(await listen(server)), ...SOON },
      { ...unreachable, originalCode: 'N/A', text: 'Connection terminated unexpectedly' },
    )
  })
})

describe('TLS', () => {
  const tls = { code: 'P1011', kind: 'TlsConnectionError' }
  const NAME = 'db.example'

  /** In front of the server; with a certificate for the name, from an authority that exists for this one alone. */
  async function speakTls(): Promise<{ readonly port: number; readonly ca: string }> {
    const authority = new Authority('an authority')
    const certificate = authority.issue({ commonName: 'server', hosts: [NAME] })
    const front = await TlsFront.inFrontOf(world.database.url, certificate)
    cleanups.push(() => front.close())
    return { port: front.port, ca: authority.cert }
  }

  test('a certificate from an authority that is not trusted, and one that is', async () => {
    const { port, ca } = await speakTls()
    const options = connection(port)
    const ssl = { ca, servername: NAME }
    await expectRefusal(
      { ...options, ssl: { ...ssl, ca: new Authority('another').cert } },
      { ...tls, originalCode: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', text: /unable to verify/ },
    )
    const trusting = new PrismaClient({
      adapter: new RealPoolAdapter({ ...options, ssl }),
    })
    expect(await trusting.$queryRaw`SELECT 1 AS one`).toEqual([{ one: 1 }])
    await trusting.$disconnect()
  })

  test('a certificate for another name', async () => {
    const { port, ca } = await speakTls()
    await expectRefusal(
      { ...connection(port), ssl: { ca, servername: 'elsewhere.example' } },
      { ...tls, originalCode: 'ERR_TLS_CERT_ALTNAME_INVALID', text: /elsewhere\.example|altnames/ },
    )
  })

  test('a server without TLS', async () => {
    const server = await RefusingServer.saying({ severity: 'FATAL', code: '28P01', message: 'not reached' })
    cleanups.push(() => server.close())
    await expectRefusal(
      { ...connection(server.port), ssl: true },
      { ...tls, originalCode: 'N/A', text: 'The server does not support SSL connections' },
    )
  })
})

describe('a server that refuses us', () => {
  test('a wrong password', async () => {
    await expectRefusal(
      { ...connection(), password: `${SECRET}-wrong` },
      { code: 'P1000', kind: 'AuthenticationFailed', originalCode: '28P01', text: role },
    )
  })

  // A pg.Pool leaves such a connection half open, and the server waiting for the rest (pg-pool 3.14).
  test('no password', async () => {
    await expectFailure(clientOn(new RealPoolAdapter({ ...connection(), password: '' })), {
      code: 'P1000',
      kind: 'AuthenticationFailed',
      // node-postgres refuses to try, or the server to take an empty one.
      originalCode: /^(N\/A|28P01)$/,
      text: /password must be|empty password/,
    })
  })

  test('a role that may not log in', async () => {
    await world.database.query(`ALTER ROLE ${role} NOLOGIN`)
    await expectRefusal(connection(), {
      code: 'P1010',
      kind: 'DatabaseAccessDenied',
      originalCode: '28000',
      text: 'not permitted to log in',
    })
    await world.database.query(`ALTER ROLE ${role} LOGIN`)
  })

  test('no right to connect to the database', async () => {
    await world.database.query(`REVOKE CONNECT ON DATABASE ${role} FROM PUBLIC`)
    await expectRefusal(connection(), {
      code: 'P1010',
      kind: 'DatabaseAccessDenied',
      originalCode: '42501',
      text: 'permission denied for database',
    })
    await world.database.query(`GRANT CONNECT ON DATABASE ${role} TO PUBLIC`)
  })

  test('a database that is not there', async () => {
    await expectRefusal(
      { ...connection(), database: 'no such database' },
      { code: 'P1003', kind: 'DatabaseDoesNotExist', originalCode: '3D000', text: 'no such database' },
    )
  })

  test('no room for one more', async () => {
    await world.database.query(`ALTER ROLE ${role} CONNECTION LIMIT 0`)
    await expectRefusal(
      { ...connection(), ...SOON },
      { code: 'P2037', kind: 'TooManyConnections', originalCode: '53300', text: 'too many connections' },
    )
    await world.database.query(`ALTER ROLE ${role} CONNECTION LIMIT -1`)
  })

  test('a setting that it does not know', async () => {
    await expectRefusal(
      { ...connection(), ...SOON, options: '-c no_such_setting=1' },
      { code: 'P2039', kind: 'postgres', originalCode: '42704', text: 'no_such_setting' },
    )
  })

  test('a server that is shutting down', async () => {
    const server = await startLocalPostgres()
    cleanups.push(() => server.stop())
    const database = await createTestDatabase(server.url)
    await database.query('SELECT 1')
    // Told so, it waits for the session of `database`, and lets in nobody else (PostgreSQL manual 18.5).
    const [pid = ''] = readFileSync(path.join(server.dataDirectory, 'postmaster.pid'), 'utf8').split('\n')
    process.kill(Number(pid), 'SIGTERM')
    await expectRefusal(
      { connectionString: database.url, ...SOON },
      { code: 'P1001', kind: 'DatabaseNotReachable', originalCode: '57P03', text: 'shutting down' },
    )
  })

  const translated: readonly (readonly [Refusal, Omit<Expected, 'text'>, string])[] = [
    [
      { severity: 'FATAL', code: '3D000', message: 'Datenbank »shop« existiert nicht' },
      { code: 'P1003', kind: 'DatabaseDoesNotExist', originalCode: '3D000' },
      '`shop`',
    ],
    [
      { severity: 'ВАЖНО', code: '28P01', message: 'пользователь "ada" не прошёл проверку подлинности' },
      { code: 'P1000', kind: 'AuthenticationFailed', originalCode: '28P01' },
      '`ada`',
    ],
    [
      { severity: 'ВАЖНО', code: '42501', message: 'нет доступа к базе данных "shop"' },
      { code: 'P1010', kind: 'DatabaseAccessDenied', originalCode: '42501' },
      '`shop`',
    ],
    [
      { severity: 'FATAL', code: '08P01', message: 'unsupported startup parameter: options' },
      { code: 'P2039', kind: 'postgres', originalCode: '08P01' },
      'unsupported startup parameter',
    ],
  ]

  test.each(translated)('in its own words: %j', async (refusal, expected, text) => {
    const server = await RefusingServer.saying(refusal)
    cleanups.push(() => server.close())
    const options = { ...connection(server.port), ...SOON }
    await expectRefusal(options, { ...expected, text: refusal.message })
    const prisma = clientOn(new RealPoolAdapter(options))
    expect((await knownErrorOf(prisma.user.count())).message).toContain(text)
  })
})

describe('what is not the server', () => {
  test('a password function that fails, and tells what it should not', async () => {
    const password = () => Promise.reject(new Error(`no token for postgres://u:${SECRET}@h/d`))
    const { adapter, prisma } = world.open({ timeout: '1500ms' }, { ...connection(), password }, 'native')
    const error = await knownErrorOf(prisma.user.count())
    expect(error.code).toBe('P2039')
    expect(error.message).toContain('no token for postgres://[hidden]')
    expect(inspect(error, { depth: Infinity })).not.toContain(SECRET)
    expect((await errorOf(adapter.pool.acquire())).message).toContain('no token for postgres://[hidden]')
  })

  test('a pool that is closed', async () => {
    const { adapter, prisma } = world.open({}, {}, 'native')
    await prisma.user.count()
    await adapter.pool.close()
    await expectFailure(prisma, {
      code: 'P1017',
      kind: 'ConnectionClosed',
      originalCode: 'POOL_CLOSED',
      text: 'closed',
    })
  })

  test.each([
    ['timeout', { timeout: '500ms' }, 'POOL_TIMEOUT', /within 500 ms.*1 of at most 1 in use/],
    ['maxWaiting', { timeout: '20s', maxWaiting: 1 }, 'POOL_TOO_MANY_REQUESTS', /1 waiting/],
  ] as const)('a pool with nothing to give: %s', async (_, limits, originalCode, text) => {
    const { adapter, prisma } = world.open({ maxSize: 1, ...limits }, {}, 'native')
    await adapter.pool.open({ wait: true })
    const inside = gate()
    const holder = prisma.$transaction(() => inside.opened)
    await eventually(() => expect(adapter.pool.getStats().poolAvailable).toBe(0))
    const waiting = originalCode === 'POOL_TIMEOUT' ? undefined : adapter.pool.use(() => Promise.resolve())
    await expectFailure(prisma, { code: 'P2037', kind: 'TooManyConnections', originalCode, text })
    inside.open()
    await Promise.all([holder, waiting])
  })

  test('a pg.Pool of the user: its timeout, and its end', async () => {
    const pool = new pg.Pool({ connectionString: world.database.url, max: 1, connectionTimeoutMillis: 1_000 })
    const prisma = clientOn(new RealPoolAdapter({ pool }))
    const client = await pool.connect()
    const busy = await errorOf(prisma.user.count())
    expect(busy).toBeInstanceOf(Prisma.PrismaClientKnownRequestError)
    expect(busy).toMatchObject({ code: 'P2037' })
    client.release()
    await pool.end()
    expect(await errorOf(prisma.user.count())).toMatchObject({ code: 'P1017' })
  })
})
