// The user's code on connections, and the pool's own care for them, on a real server.
import { Socket } from 'node:net'
import { afterEach, afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { type PoolOptions, RealPool, RealPoolAdapter } from 'prisma-pg-real-pool'
import { createTestDatabase, fieldsOf, type TestDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { errorOf, pidOf, settingOf, sleepRuns, SUBJECT } from './support.js'

let database: TestDatabase
const pools: RealPool[] = []

beforeAll(async () => {
  database = await createTestDatabase()
})

afterAll(() => database.drop())

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close({ force: true, timeout: 0 })))
  await eventually(async () => expect(await database.backends(SUBJECT)).toEqual([]))
})

function makePool(options: PoolOptions): RealPool {
  const pool = new RealPool({ connectionString: database.url, application_name: SUBJECT, pool: options })
  pools.push(pool)
  return pool
}

async function openPool(options: PoolOptions): Promise<RealPool> {
  const pool = makePool(options)
  await pool.open({ wait: true })
  return pool
}

describe('configure', () => {
  test('runs once for each connection, before anyone gets it', async () => {
    let runs = 0
    const pool = await openPool({
      maxSize: 1,
      configure: async (client) => {
        runs++
        await client.query(`SET app.tenant = 'nobody'`)
      },
    })
    for (let use = 0; use < 3; use++) {
      expect(await pool.use((client) => settingOf(client, 'app.tenant'))).toBe('nobody')
    }
    expect(runs).toBe(1)
    const lease = await pool.acquire()
    await lease.destroy()
    expect(await pool.use((client) => settingOf(client, 'app.tenant'))).toBe('nobody')
    expect(runs).toBe(2)
  })
})

describe('reset', () => {
  test('runs on each connection that comes back, after its transaction was rolled back', async () => {
    const statuses: unknown[] = []
    const pool = await openPool({
      maxSize: 1,
      reset: async (client) => {
        statuses.push((client as unknown as { getTransactionStatus(): unknown }).getTransactionStatus())
        await client.query('RESET ALL')
      },
    })
    const pid = await pool.use(async (client) => {
      await client.query(`BEGIN; SET app.tenant = 'somebody'; COMMIT; BEGIN`)
      expect(statuses).toEqual([])
      return pidOf(client)
    })
    expect(statuses).toEqual(['I'])
    expect(
      await pool.use(async (client) => [await pidOf(client), await settingOf(client, 'app.tenant')]),
    ).toEqual([pid, ''])
    expect(statuses).toEqual(['I', 'I'])
  })
})

describe('drain and resize', () => {
  test('drain gives every borrower to come a new connection', async () => {
    const pool = await openPool({ minSize: 2, maxSize: 2 })
    const before = (await database.backends(SUBJECT)).map(({ pid }) => pid)
    const lease = await pool.acquire()
    await pool.drain()
    await lease.release()
    await eventually(() => expect(pool.getStats().poolAvailable).toBe(2))
    const after = (await database.backends(SUBJECT)).map(({ pid }) => pid)
    expect(after).toHaveLength(2)
    expect(after.filter((pid) => before.includes(pid))).toEqual([])
  })

  test('resize opens more at once, and refuses sizes that make no sense', async () => {
    const pool = await openPool({ minSize: 1, maxSize: 2 })
    pool.resize({ minSize: 3, maxSize: 4 })
    await pool.wait()
    expect(await database.backends(SUBJECT)).toHaveLength(3)
    expect(() => pool.resize({ maxSize: 2 })).toThrow('has a maxSize (2) below its minSize (3)')
    expect(pool.getStats()).toMatchObject({ poolMin: 3, poolMax: 4 })
  })

  test('resize concerns the sizes, whatever the other options are', async () => {
    const pool = await openPool({ maxSize: 1, timeout: '500ms', check: true, checkIdleAfter: '10ms' })
    pool.resize({ maxSize: 2 })
    expect(pool.getStats()).toMatchObject({ poolMin: 1, poolMax: 2 })
  })

  test('onReconnectFailed is told, with the pool, when the pool gives up', async () => {
    const told: RealPool[] = []
    const pool = new RealPool({
      host: '127.0.0.1',
      port: 1,
      pool: { minSize: 1, reconnectTimeout: 0, onReconnectFailed: (failed) => told.push(failed) },
    })
    pools.push(pool)
    await pool.open()
    await eventually(() => expect(told).toEqual([pool]))
  })
})

