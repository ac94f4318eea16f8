// Calls that share connections (`pool.pipelining`): each has its own answer, whatever becomes of the others; nothing of
// one reaches another; transactions have their connections alone.
import { Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals'
import { isOutcomeUnknown, isRetryable, type PoolOptions } from 'prisma-pg-real-pool'
import { BACKEND, type OtherOptions } from '../support/backends.js'
import { eventually } from '../support/eventually.js'
import { describeOrSkip } from '../support/or-skip.js'
import { WireTap } from '../support/wire-tap.js'
import {
  createWorld,
  errorOf,
  expectAtRest,
  gate,
  logged,
  pidOf,
  sessionEnds,
  SUBJECT,
  warmUp,
  type World,
} from './support.js'

const describeWhereShared = describeOrSkip(
  BACKEND === 'native' ? undefined : `over ${BACKEND} each call has a connection alone`,
)

let world: World
let tappedUrl: string
const tap = new WireTap()

beforeAll(async () => {
  world = await createWorld()
  // A read that takes as long as `pace` says.
  await world.database.query(`
    CREATE TABLE pace (seconds float8);
    INSERT INTO pace VALUES (0);
    CREATE VIEW paced AS SELECT count(*)::int AS n FROM (SELECT pg_sleep(seconds) FROM pace) AS slept`)
  tappedUrl = await tap.inFrontOf(world.database.url)
})

afterAll(async () => {
  await world.close()
  tap.close()
})

beforeEach(() => world.empty())

afterEach(async () => {
  await world.disconnect()
  await eventually(async () => expect(await world.database.backends(SUBJECT)).toEqual([]))
})

async function open(size: number, pool: PoolOptions = {}, options: OtherOptions = {}) {
  const opened = world.open({ minSize: size, maxSize: size, pipelining: 16, ...pool }, options)
  await opened.adapter.pool.open({ wait: true })
  return opened
}

/** A statement sleeps, and has done so for a while; returns the process that it sleeps in. */
function sleeping(since = '0 s'): Promise<number> {
  return eventually(async () => {
    const [row] = await world.database.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = '${SUBJECT}' AND wait_event = 'PgSleep'
          AND query_start <= clock_timestamp() - $1::interval`,
      [since],
    )
    expect(row).toBeDefined()
    return row!.pid
  })
}

function many(
  count: number,
  call: (index: number) => Promise<unknown>,
): Promise<PromiseSettledResult<unknown>[]> {
  return Promise.allSettled(Array.from({ length: count }, (_, index) => call(index)))
}

describeWhereShared('when a connection that calls share is lost', () => {
  /** Sends seven reads and a write behind a read that the server is at, and ends the connection then. */
  async function lose(end: (pid: number) => unknown) {
    const { adapter, prisma } = await open(1, {}, { connectionString: tappedUrl })
    // Warm up: the first call also connects and prepares.
    await Promise.all([pidOf(prisma), prisma.log.count()])
    const { requestsNum } = adapter.pool.getStats()
    await world.database.query('UPDATE pace SET seconds = 2')
    // All at once: the pool sends no call behind one that is known to be slow.
    const first = prisma.$queryRaw<{ n: number }[]>`SELECT n FROM paced`.then((rows) => rows)
    const reads = many(7, (n) => prisma.$queryRaw<{ n: number }[]>`SELECT ${n}::int AS n`)
    const write = prisma.$executeRaw`INSERT INTO "Log" ("text") VALUES ('who knows')`.then(() => 'saved')
    for (const each of [first, write]) each.catch(() => {})
    const pid = await sleeping()
    await world.database.query('UPDATE pace SET seconds = 0')
    expect(adapter.pool.getStats()).toMatchObject({ requestsNum: requestsNum + 9, requestsWaiting: 0 })
    await end(pid)
    const settled = await Promise.allSettled([first, write])
    await sessionEnds(world, pid)
    return { reads: await reads, first: settled[0], write: settled[1], saved: await logged(world) }
  }

  const READ = Array.from({ length: 7 }, (_, n) => ({ status: 'fulfilled', value: [{ n }] }))

  test('by a reset on the way, all reads run again, and the outcome of a write is unknown', async () => {
    const { reads, first, write, saved } = await lose(() => tap.cut())
    expect(reads).toEqual(READ)
    expect(first).toEqual({ status: 'fulfilled', value: [{ n: 1 }] })
    expect(isOutcomeUnknown((write as PromiseRejectedResult).reason)).toBe(true)
    expect(saved.length).toBeLessThan(2)
  })

  test('by an administrator, what was behind the first read runs again', async () => {
    const kill = (pid: number) => world.database.query('SELECT pg_terminate_backend($1)', [pid])
    const { reads, first, write, saved } = await lose(kill)
    expect(reads).toEqual(READ)
    expect(isRetryable((first as PromiseRejectedResult).reason)).toBe(true)
    expect(write).toEqual({ status: 'fulfilled', value: 'saved' })
    expect(saved).toEqual(['who knows'])
  })
})

describeWhereShared('calls that share connections', () => {
  test('1,000 at the same time on 2 connections have each its own result, or its own error', async () => {
    const { adapter, prisma } = await open(2)
    await prisma.user.createMany({
      data: Array.from({ length: 100 }, (_, index) => ({ email: `taken ${index}` })),
    })
    let mostSeen = 0
    let isWatching = true
    const watching = (async () => {
      while (isWatching) mostSeen = Math.max(mostSeen, (await world.database.backends(SUBJECT)).length)
    })()
    const results = await many(1_000, (index) =>
      index % 10 === 0
        ? prisma.user.create({ data: { email: `taken ${index / 10}` } })
        : index % 2 === 0
          ? prisma.user.create({ data: { email: `new ${index}`, balance: index } })
          : prisma.$queryRaw<{ n: number }[]>`SELECT ${index}::int AS n`,
    )
    isWatching = false
    await watching
    for (const [index, result] of results.entries()) {
      if (index % 10 === 0) {
        expect(result).toMatchObject({ status: 'rejected', reason: { code: 'P2002' } })
      } else if (index % 2 === 0) {
        expect(result).toMatchObject({ value: { email: `new ${index}`, balance: index } })
      } else {
        expect(result).toMatchObject({ value: [{ n: index }] })
      }
    }
    expect(mostSeen).toBe(2)
    expect(await prisma.user.count()).toBe(100 + 400)
    await expectAtRest(world, adapter, 2)
    expect(adapter.pool.getStats()).toMatchObject({ connectionsNum: 2, returnsBad: 0 })
  })

  test('are in flight on one connection at the same time', async () => {
    const { adapter, prisma } = await open(1)
    await world.database.query('SELECT pg_advisory_lock(4712)')
    const calls = many(8, () => prisma.$queryRaw`SELECT pg_advisory_xact_lock(4712)::text`)
    // None can end, and none waits for a connection.
    await eventually(() => {
      expect(adapter.pool.getStats()).toMatchObject({ requestsNum: 8, requestsWaiting: 0, poolAvailable: 0 })
    })
    expect(await world.database.backends(SUBJECT)).toHaveLength(1)
    await world.database.query('SELECT pg_advisory_unlock(4712)')
    expect((await calls).map(({ status }) => status)).toEqual(Array(8).fill('fulfilled'))
  })

  test('of one moment leave in one write, and one by itself at once', async () => {
    const { adapter } = await open(1)
    const driver = await adapter.connect()
    const read = (n: number) => driver.queryRaw({ sql: `SELECT ${n} AS n`, args: [], argTypes: [] })
    const all = () => Promise.all(Array.from({ length: 8 }, (_, n) => read(n)))
    await all()
    const cork = jest.spyOn(Socket.prototype, 'cork')
    const writes = [
      jest.spyOn(Socket.prototype, '_write'),
      jest.spyOn(Socket.prototype as Required<Socket>, '_writev'),
    ]
    const countWrites = () => writes.reduce((sum, { mock }) => sum + mock.calls.length, 0)
    try {
      expect((await all()).map(({ rows }) => rows[0]![0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
      expect(countWrites()).toBe(1)
      cork.mockClear()
      await read(0)
      expect(countWrites()).toBe(2)
      // Not held back until all that its turn does is done.
      expect(cork).not.toHaveBeenCalled()
    } finally {
      jest.restoreAllMocks()
      await driver.dispose()
    }
  })

  test('never come between the statements of a transaction', async () => {
    const { adapter, prisma } = await open(2)
    const transaction = (index: number) =>
      prisma.$transaction(
        async (tx) => {
          const seen: unknown[] = []
          for (let step = 0; step < 3; step++) {
            const [row] = await tx.$queryRaw<{ pid: number; xid: string }[]>`
              SELECT pg_backend_pid() AS pid, pg_current_xact_id()::text AS xid`
            seen.push(`${row!.pid} ${row!.xid}`)
            await tx.log.create({ data: { text: `transaction ${index}` } })
          }
          expect(new Set(seen).size).toBe(1)
          return seen[0]
        },
        { maxWait: 20_000, timeout: 20_000 },
      )
    const call = async (index: number) => {
      const [row] = await prisma.$queryRaw<{ pid: number; xid: string }[]>`
        SELECT pg_backend_pid() AS pid, pg_current_xact_id()::text AS xid`
      await prisma.log.create({ data: { text: `call ${index}` } })
      return `${row!.pid} ${row!.xid}`
    }
    const results = await many(300, (index) => (index % 3 === 0 ? transaction(index) : call(index)))
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([])
    const ids = results.map((result) => (result as PromiseFulfilledResult<unknown>).value)
    expect(new Set(ids).size).toBe(300)
    expect(await prisma.log.count()).toBe(100 * 3 + 200)
    await expectAtRest(world, adapter, 2)
  })

  test('are not held up by a slow one while another connection is there', async () => {
    const { prisma } = await open(2)
    const slow = prisma.$queryRaw`SELECT 1 FROM pg_sleep(60)`.catch((error: unknown) => error)
    // By now it is slow by any measure.
    const pid = await sleeping('1 s')
    for (let round = 0; round < 5; round++) {
      const pids = await Promise.all(Array.from({ length: 20 }, () => pidOf(prisma)))
      expect(pids).not.toContain(pid)
    }
    await world.database.query('SELECT pg_cancel_backend($1)', [pid])
    await slow
  })

  test('each text that is not in the server fails by itself, and the others go on', async () => {
    const { prisma, adapter } = await open(1)
    for (let round = 0; round < 3; round++) {
      const results = await many(30, (index) =>
        index % 3 === 0
          ? prisma.$queryRawUnsafe('SELECT * FROM nowhere')
          : prisma.$queryRawUnsafe<{ n: number }[]>('SELECT $1::int AS n', index),
      )
      for (const [index, result] of results.entries()) {
        if (index % 3 !== 0) expect(result).toMatchObject({ value: [{ n: index }] })
        else expect(JSON.stringify(result)).toContain('42P01')
      }
    }
    expect(adapter.pool.getStats().returnsBad).toBe(0)
  })

  test('survive that a table is altered under what they have prepared', async () => {
    const { prisma } = await open(1)
    const read = () => prisma.$queryRawUnsafe<object[]>('SELECT * FROM altered')
    await world.database.query('CREATE TABLE altered AS SELECT 1 AS a')
    try {
      await Promise.all([read(), read(), read()])
      await world.database.query('ALTER TABLE altered ADD COLUMN b int')
      const rows = await Promise.all(Array.from({ length: 16 }, read))
      expect(rows).toEqual(Array(16).fill([{ a: 1, b: null }]))
    } finally {
      await world.database.query('DROP TABLE altered')
    }
  })

  test.each([
    ['SET', `SET application_name TO 'leaked'`],
    ['an advisory lock', `SELECT 1 FROM pg_advisory_lock(4711)`],
    ['a temporary table', `SELECT 1 AS a INTO TEMP leaked`],
    ['a setting of a function', `SELECT set_config('real_pool.leaked', 'yes', false)`],
  ])('never see what another leaves in its session: %s', async (_, text) => {
    const { prisma } = await open(1)
    const look = () => prisma.$queryRaw<object[]>`
      SELECT current_setting('application_name') AS name, current_setting('real_pool.leaked', true) AS setting,
             to_regclass('pg_temp.leaked')::text AS temporary,
             (SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory') AS locks`
    const seen: object[] = []
    await many(60, async (index) => {
      if (index % 6 === 3) await prisma.$executeRawUnsafe(text)
      else seen.push(...(await look()))
    })
    expect(seen).toHaveLength(50)
    for (const row of seen) {
      expect(row).toMatchObject({ name: SUBJECT, temporary: null, locks: 0 })
      expect((row as { setting: string | null }).setting ?? '').toBe('')
    }
  })
})

describeWhereShared('a connection lost while calls share it', () => {
  test('costs none of them anything that the server had not begun with, and no row twice', async () => {
    const { prisma, adapter } = await open(2)
    await warmUp(prisma, 2)
    const results: PromiseSettledResult<unknown>[] = []
    for (let round = 0; round < 5; round++) {
      const writes = many(60, (index) =>
        index % 4 === 0
          ? prisma.$executeRaw`INSERT INTO "Log" (text) SELECT ${`${round} ${index}`} FROM pg_sleep(0.02)`
          : prisma.log.create({ data: { text: `${round} ${index}` } }),
      )
      await eventually(() => expect(adapter.pool.getStats().poolAvailable).toBe(0))
      const ended = await world.database.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = '${SUBJECT}' LIMIT 1`,
      )
      expect(ended).toHaveLength(1)
      results.push(...(await writes))
    }
    const failed = results.filter((result) => result.status === 'rejected')
    // At most the one that the server was at, of each connection that was ended.
    expect(failed.length).toBeLessThanOrEqual(5)
    for (const { reason } of failed) expect(isOutcomeUnknown(reason)).toBe(true)
    const rows = await world.database.query<{ text: string; n: number }>(
      'SELECT text, count(*)::int AS n FROM "Log" GROUP BY text',
    )
    expect(rows.filter(({ n }) => n !== 1)).toEqual([])
    const saved = results.length - failed.length
    expect(rows.length).toBeGreaterThanOrEqual(saved)
    expect(rows.length).toBeLessThanOrEqual(results.length)
    await eventually(() => expectAtRest(world, adapter, 2))
  })

  test('runs all again elsewhere that stood behind the one that the server was at', async () => {
    const { prisma } = await open(1)
    const first = errorOf(prisma.$queryRaw`SELECT 1 FROM pg_sleep(60)`)
    const behind = many(10, (index) => prisma.log.create({ data: { text: `${index}` } }))
    const pid = await sleeping()
    await world.database.query('SELECT pg_terminate_backend($1)', [pid])
    expect((await first).message).toContain('terminating connection')
    expect((await behind).map(({ status }) => status)).toEqual(Array(10).fill('fulfilled'))
    expect(await prisma.log.count()).toBe(10)
  })
})

describeWhereShared('queryTimeout', () => {
  test('counts from when the server is at a statement, and ends that alone', async () => {
    const { prisma, adapter } = await open(1, {}, { queryTimeout: '500ms' })
    const slow = many(3, () => prisma.$queryRaw`SELECT 1 FROM pg_sleep(0.3)`)
    const late = errorOf(prisma.$queryRaw`SELECT 1 FROM pg_sleep(60)`)
    const behind = many(5, (index) => prisma.log.create({ data: { text: `${index}` } }))
    // Each takes less than its limit, though all together take more.
    expect((await slow).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled'])
    expect((await late).message).toContain('queryTimeout (500 ms)')
    expect((await behind).map(({ status }) => status)).toEqual(Array(5).fill('fulfilled'))
    expect(await prisma.log.count()).toBe(5)
    await expectAtRest(world, adapter, 1)
    expect(adapter.pool.getStats()).toMatchObject({ connectionsNum: 1, returnsBad: 0 })
  })
})

describeWhereShared('a transaction', () => {
  test('is not starved by calls, nor are they by transactions', async () => {
    const { prisma } = await open(1)
    let isOver = false
    let calls = 0
    const caller = async () => {
      while (!isOver) {
        await prisma.log.count()
        calls++
      }
    }
    const callers = Promise.all(Array.from({ length: 20 }, caller))
    for (let index = 0; index < 10; index++) {
      const before = calls
      await prisma.$transaction(async (tx) => tx.log.create({ data: { text: `${index}` } }), {
        maxWait: 10_000,
      })
      if (index > 0) expect(calls).toBeGreaterThan(before)
    }
    isOver = true
    await callers
    expect(await prisma.log.count()).toBe(10)
  })

  test('waits no longer than for the calls before it, and those behind it for its end', async () => {
    const { prisma, adapter } = await open(1)
    const inside = gate()
    const order: string[] = []
    const before = prisma.$queryRaw`SELECT 1 FROM pg_sleep(0.1)`.then(() => order.push('before'))
    await sleeping()
    const transaction = prisma
      .$transaction(async (tx) => {
        await tx.log.count()
        await inside.opened
      })
      .then(() => order.push('transaction'))
    await eventually(() => expect(adapter.pool.getStats().requestsWaiting).toBe(1))
    const behind = prisma.log.count().then(() => order.push('behind'))
    await eventually(() => expect(adapter.pool.getStats().requestsWaiting).toBe(2))
    await before
    inside.open()
    await Promise.all([transaction, behind])
    expect(order).toEqual(['before', 'transaction', 'behind'])
  })
})
