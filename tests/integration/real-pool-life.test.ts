// RealPool from its opening to its end: how many connections there are, and when they are replaced.
import { afterEach, afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { PoolClosedError, type PoolOptions, PoolTimeoutError, RealPool } from 'prisma-pg-real-pool'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { runProgram } from '../support/program.js'
import { errorOf, pidOf, sleepRuns, SUBJECT } from './support.js'

let database: TestDatabase
const pools: RealPool[] = []

beforeAll(async () => {
  database = await createTestDatabase()
})

afterAll(() => database.drop())

// Each test leaves its pools closed, and then the server has no session of theirs.
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close({ force: true, timeout: 0 })))
  await eventually(async () => expect(await database.backends(SUBJECT)).toEqual([]))
})

async function openPool(options: PoolOptions = { maxSize: 1 }): Promise<RealPool> {
  const pool = new RealPool({ connectionString: database.url, application_name: SUBJECT, pool: options })
  pools.push(pool)
  await pool.open({ wait: true })
  return pool
}

describe('opening and closing', () => {
  test('nothing connects, and nothing is lent, before open', async () => {
    const pool = new RealPool({
      connectionString: database.url,
      application_name: SUBJECT,
      pool: { minSize: 2 },
    })
    pools.push(pool)
    expect(await errorOf(pool.acquire())).toBeInstanceOf(PoolClosedError)
    expect(await database.backends(SUBJECT)).toEqual([])
    await pool.open({ wait: true })
    expect(await database.backends(SUBJECT)).toHaveLength(2)
  })

  test('open with wait fails in time, and may be asked to wait again while the pool goes on', async () => {
    const pool = new RealPool({
      connectionString: database.url,
      application_name: SUBJECT,
      pool: {
        minSize: 4,
        maxSize: 4,
        numWorkers: 1,
        // Four times, one after another.
        configure: (client) => client.query('SELECT pg_sleep(0.1)'),
      },
    })
    pools.push(pool)
    expect(await errorOf(pool.open({ wait: true, timeout: '200ms' }))).toBeInstanceOf(PoolTimeoutError)
    await pool.open({ wait: true })
    expect(await database.backends(SUBJECT)).toHaveLength(4)
    expect(pool.getStats()).toMatchObject({ poolSize: 4, poolAvailable: 4 })
  })

  test('close turns away who waits, and waits for what is lent', async () => {
    const pool = await openPool()
    const lease = await pool.acquire()
    const waiting = errorOf(pool.acquire())
    let isClosed = false
    const closed = pool.close().then(() => {
      isClosed = true
    })
    expect(await waiting).toBeInstanceOf(PoolClosedError)
    await pidOf(lease.client)
    expect(isClosed).toBe(false)
    await lease.release()
    await closed
    await eventually(async () => expect(await database.backends(SUBJECT)).toEqual([]))
    expect(await errorOf(pool.acquire())).toBeInstanceOf(PoolClosedError)
    expect(await errorOf(pool.open())).toBeInstanceOf(PoolClosedError)
    await pool.close()
  })

  test('close with force ends what is lent', async () => {
    const pool = await openPool()
    const lease = await pool.acquire()
    const running = errorOf(lease.client.query('SELECT pg_sleep(30)'))
    await sleepRuns(database)
    await pool.close({ timeout: '50ms' as const, force: true })
    await running
    await lease.release()
  })

  test('the pool grows to maxSize and no further, and never waits for an idle connection', async () => {
    const pool = await openPool({ minSize: 0, maxSize: 3 })
    expect(await database.backends(SUBJECT)).toHaveLength(0)
    const leases = await Promise.all([pool.acquire(), pool.acquire(), pool.acquire()])
    expect(await database.backends(SUBJECT)).toHaveLength(3)
    expect(await errorOf(pool.acquire({ timeout: '20ms' }))).toBeInstanceOf(PoolTimeoutError)
    await Promise.all(leases.map((lease) => lease.release()))
    expect(await database.backends(SUBJECT)).toHaveLength(3)
  })

  test('expired connections are replaced, also while nobody asks', async () => {
    const pool = await openPool({ minSize: 1, maxSize: 1, maxLifetime: '200ms' })
    const pid = await pool.use(pidOf)
    await eventually(async () => {
      const pids = (await database.backends(SUBJECT)).map((backend) => backend.pid)
      expect(pids).toHaveLength(1)
      expect(pids).not.toContain(pid)
    })
  })

  test('a connection that expires while it is lent is replaced on its return', async () => {
    const pool = await openPool({ minSize: 1, maxSize: 1, maxLifetime: '100ms' })
    const lease = await pool.acquire()
    const pid = await pidOf(lease.client)
    await lease.client.query('SELECT pg_sleep(0.15)')
    expect(await pidOf(lease.client)).toBe(pid)
    await lease.release()
    const pids = (await database.backends(SUBJECT)).map((backend) => backend.pid)
    expect(pids).not.toContain(pid)
  })

  test('connections that are not needed are closed, down to minSize', async () => {
    const pool = await openPool({ minSize: 1, maxSize: 4, maxIdle: '100ms' })
    const leases = await Promise.all([1, 2, 3, 4].map(() => pool.acquire()))
    await Promise.all(leases.map((lease) => lease.release()))
    await eventually(async () => expect(await database.backends(SUBJECT)).toHaveLength(1))
    await eventually(() => expect(pool.getStats()).toMatchObject({ poolSize: 1, poolAvailable: 1 }))
  })
})

test('a connection keeps the process alive while it is lent, whatever the borrower before has done with it', async () => {
  const program = `
    const { RealPool } = require('prisma-pg-real-pool')
    const pool = new RealPool({ connectionString: process.env.URL, pool: { maxSize: 1 } })
    pool.open({ wait: true }).then(() => {
      pool.use(async (client) => { client.unref() })
      pool.use((client) => client.query('SELECT pg_sleep(0.2)')).then(() => console.log('served'))
    })`
  // Idle, it does not.
  const { stdout } = await runProgram(program, { URL: database.url })
  expect(stdout).toBe('served\n')
})
