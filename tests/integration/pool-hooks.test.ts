// The user's code on connections, and the pool's own care for them, on a real server.
import { afterEach, afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Client } from 'pg'
import { type PoolOptions, RealPool } from 'prisma-pg-real-pool'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { errorOf, pidOf, SUBJECT } from './support.js'

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

async function settingOf(client: Client, name: string): Promise<unknown> {
  const { rows } = await client.query<{ value: string }>(`SELECT current_setting($1, true) AS value`, [name])
  return rows[0]?.value
}

async function terminate(pids: readonly number[]): Promise<void> {
  for (const pid of pids) await database.query('SELECT pg_terminate_backend($1, 5000)', [pid])
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

  test.each<[string, PoolOptions['configure'], RegExp]>([
    ['that throws', () => Promise.reject(new Error('no tenant')), /the configure hook failed: no tenant/],
    [
      'that leaves a transaction open',
      (client) => client.query('BEGIN'),
      /left the connection in a transaction/,
    ],
  ])('one %s is a failure to connect, and the connection is closed', async (_, configure, message) => {
    const pool = makePool({ minSize: 1, maxSize: 1, timeout: '1s', configure })
    await pool.open()
    const error = await errorOf(pool.acquire({ timeout: '300ms' }))
    expect(error).toMatchObject({ code: 'POOL_TIMEOUT', message: expect.stringMatching(message) })
    await eventually(async () => expect(await database.backends(SUBJECT)).toEqual([]))
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
      return pidOf(client)
    })
    expect(
      await pool.use(async (client) => [await pidOf(client), await settingOf(client, 'app.tenant')]),
    ).toEqual([pid, ''])
    expect(statuses).toEqual(['I', 'I'])
  })

  test.each<[string, PoolOptions['reset']]>([
    ['that throws', () => Promise.reject(new Error('mine'))],
    ['that leaves a transaction open', (client) => client.query('BEGIN')],
    ['that fails in SQL', (client) => client.query('SELECT 1 / 0')],
  ])('one %s costs the connection, and nobody notices', async (_, reset) => {
    const pool = await openPool({ maxSize: 1, reset })
    const pid = await pool.use(pidOf)
    expect(await pool.use(pidOf)).not.toBe(pid)
    expect(pool.getStats()).toMatchObject({ returnsBad: 2, requestsErrors: 0 })
  })
})

describe('check', () => {
  test('a connection whose backend was ended is not lent, and the request does not notice', async () => {
    const pool = await openPool({ minSize: 3, maxSize: 3, check: true, checkIdleAfter: 0 })
    const before = (await database.backends(SUBJECT)).map(({ pid }) => pid)
    await terminate(before)
    const pids = await Promise.all([pool.use(pidOf), pool.use(pidOf), pool.use(pidOf)])
    expect(pids.filter((pid) => before.includes(pid))).toEqual([])
    expect(pool.getStats()).toMatchObject({ requestsErrors: 0, poolSize: 3 })
  })

  test('a check of the user decides by itself', async () => {
    const seen: number[] = []
    const pool = await openPool({
      maxSize: 1,
      checkIdleAfter: 0,
      check: async (client) => {
        seen.push(await pidOf(client))
        if (seen.length === 2) throw new Error('I do not like it')
      },
    })
    const pids = [await pool.use(pidOf), await pool.use(pidOf)]
    expect(pids[0]).toBe(seen[0])
    expect(pids[1]).not.toBe(seen[1])
  })

  test('without it, a connection whose end has arrived is not lent either', async () => {
    const pool = await openPool({ minSize: 5, maxSize: 5 })
    await terminate((await database.backends(SUBJECT)).map(({ pid }) => pid))
    await Promise.all(Array.from({ length: 50 }, () => pool.use(pidOf)))
    expect(pool.getStats().requestsErrors).toBe(0)
  })

  test('on demand it replaces the dead and keeps the others', async () => {
    const pool = await openPool({ minSize: 3, maxSize: 3 })
    const [dead, ...others] = (await database.backends(SUBJECT)).map(({ pid }) => pid) as [
      number,
      number,
      number,
    ]
    await terminate([dead])
    await pool.check()
    await eventually(() => expect(pool.getStats().poolAvailable).toBe(3))
    const pids = (await database.backends(SUBJECT)).map(({ pid }) => pid)
    expect(pids).toEqual(expect.arrayContaining(others))
    expect(pids).not.toContain(dead)
  })
})

describe('drain, resize and await using', () => {
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

  test('a pool that goes out of scope is closed', async () => {
    {
      await using pool = await openPool({ maxSize: 1 })
      await pool.use(pidOf)
    }
    await eventually(async () => expect(await database.backends(SUBJECT)).toEqual([]))
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

describe('code of the user that does the unexpected', () => {
  test.each<[string, () => Promise<string>]>([
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
    ['nothing', () => Promise.reject()],
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
    ['what cannot be a text', () => Promise.reject(Object.create(null))],
    ['an error', () => Promise.reject(new Error('token expired'))],
  ])(
    'a password function that rejects with %s is a failure to connect, and costs no slot',
    async (_, password) => {
      const { hostname, port, pathname, username } = new URL(database.url)
      let isBroken = true
      const pool = new RealPool({
        host: hostname,
        port: Number(port),
        database: pathname.slice(1),
        user: decodeURIComponent(username),
        password: () => (isBroken ? password() : decodeURIComponent(new URL(database.url).password)),
        application_name: SUBJECT,
        pool: { minSize: 1, maxSize: 1 },
      })
      pools.push(pool)
      await pool.open()
      expect(await errorOf(pool.acquire({ timeout: '200ms' }))).toMatchObject({ code: 'POOL_TIMEOUT' })
      isBroken = false
      expect(await pool.use(pidOf)).toEqual(expect.any(Number))
    },
  )
})
