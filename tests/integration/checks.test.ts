// Whether a connection is fit to be lent: asked before a loan, or on demand, of a real server.
import { afterEach, afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Client } from 'pg'
import { type PoolOptions, RealPool } from 'prisma-pg-real-pool'
import { resolveRealPoolOptions } from '../../packages/adapter/src/resolved-options.js'
import { configFor } from '../../packages/adapter/src/pg/connection-config.js'
import { PgConnector } from '../../packages/adapter/src/pg/connector.js'
import { systemClock } from '../../packages/adapter/src/pool/clock.js'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { errorOf, pidOf, statesOf, SUBJECT } from './support.js'

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

async function terminate(pids: readonly number[]): Promise<void> {
  for (const pid of pids) await database.query('SELECT pg_terminate_backend($1, 5000)', [pid])
}

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
    const backends = await database.backends(SUBJECT)
    const pids = backends.map(({ pid }) => pid)
    expect(pids).toEqual(expect.arrayContaining(others))
    expect(pids).not.toContain(dead)
    expect(pool.getStats().connectionsLost).toBe(1)
  })

  test('on demand it leaves the connections idle, and outside of any transaction', async () => {
    const pool = await openPool({ minSize: 2, maxSize: 2 })
    const before = (await database.backends(SUBJECT)).map(({ pid }) => pid)
    await pool.check()
    const idle = { state: 'idle', xact_start: null }
    expect(await database.backends(SUBJECT)).toMatchObject(before.map((pid) => ({ pid, ...idle })))
    expect(pool.getStats()).toMatchObject({ poolAvailable: 2, connectionsNum: 2 })
  })

  test('the test that `check: true` makes leaves a live connection as it was, and tells a dead one', async () => {
    const config = configFor(
      resolveRealPoolOptions({ connectionString: database.url, application_name: SUBJECT }),
    )
    const hooks = { configure: undefined, reset: undefined, check: undefined }
    const connector = new PgConnector(
      config,
      {
        ...hooks,
        limitMs: 5_000,
        credentialsTimeoutMs: Infinity,
        statementCacheSize: 0,
        sessionReset: 'detected',
        sharesSessions: false,
        queryTimeoutMs: Infinity,
      },
      systemClock,
    )
    const connection = await connector.open(new AbortController().signal)
    await connector.check(connection)
    expect(connector.condition(connection)).toBe('clean')
    const [backend] = await database.backends(SUBJECT)
    expect(backend).toMatchObject({ state: 'idle', xact_start: null })
    await terminate([backend!.pid])
    await errorOf(connector.check(connection))
    expect(connector.condition(connection)).toBe('broken')
  })

  type Borrowed = [client: Client, release: () => Promise<void>]
  test.each<[string, (pool: RealPool) => Promise<Borrowed>]>([
    [
      'acquire',
      async (pool) => {
        const lease = await pool.acquire()
        return [lease.client, () => lease.release()]
      },
    ],
    [
      'use',
      (pool) =>
        new Promise((resolve, reject) => {
          pool
            .use(
              (client) => new Promise<void>((release) => resolve([client, () => Promise.resolve(release())])),
            )
            .catch(reject)
        }),
    ],
  ])(
    'of two connections, one of them dead, borrowers by %s get the other and a new one',
    async (_, borrow) => {
      const pool = await openPool({ minSize: 2, maxSize: 2, check: true, checkIdleAfter: 0 })
      const [alive, dead] = (await database.backends(SUBJECT)).map(({ pid }) => pid) as [number, number]
      await terminate([dead])
      const [first, second] = [await borrow(pool), await borrow(pool)]
      const pids = [await pidOf(first[0]), await pidOf(second[0])]
      expect(pids).toContain(alive)
      expect(pids).not.toContain(dead)
      const idle = { state: 'idle', xact_start: null }
      expect(await database.backends(SUBJECT)).toMatchObject([idle, idle])
      expect(pool.getStats()).toMatchObject({ requestsErrors: 0, returnsBad: 0, connectionsLost: 1 })
      await Promise.all([first[1](), second[1]()])
    },
  )

  test.each<[string, PoolOptions['check']]>([
    ['fails in SQL', (client) => client.query('WAT')],
    ['leaves a transaction open', (client) => client.query('BEGIN')],
    [
      'leaves a transaction open and throws',
      async (client) => {
        await client.query('BEGIN')
        throw new Error('mine')
      },
    ],
  ])('one of the user that %s costs the connection, and what it left ends with it', async (_, check) => {
    const pool = await openPool({ minSize: 1, maxSize: 1, checkIdleAfter: 0, check })
    const [before] = await database.backends(SUBJECT)
    const pid = await pool.use(async (client) => {
      await eventually(async () => expect(await statesOf(database)).toEqual(['idle']))
      return pidOf(client)
    })
    expect(pid).not.toBe(before!.pid)
    expect(pool.getStats()).toMatchObject({ requestsErrors: 0, connectionsLost: 1 })
  })
})
