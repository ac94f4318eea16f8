// What counts as a `pg.Pool`, and what does not: pools of subclasses and of other copies of `pg`, pools with
// unusual options, and what is refused, with what it was.
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals'
import pg from 'pg'
import { RealPool, RealPoolAdapter, type RealPoolAdapterOptions } from 'prisma-pg-real-pool'
import { PrismaClient } from '../generated/prisma/client.js'
import { fieldsOf } from '../support/database.js'
import { runProgram } from '../support/program.js'
import { type Application, createApplication, expectAllIdle } from './pg-pool-support.js'
import { errorOf, sleepRuns, statesOf, SUBJECT, valueOf } from './support.js'

let app: Application

beforeAll(async () => {
  app = await createApplication()
})

afterAll(() => app.database.drop())

afterEach(() => app.clear())

const PID = 'SELECT pg_backend_pid()'

/** The package loaded once more: none of its classes is the same. */
function anotherCopyOfPg(): typeof pg {
  let copy: typeof pg | undefined
  jest.isolateModules(() => {
    copy = jest.requireActual<typeof pg>('pg')
  })
  return copy!
}

describe('a pool', () => {
  test('of a subclass', async () => {
    class Measured extends pg.Pool {
      borrowed = 0
      constructor(options: pg.PoolConfig) {
        super(options)
        this.on('acquire', () => this.borrowed++)
      }
    }
    const pool = new Measured({ connectionString: app.database.url, application_name: SUBJECT })
    const { connection } = await app.share(pool)
    await valueOf(connection, PID)
    await valueOf(connection, PID)
    expect(pool.borrowed).toBe(2)
    expectAllIdle(pool, 1)
    await pool.end()
  })

  test('of another copy of `pg`', async () => {
    const copy = anotherCopyOfPg()
    const pool = new copy.Pool({ connectionString: app.database.url, application_name: SUBJECT })
    expect(pool).not.toBeInstanceOf(pg.Pool)
    const connection = await new RealPoolAdapter({ pool }).connect()
    const pid = await valueOf(connection, PID)
    await errorOf(valueOf(connection, 'SELECT 1 / 0'))
    const tx = await connection.startTransaction()
    const running = errorOf(valueOf(tx, 'SELECT pg_sleep(60)'))
    await sleepRuns(app.database)
    await tx.rollback()
    await running
    expect(await valueOf(connection, PID)).toBe(pid)
    expectAllIdle(pool, 1)
    await connection.dispose()
    await pool.end()
  })

  test('that pipelines', async () => {
    const { pool, connection } = await app.share({ pipeline: true })
    const pid = await valueOf(connection, PID)
    await errorOf(valueOf(connection, 'SELECT 1 / 0'))
    const tx = await connection.startTransaction()
    await errorOf(valueOf(tx, 'SELECT 1 / 0'))
    await tx.rollback()
    const slow = await connection.startTransaction()
    const running = errorOf(valueOf(slow, 'SELECT pg_sleep(60)'))
    await sleepRuns(app.database)
    await slow.rollback()
    await running
    expect(await valueOf(connection, PID)).toBe(pid)
    await connection.executeScript(`SET work_mem = '1MB'`)
    expect(await valueOf(connection, 'SHOW work_mem')).toBe('4MB')
    expectAllIdle(pool, 1)
  })

  test('that was sized by an environment variable', async () => {
    const { adapter } = await app.share({ max: '3' as unknown as number })
    expect(adapter.pool.getStats().poolMax).toBe(3)
  })

  test('whose sessions write dates in another form', async () => {
    const { connection } = await app.share({
      options: '-c DateStyle=German,DMY -c TimeZone=America/New_York',
    })
    expect(await valueOf(connection, `SELECT timestamptz '2024-03-10 12:00Z'`)).toBe(
      '2024-03-10T12:00:00+00:00',
    )
  })

  test('whose schema is in its URL, or named beside it: that of generated queries', async () => {
    const url = new URL(app.database.url)
    url.searchParams.set('schema', 'tenants')
    const fromUrl = await app.share({ connectionString: url.href })
    expect(fromUrl.connection.getConnectionInfo?.().schemaName).toBe('tenants')
    const named = await app.share(fromUrl.pool, { schema: 'others' })
    expect(named.connection.getConnectionInfo?.().schemaName).toBe('others')
  })

  test('that exits when idle (`allowExitOnIdle`) lets the process end after the last call', async () => {
    const program = `
      const pg = require('pg'); const { RealPoolAdapter } = require('prisma-pg-real-pool')
      const pool = new pg.Pool({ connectionString: process.env.URL, allowExitOnIdle: true, idleTimeoutMillis: 600_000 })
      new RealPoolAdapter({ pool }).connect()
        .then((connection) => connection.queryRaw({ sql: 'SELECT 42', args: [], argTypes: [] }))
        .then(({ rows }) => console.log(rows[0][0]))`
    const { stdout } = await runProgram(program, { URL: app.database.url })
    expect(stdout).toBe('42\n')
  })

  test('makes shadow databases beside its own, by connections of their own', async () => {
    const fields = fieldsOf(app.database.url)
    const pools = [
      // To node-postgres the URL wins over what stands beside it.
      { port: 1 },
      { connectionString: undefined, ...fields, password: () => fields.password },
    ]
    for (const options of pools) {
      const { pool, adapter } = await app.share(options)
      const shadow = await adapter.connectToShadowDb()
      const name = await valueOf(shadow, 'SELECT current_database()::text')
      expect(name).toMatch(/^prisma_migrate_shadow_db_/)
      expect(pool.totalCount).toBe(1)
      await shadow.dispose()
      expect(await app.database.query('SELECT FROM pg_database WHERE datname = $1', [name])).toEqual([])
      expectAllIdle(pool, 1)
      expect(pool.ending).toBe(false)
    }
  })
})

