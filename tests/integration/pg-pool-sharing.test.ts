// A `pg.Pool` that others use beside us: its limits are kept, everybody comes in turn, adapters come and go.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { RealPool } from 'prisma-pg-real-pool'
import { eventually } from '../support/eventually.js'
import { type Application, createApplication, expectAllIdle } from './pg-pool-support.js'
import { collectWarnings, countSessions, errorOf, pidOf, statesOf, valueOf } from './support.js'

let app: Application

beforeAll(async () => {
  app = await createApplication()
})

afterAll(() => app.database.drop())

afterEach(() => app.clear())

const PID = 'SELECT pg_backend_pid()'

describe('the limits of the pool', () => {
  test('max: the server never sees more, however many callers of ours and of others there are', async () => {
    const { pool, connection, adapter } = await app.share({ max: 3 })
    let isDone = false
    const callers = Promise.all(
      Array.from({ length: 60 }, async (_, index) => {
        if (index % 3 === 0) return pool.query('SELECT pg_sleep(0.005)')
        if (index % 3 === 1) return valueOf(connection, 'SELECT 1 FROM pg_sleep(0.005)')
        const tx = await connection.startTransaction()
        await valueOf(tx, 'SELECT 1 FROM pg_sleep(0.005)')
        return tx.commit()
      }),
    ).finally(() => (isDone = true))
    let most = 0
    while (!isDone) most = Math.max(most, (await app.pids()).length)
    await callers
    expect(most).toBe(3)
    expectAllIdle(pool, 3)
    expect(adapter.pool.getStats()).toMatchObject({ poolMax: 3, poolSize: 3, poolAvailable: 3 })
  })

  test('max, when its owner changes it', async () => {
    const { pool, adapter } = await app.share({ max: 1 })
    pool.options.max = 3
    expect(adapter.pool.getStats().poolMax).toBe(3)
    const leases = await Promise.all([adapter.pool.acquire(), adapter.pool.acquire(), adapter.pool.acquire()])
    expect(new Set(await Promise.all(leases.map(({ client }) => pidOf(client)))).size).toBe(3)
    await Promise.all(leases.map((lease) => lease.release()))
    pool.options.max = 1
    expect(adapter.pool.getStats().poolMax).toBe(1)
    expect(await adapter.pool.use(pidOf)).toEqual(expect.any(Number))
  })

  test('connectionTimeoutMillis: who waits longer is told so, with the numbers, and no client is lost', async () => {
    const pool = app.makePool()
    const held = await pool.connect()
    pool.options.connectionTimeoutMillis = 500
    const { adapter, connection } = await app.share(pool)
    const error = await errorOf(valueOf(connection, PID))
    expect(error).toMatchObject({ cause: { kind: 'TooManyConnections' } })
    const patient = await errorOf(adapter.pool.acquire({ timeout: '20s' }))
    expect(patient.message).toContain('timeout exceeded when trying to connect')
    held.release()
    expect(await valueOf(connection, PID)).toEqual(expect.any(Number))
    expectAllIdle(pool, 1)
  })

  test('maxUses: a client is used no more often than that', async () => {
    const { pool, connection } = await app.share({ maxUses: 1 })
    const sessions = await countSessions(app.database)
    const pids = new Set<unknown>()
    for (let call = 0; call < 10; call++) pids.add(await valueOf(connection, PID))
    const crowd = await Promise.all(Array.from({ length: 10 }, () => valueOf(connection, PID)))
    for (const pid of crowd) pids.add(pid)
    expect(pids.size).toBe(20)
    expect(await sessions()).toBe(20)
    expectAllIdle(pool, 0)
  })

  test('the sizes are the pool’s own', async () => {
    const { adapter } = await app.share()
    expect(() => adapter.pool.resize({ maxSize: 5 })).toThrow(/the sizes of a pg.Pool are its own/)
  })
})

test('other users of the pool come in turn, however many of our callers wait', async () => {
  const { pool, connection } = await app.share()
  const order: string[] = []
  const note = (who: string) => () => order.push(who)
  const ours = Array.from({ length: 50 }, () => valueOf(connection, PID).then(note('ours')))
  const theirs = pool.query(PID).then(note('theirs'))
  await Promise.all([...ours, theirs])
  // Behind those that were in the pool's own queue before them.
  expect(order.indexOf('theirs')).toBeLessThan(3)
})

