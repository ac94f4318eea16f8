// Functions that name the server and the password, anew for each connection: what they may return, and that their
// failure is told as theirs, at once, to whoever waits.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { inspect } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { RealPool, RealPoolAdapter, type RealPoolOptions } from 'prisma-pg-real-pool'
import { createTestDatabase, fieldsOf, type TestDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { collectWarnings, errorOf, pidOf, SUBJECT, valueOf } from './support.js'

let database: TestDatabase
const pools: RealPool[] = []

beforeAll(async () => {
  database = await createTestDatabase()
})

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close({ force: true, timeout: 0 })))
})

afterAll(() => database.drop())

async function open(options: RealPoolOptions): Promise<RealPool> {
  const pool = new RealPool({
    application_name: SUBJECT,
    pool: { minSize: 0, maxSize: 2, timeout: '20s' },
    ...options,
  })
  pools.push(pool)
  await pool.open()
  return pool
}

const fields = () => fieldsOf(database.url)

describe('`connection`', () => {
  test.each<[string, () => RealPoolOptions['connection']]>([
    ['a URL', () => () => database.url],
    ['a promise of a URL', () => async () => Promise.resolve(database.url)],
    ['fields', () => () => fields()],
    ['fields with a URL among them', () => () => ({ connectionString: database.url, user: undefined })],
    ['fields with a function as password', () => () => ({ ...fields(), password: () => fields().password })],
  ])('may return %s', async (_, connection) => {
    const pool = await open({ connection: connection() })
    expect(await pool.use(pidOf)).toEqual(expect.any(Number))
    expect(await database.backends(SUBJECT)).toHaveLength(1)
  })

  test('is called for each connection that is made, and may change its mind', async () => {
    const role = `rotating_${database.name}`
    let password = 'first'
    let asked = 0
    await database.query(`CREATE ROLE ${role} LOGIN PASSWORD 'first'`)
    const pool = await open({
      connection: () => {
        asked++
        const url = new URL(database.url)
        url.username = role
        url.password = password
        return url.href
      },
      pool: { minSize: 2, maxSize: 2 },
    })
    await pool.wait()
    expect(asked).toBe(2)
    password = 'second'
    await database.query(`ALTER ROLE ${role} PASSWORD 'second'`)
    await pool.drain()
    await pool.wait()
    expect(asked).toBe(4)
    expect(pool.getStats()).toMatchObject({ connectionsNum: 4, connectionsErrors: 0 })
    await pool.close()
    await database.query(`DROP ROLE ${role}`)
  })

  test('gives way to the fields beside it if it returns a URL, and wins if it returns fields', async () => {
    const beside = { application_name: 'beside', schema: 'sales' }
    const url = new URL(database.url)
    url.searchParams.set('application_name', 'returned')
    const byUrl = await open({ ...beside, connection: () => url.href })
    const byFields = await open({
      ...beside,
      connection: () => ({ ...fields(), application_name: 'returned' }),
    })
    const ask = (pool: RealPool) =>
      pool.use(async (client) => {
        const { rows } = await client.query(
          `SELECT current_setting('application_name') AS name, current_setting('search_path') AS path`,
        )
        return rows[0] as unknown
      })
    expect(await ask(byUrl)).toEqual({ name: 'beside', path: '"sales"' })
    expect(await ask(byFields)).toEqual({ name: 'returned', path: '"sales"' })
  })

  test('serves the shadow database, too', async () => {
    const factory = new RealPoolAdapter({ connection: () => database.url, application_name: SUBJECT })
    const shadow = await factory.connectToShadowDb()
    const name = (await valueOf(shadow, 'SELECT current_database()::text')) as string
    expect(name).toMatch(/^prisma_migrate_shadow_db_/)
    await shadow.dispose()
    expect(await database.query('SELECT FROM pg_database WHERE datname = $1', [name])).toEqual([])
  })

  test('may not bring options that come too late; those of the pool it is warned of', async () => {
    const late = await open({ connection: () => `${database.url}?schema=other` })
    expect((await errorOf(late.acquire())).message).toContain(
      '`schema` in a URL that `connection` returns comes too late',
    )
    const heard = collectWarnings()
    const harmless = await open({ connection: () => `${database.url}?schema=public&connection_limit=1` })
    await harmless.use(pidOf)
    await new Promise((resolve) => setImmediate(resolve))
    expect(heard.warnings).toEqual([
      expect.stringMatching(/^`connection_limit` .* too late; give it as an option/),
    ])
    heard.stop()
  })

  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'the options must be a URL or an object, not undefined'],
    ['a number', 5, 'the options must be a URL or an object, not 5'],
    ['no URL', 'mysql://ann:hunter2@h/d', 'is not a PostgreSQL URL'],
    [
      'a field that there is not',
      { hots: 'x', password: 'hunter2' },
      '`hots` is not an option: did you mean `host`?',
    ],
    ['a field of the wrong type', { port: '5432' }, "`port` ('5432') must be a number"],
  ])('that returns %s is told what it may return', async (_, answer, expected) => {
    const pool = await open({ connection: (() => answer) as never })
    const error = await errorOf(pool.acquire())
    expect(error).toMatchObject({ code: 'POOL_CONNECT' })
    expect(error.message).toContain(
      'could not connect to the server that `connection` names: `connection` failed: ',
    )
    expect(error.message).toContain(expected)
    expect(inspect(error, { depth: 9 })).not.toContain('hunter2')
  })
})