function refusal(options: unknown): string {
  try {
    new RealPoolAdapter(options as RealPoolAdapterOptions)
  } catch (error) {
    expect(error).toMatchObject({ name: 'OptionsError', code: 'POOL_OPTIONS' })
    return (error as Error).message
  }
  throw new Error('was not refused')
}

describe('refused, with what it is:', () => {
  const adapter = new RealPoolAdapter('postgresql://db.example/db')
  const notPools: Record<string, [() => unknown, string]> = {
    'a client': [() => new pg.Client(), 'a Client'],
    'a URL': [() => 'postgresql://user:hunter2@host/db', 'a string'],
    'a promise of a pool': [() => Promise.resolve(new pg.Pool()), 'a Promise'],
    'the class': [() => pg.Pool, 'a function'],
    'a client of Prisma': [() => new PrismaClient({ adapter }), 'a PrismaClient'],
    'a pool of ours': [() => new RealPool('postgresql://db.example/db'), 'a RealPool'],
    'an adapter': [() => adapter, 'a RealPoolAdapter'],
    null: [() => null, 'null'],
    'a number': [() => 5, 'a number'],
  }

  test.each(Object.entries(notPools))('%s', (_, [make, kind]) => {
    const message = refusal({ pool: make() })
    expect(message).toContain(
      `\`pool\` must be true, false, an object of pool options or a pg.Pool, not ${kind}`,
    )
    expect(message).not.toContain('hunter2')
  })

  test.each(['connect', 'query', 'end', 'on', 'totalCount', 'idleCount', 'waitingCount', 'options'])(
    'a pool without `%s`',
    (missing) => {
      class Fake {
        totalCount = 0
        idleCount = 0
        waitingCount = 0
        options: object | null = {}
        connect(): void {}
        query(): void {}
        end(): void {}
        on(): void {}
      }
      const whole = new Fake()
      const fake = Object.assign(new Fake(), { [missing]: missing === 'options' ? null : undefined })
      expect(() => new RealPoolAdapter({ pool: whole as never })).not.toThrow()
      expect(refusal({ pool: fake })).toContain('not a Fake')
    },
  )

  test('a pool in the place of the options, with the fix', () => {
    expect(refusal(app.makePool())).toBe('a pg.Pool is given as an option: `{ pool }`')
  })

  test('connection fields beside a pool', () => {
    const message = refusal({ connectionString: 'postgresql://u:hunter2@h/d', port: 1, pool: app.makePool() })
    expect(message).toMatch(/^`connectionString`, `port` beside a pg.Pool would have no effect/)
    expect(message).not.toContain('hunter2')
  })

  test('a pool with `binary`, which corrupts values', () => {
    expect(refusal({ pool: app.makePool({ binary: true } as pg.PoolConfig) })).toMatch(/has `binary: true`/)
  })

  test('a pool of a copy of `pg` that is too old, before a connection is made of it', () => {
    const copy = anotherCopyOfPg()
    delete (copy.Client.prototype as Partial<pg.Client>).getTransactionStatus
    const pool = new copy.Pool()
    expect(refusal({ pool })).toMatch(/too old: 8.23.1 or newer is needed/)
  })

  test('clients that cannot be read, which go back to their pool', async () => {
    const pool = app.makePool()
    const held = await pool.connect()
    // As those of pg-native and of older versions.
    Object.assign(held, { getTransactionStatus: undefined })
    held.release()
    const { connection } = await app.share(pool)
    const error = await errorOf(valueOf(connection, PID))
    expect(JSON.stringify(error)).toContain('cannot be used here: they must be those of node-postgres')
    expectAllIdle(pool, 1)
    expect(await statesOf(app.database)).toEqual(['idle'])
  })
})