test('our callers are served in the order of their calls, beside others', async () => {
  const { pool, adapter } = await app.share({ max: 2 })
  const callers = Array.from({ length: 20 }, (_, index) => index)
  const order: number[] = []
  const ours = callers.map((index) => adapter.pool.use(() => Promise.resolve(order.push(index))))
  const theirs = callers.map(() => pool.query(PID))
  await Promise.all([...ours, ...theirs])
  expect(order).toEqual(callers)
})

describe('adapters', () => {
  test('two on one pool use the same connections', async () => {
    const one = await app.share()
    const two = await app.share(one.pool)
    expect(await valueOf(two.connection, PID)).toBe(await valueOf(one.connection, PID))
  })

  test('twenty on one pool, and hundreds of calls, pile up no listeners', async () => {
    const watch = collectWarnings()
    const pool = app.makePool()
    const listeners = (): number[] => {
      const { connection } = client as unknown as { connection: NodeJS.EventEmitter }
      const emitters = [pool, client, connection]
      return emitters.flatMap((emitter) => emitter.eventNames().map((name) => emitter.listenerCount(name)))
    }
    const client = await pool.connect()
    client.release()
    await app.share(pool, { onPoolError: () => {} }).then(({ connection }) => valueOf(connection, PID))
    const before = listeners()
    for (let adapter = 0; adapter < 20; adapter++) {
      const { connection } = await app.share(pool, { onPoolError: () => {}, onConnectionError: () => {} })
      for (let call = 0; call < 20; call++) await valueOf(connection, PID)
    }
    expect(listeners()).toEqual(before)
    await new Promise((resolve) => setImmediate(resolve))
    expect(watch.warnings).toEqual([])
    watch.stop()
  })

  test('that are disposed of, or closed for good, leave the pool to its owner', async () => {
    const { pool, adapter, connection } = await app.share()
    const pid = await valueOf(connection, PID)
    await connection.dispose()
    expect((await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows).toEqual([{ pid }])
    const again = await adapter.connect()
    expect(await valueOf(again, PID)).toBe(pid)
    await adapter.pool.close()
    expect(await errorOf(valueOf(again, PID))).toMatchObject({ cause: { kind: 'ConnectionClosed' } })
    expect((await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows).toEqual([{ pid }])
    expect(pool.ending).toBe(false)
    expectAllIdle(pool, 1)
  })

  test('that go while a request waits in the pool take nothing with them', async () => {
    const { pool, connection } = await app.share()
    const held = await pool.connect()
    const waiting = errorOf(valueOf(connection, PID))
    await eventually(() => expect(pool.waitingCount).toBe(1))
    await connection.dispose()
    expect(await waiting).toMatchObject({ cause: { kind: 'ConnectionClosed' } })
    held.release()
    await eventually(() => expectAllIdle(pool, 1))
  })

  test('that go while a transaction is open end it, and the connection is of use to others', async () => {
    const { pool, connection } = await app.share()
    const tx = await connection.startTransaction()
    const pid = await valueOf(tx, PID)
    const disposed = connection.dispose()
    await tx.rollback()
    await disposed
    expect((await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows).toEqual([{ pid }])
  })
})

describe('RealPool over a pg.Pool, without Prisma', () => {
  test('lends, checks, drains and counts', async () => {
    const pgPool = app.makePool({ max: 2 })
    const pool = new RealPool({ pool: pgPool })
    await pool.open({ wait: true })
    expectAllIdle(pgPool, 1)
    const lease = await pool.acquire()
    const before = [await pidOf(lease.client), await pool.use(pidOf)]
    expect(pool.getStats()).toMatchObject({ poolMax: 2, poolSize: 2, poolAvailable: 1 })
    await pool.check()
    expect(await app.pids()).toEqual(before)

    // Also those that are lent are replaced, when they come back.
    await pool.drain()
    await lease.release()
    await eventually(async () => expect(await app.pids()).toEqual([]))
    expect(before).not.toContain(await pool.use(pidOf))
    await pool.close()
    expect(await statesOf(app.database)).toEqual(['idle'])
  })

  test('hides what a pg.Pool puts on its clients: a borrower gives back the lease', async () => {
    const pgPool = app.makePool()
    const pool = new RealPool({ pool: pgPool })
    await pool.open()
    await pool.use((client) => Promise.resolve(expect('release' in client).toBe(false)))
    expectAllIdle(pgPool, 1)
    await pool.close()
  })
})