describe('the environment', () => {
  const saved = { ...process.env }

  afterEach(() => {
    process.env = { ...saved }
  })

  test('says where to connect, where nothing else does', async () => {
    const { host, port, user, password, database: name } = fields()
    Object.assign(process.env, { PGHOST: host, PGPORT: String(port), PGUSER: user, PGPASSWORD: password })
    process.env['PGDATABASE'] = name
    expect(await (await open({})).use(pidOf)).toEqual(expect.any(Number))
    expect(await database.backends(SUBJECT)).toHaveLength(1)
  })

  test('names a file of passwords', async () => {
    const { password, ...others } = fields()
    const folder = await mkdtemp(path.join(tmpdir(), 'real-pool-pgpass-'))
    const file = path.join(folder, 'pgpass')
    const escaped = password.replace(/[:\\]/g, '\\$&')
    await writeFile(file, `*:*:another:*:wrong\n${others.host}:*:${others.database}:*:${escaped}\n`, {
      mode: 0o600,
    })
    delete process.env['PGPASSWORD']
    process.env['PGPASSFILE'] = file
    expect(await (await open(others)).use(pidOf)).toEqual(expect.any(Number))
    await rm(folder, { recursive: true })
  })
})

describe('a failure', () => {
  const never = () => new Promise<string>(() => {})
  const fails = () => Promise.reject(new Error('no token: postgresql://u:hunter2@h/d'))

  test.each<[string, () => RealPoolOptions, RegExp]>([
    [
      'of `connection`',
      () => ({ connection: fails }),
      /`connection` failed: no token: postgresql:\/\/\[hidden\]/,
    ],
    ['of `password`', () => ({ ...fields(), password: fails }), /`password` failed: no token/],
    [
      'a `connection` that takes too long',
      () => ({ connection: never }),
      /no answer within 50 ms \(credentialsTimeout\)/,
    ],
    [
      'a `password` that takes too long',
      () => ({ ...fields(), password: never }),
      /no answer within 50 ms \(credentialsTimeout\)/,
    ],
    [
      'a `password` that is none',
      () => ({ ...fields(), password: (() => undefined) as never }),
      /did not return a password, but undefined/,
    ],
    [
      'a `password` that is empty',
      () => ({ ...fields(), password: () => '' }),
      /did not return a password, but an empty one/,
    ],
  ])('%s is told at once to all who wait, and to Prisma', async (_, options, expected) => {
    const given = { ...options(), credentialsTimeout: '50ms' as const }
    const pool = await open(given)
    const errors = await Promise.all([
      errorOf(pool.acquire()),
      errorOf(pool.acquire()),
      errorOf(pool.acquire()),
    ])
    for (const error of errors) {
      expect(error).toMatchObject({ code: 'POOL_CONNECT', message: expect.stringMatching(expected) })
      expect(error.message).not.toContain('hunter2')
    }
    const adapter = await new RealPoolAdapter({ ...given, pool: { timeout: '20s' } }).connect()
    const error = await errorOf(valueOf(adapter, 'SELECT 1'))
    expect(error).toMatchObject({
      name: 'DriverAdapterError',
      cause: { message: expect.stringMatching(/failed: no token|credentialsTimeout|did not return/) },
    })
    expect(JSON.stringify(error)).not.toContain('hunter2')
    await adapter.dispose()
  })

  test('once is no failure for ever', async () => {
    let isBroken = true
    const pool = await open({
      connection: () => (isBroken ? Promise.reject(new Error('not now')) : database.url),
    })
    expect((await errorOf(pool.acquire())).message).toContain('`connection` failed: not now')
    isBroken = false
    expect(await pool.use(pidOf)).toEqual(expect.any(Number))
  })

  test('leaves those alone who have a connection', async () => {
    let isBroken = false
    const pool = await open({
      connection: () => (isBroken ? Promise.reject(new Error('not now')) : database.url),
    })
    const lease = await pool.acquire()
    isBroken = true
    const waiting = pool.acquire()
    await eventually(() => expect(pool.getStats().connectionsErrors).toBeGreaterThan(0))
    const pid = await pidOf(lease.client)
    await lease.release()
    const next = await waiting
    expect(await pidOf(next.client)).toBe(pid)
    await next.release()
  })

  test('of a function that never answers holds no close', async () => {
    const pool = await open({ connection: never, credentialsTimeout: 0, pool: { minSize: 1 } })
    const waiting = errorOf(pool.acquire())
    await pool.close()
    expect(await waiting).toMatchObject({ code: 'POOL_CLOSED' })
    await eventually(() => expect(pool.getStats().poolSize).toBe(0))
  })
})