test('a password function is asked for each connection that is made, and may change its mind', async () => {
  const role = `rotating_${database.name}`
  let password = 'first'
  let asked = 0
  await database.query(`CREATE ROLE ${role} LOGIN PASSWORD 'first'`)
  const pool = new RealPool({
    ...fieldsOf(database.url),
    user: role,
    password: () => {
      asked++
      return password
    },
    application_name: SUBJECT,
    pool: { minSize: 2, maxSize: 2 },
  })
  pools.push(pool)
  await pool.open({ wait: true })
  expect(asked).toBe(2)
  password = 'second'
  await database.query(`ALTER ROLE ${role} PASSWORD 'second'`)
  await pool.drain()
  await pool.wait()
  expect(await Promise.all([pool.use(pidOf), pool.use(pidOf)])).toHaveLength(2)
  expect(asked).toBe(4)
  expect(pool.getStats()).toMatchObject({ connectionsNum: 4, connectionsErrors: 0 })
  await pool.close()
  await database.query(`DROP ROLE ${role}`)
})

describe('a stream of the user', () => {
  function tunnel() {
    const { host, port, ...fields } = fieldsOf(database.url)
    const made: Socket[] = []
    const stream = () => {
      const socket = new Socket()
      const connect = socket.connect.bind(socket)
      // Only the tunnel knows where the server is.
      made.push(Object.assign(socket, { connect: () => connect(port, host) }))
      return socket
    }
    return { made, options: { ...fields, host: 'nowhere.invalid', application_name: SUBJECT, stream } }
  }

  test.each<[string, (options: pg.PoolConfig) => RealPool]>([
    ['a pool', (options) => new RealPool({ ...options, pool: { maxSize: 1 } })],
    ['a pg.Pool', (options) => new RealPool({ pool: new pg.Pool({ ...options, maxUses: 1 }) })],
  ])('of %s leads to the server also to cancel a statement', async (_, make) => {
    const { made, options } = tunnel()
    const pool = make(options)
    pools.push(pool)
    await pool.open()
    const lease = await pool.acquire()
    const forgotten = errorOf(lease.client.query('SELECT pg_sleep(30)'))
    await sleepRuns(database)
    await lease.release()
    expect(await forgotten).toMatchObject({ code: '57014' })
    expect(made).toHaveLength(2)
  })
})

describe('code of the user that does the unexpected', () => {
  test('an onPoolError that throws does not end the process when a pg.Pool loses a connection', async () => {
    const pgPool = new pg.Pool({ connectionString: database.url, application_name: SUBJECT })
    const told: Error[] = []
    const { pool } = new RealPoolAdapter({
      pool: pgPool,
      onPoolError: (error) => {
        told.push(error)
        throw new Error('full')
      },
    })
    pools.push(pool)
    await pool.open()
    const lost = new Error('gone')
    expect(() => pgPool.emit('error', lost, undefined as never)).not.toThrow()
    expect(told).toEqual([lost])
    await pgPool.end()
  })

  test.each<[string, () => Promise<string>]>([
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
    ['nothing', () => Promise.reject()],
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
    ['what cannot be a text', () => Promise.reject(Object.create(null))],
    ['an error', () => Promise.reject(new Error('token expired'))],
  ])(
    'a password function that rejects with %s is a failure to connect, and costs no slot',
    async (_, password) => {
      const fields = fieldsOf(database.url)
      let isBroken = true
      const pool = new RealPool({
        ...fields,
        password: () => (isBroken ? password() : fields.password),
        application_name: SUBJECT,
        pool: { minSize: 1, maxSize: 1 },
      })
      pools.push(pool)
      await pool.open()
      const error = await errorOf(pool.acquire({ timeout: '20s' }))
      expect(error).toMatchObject({ code: 'POOL_CONNECT' })
      expect(error.message).toContain('`password` failed: ')
      // It is not asked again and again in that time.
      expect(pool.getStats().connectionsNum).toBeLessThan(5)
      isBroken = false
      expect(await pool.use(pidOf)).toEqual(expect.any(Number))
    },
  )
})
