// What a person is told who must find out why nobody gets a connection, held against what the server does.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { type PoolOptions, RealPool } from 'prisma-pg-real-pool'
import { errorOf, SUBJECT } from '../integration/support.js'
import { gate, type Opened, pidOf, type World } from '../prisma/support.js'
import { eventually } from '../support/eventually.js'
import { createPoolWorld, lockUsers } from './support.js'
import { Proxy } from '../support/proxy.js'

let world: World

beforeAll(async () => {
  world = await createPoolWorld()
})

afterEach(async () => {
  await world.disconnect()
  await world.empty()
})

afterAll(() => world.close())

async function open(pool: PoolOptions): Promise<Opened> {
  const opened = world.open({ minSize: 1, maxSize: 1, name: 'orders', ...pool }, {}, 'native')
  await opened.adapter.pool.open({ wait: true })
  return opened
}

describe('a pool whose only connection waits for a lock that another program holds', () => {
  test('names the holder, its statement, where it was acquired, who blocks it, and who waits', async () => {
    const { prisma, adapter } = await open({ leakDetectionThreshold: '1h' })
    const end = gate()
    const blocker = await lockUsers(world, end.opened)
    let pid = 0
    const transferMoney = async () => {
      return await prisma.$transaction(async (tx) => {
        pid = await pidOf(tx)
        await tx.user.count({ where: { email: "it's a secret" } })
      })
    }
    const held = transferMoney()
    await eventually(async () => {
      const rows = await world.database.query(
        `SELECT FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'`,
        [SUBJECT],
      )
      expect(rows).toHaveLength(1)
    })
    const readUser = async () => await prisma.user.count()
    const waiting = readUser()
    await eventually(() => expect(adapter.pool.getStats().requestsWaiting).toBe(1))

    const report = await adapter.pool.report()
    end.open()
    await Promise.all([held, waiting, blocker.done])

    expect(report.stats).toMatchObject({ name: 'orders', connectionsUsed: 1, requestsWaiting: 1 })
    expect(report.holders).toEqual([
      {
        pid,
        heldMs: expect.any(Number),
        sharers: 0,
        isInTransaction: true,
        isRunning: true,
        statement: expect.stringContaining('SELECT COUNT(*)'),
        stacks: [expect.stringContaining('at transferMoney')],
        server: expect.objectContaining({
          pid,
          application: SUBJECT,
          state: 'active',
          waitsFor: 'Lock:relation',
          blockedBy: [blocker.pid],
          transactionMs: expect.any(Number),
        }),
      },
    ])
    expect(report.blockers).toMatchObject([
      { pid: blocker.pid, application: 'nightly report', state: 'idle in transaction', blockedBy: [] },
    ])
    expect(report.waiters).toEqual([
      { waitedMs: expect.any(Number), stack: expect.stringContaining('at readUser') },
    ])
    expect(report.serverError).toBeUndefined()

    const text = String(report)
    expect(text).toMatch(/^pool 'orders': 1 of at most 1 in use, 0 idle, 0 being opened; 1 waiting\n/)
    expect(text).toMatch(
      new RegExp(`^process ${pid}, held for \\d\\.\\d s, in a transaction, now at: SELECT COUNT`, 'm'),
    )
    expect(text).toMatch(
      new RegExp(
        `^ {2}by the server: \\(subject, \\w+\\); active for .* Lock:relation of process ${blocker.pid};`,
        'm',
      ),
    )
    expect(text).toMatch(
      new RegExp(
        `^in the way: process ${blocker.pid} \\(nightly report, \\w+\\); idle in transaction for `,
        'm',
      ),
    )
    expect(text).toMatch(/^waiting for \d\.\d s\n {2}It was acquired here:$/m)
    expect(text).not.toContain('secret')
  })
})

test('the server is asked beside a pool that has no connection to spare, and sees no more of it afterwards', async () => {
  const { adapter } = await open({})
  const lease = await adapter.pool.acquire()
  const { holders } = await adapter.pool.report()
  expect(holders).toMatchObject([
    { isInTransaction: false, isRunning: false, statement: undefined, stacks: [], server: { state: 'idle' } },
  ])
  await eventually(async () => expect(await world.database.backends(SUBJECT)).toHaveLength(1))
  expect(adapter.pool.getStats()).toMatchObject({ poolSize: 1, connectionsNum: 1, requestsNum: 1 })
  await lease.release()
})

test('a statement of the one before is not taken for one of whoever has the connection now', async () => {
  const { adapter } = await open({})
  await adapter.pool.use((client) => client.query('SELECT 1 AS before'))
  const lease = await adapter.pool.acquire()
  expect((await adapter.pool.report()).holders).toMatchObject([{ statement: undefined }])
  await lease.client.query('SELECT 1 AS mine')
  expect((await adapter.pool.report()).holders).toMatchObject([{ statement: 'SELECT ? AS mine' }])
  await errorOf(lease.client.query('SELECT 1 / 0 AS failed'))
  expect((await adapter.pool.report()).holders).toMatchObject([{ statement: 'SELECT ? / ? AS failed' }])
  await lease.release()
})

test('nor where the connection goes from one straight to the next', async () => {
  const { adapter } = await open({})
  const lease = await adapter.pool.acquire()
  await lease.client.query('SELECT 1 AS before')
  const next = adapter.pool.acquire()
  void lease.release()
  const taken = await next
  expect((await adapter.pool.report()).holders).toMatchObject([{ statement: undefined }])
  await taken.release()
})

test('those held longest come first, and of many who wait the first ten are named', async () => {
  const { adapter } = await open({ minSize: 3, maxSize: 3 })
  const leases = [await adapter.pool.acquire(), await adapter.pool.acquire(), await adapter.pool.acquire()]
  const waiting = Array.from({ length: 12 }, () => adapter.pool.acquire())
  const report = await adapter.pool.report()
  const ages = report.holders.map(({ heldMs }) => heldMs)
  expect(ages).toEqual([...ages].sort((one, other) => other - one))
  expect(report.waiters).toHaveLength(10)
  expect(String(report)).toMatch(/\nand 2 more$/)
  for (const lease of leases) void lease.release()
  for (const request of waiting) void (await request).release()
})

test('a pool at rest has nothing to tell but its numbers, and asks nobody', async () => {
  const { adapter } = await open({})
  const opened = await world.database.sessionsOpened()
  expect(String(await adapter.pool.report())).toBe(
    "pool 'orders': 0 of at most 1 in use, 1 idle, 0 being opened; 0 waiting",
  )
  expect(await world.database.sessionsOpened()).toBe(opened)
})

test('behind a pooler the server is not asked, since its processes are not ours', async () => {
  const { adapter } = world.open(
    { name: 'pooled', minSize: 1, maxSize: 1 },
    { pooler: 'transaction' },
    'native',
  )
  await adapter.pool.open({ wait: true })
  const lease = await adapter.pool.acquire()
  const report = await adapter.pool.report()
  await lease.release()
  expect(report.serverError).toContain('behind a pooler')
  expect(String(report)).toContain('\nwhat the server says is not known: behind a pooler')
})

test('a server that lets nobody in any more leaves what is known here, and says why', async () => {
  const { adapter } = await open({})
  const lease = await adapter.pool.acquire()
  const admin = new pg.Client({ connectionString: process.env.TEST_SERVER_URL })
  await admin.connect()
  const allow = (isAllowed: boolean) =>
    admin.query(`ALTER DATABASE ${world.database.name} ALLOW_CONNECTIONS ${isAllowed}`)
  await allow(false)
  try {
    const report = await adapter.pool.report()
    expect(report.holders).toMatchObject([{ server: undefined }])
    expect(report.serverError).toMatch(/not currently accepting connections/)
  } finally {
    await allow(true)
    await admin.end()
    await lease.release()
  }
})

test('a server that does not answer is not waited for', async () => {
  const proxy = await Proxy.inFrontOf(world.database.url)
  const pool = new RealPool({
    connectionString: proxy.urlOf(world.database.url),
    pool: { name: 'deaf', minSize: 1, maxSize: 1, connectTimeout: '60s' },
  })
  try {
    await pool.open({ wait: true })
    const lease = await pool.acquire()
    proxy.deafen()
    const report = await pool.report()
    expect(report.holders).toHaveLength(1)
    expect(report.serverError).toContain('no answer within 2000 ms')
    proxy.hear()
    await lease.release()
  } finally {
    await pool.close()
    proxy.close()
  }
})

test('nor one that lets us in and then does not answer', async () => {
  const proxy = await Proxy.inFrontOf(world.database.url)
  let opened = 0
  const pool = new RealPool({
    connectionString: proxy.urlOf(world.database.url),
    pool: {
      name: 'mute',
      minSize: 1,
      maxSize: 1,
      configure: () => {
        // The second is the one on which the server is asked.
        if (++opened === 2) proxy.stall()
      },
    },
  })
  try {
    await pool.open({ wait: true })
    const lease = await pool.acquire()
    const report = await pool.report()
    proxy.resume()
    expect(report.holders).toMatchObject([{ server: undefined }])
    expect(report.serverError).toContain('no answer within 2000 ms')
    await lease.release()
    // Nor is it asked to cancel the question.
    expect(proxy.accepted).toBe(2)
  } finally {
    await pool.close()
    proxy.close()
  }
})

describe('over a pg.Pool of the user', () => {
  test('the server is asked by one more of its connections', async () => {
    const { adapter } = world.open({ name: 'theirs', maxSize: 2 }, {}, 'pg-pool')
    await adapter.pool.open()
    const lease = await adapter.pool.acquire()
    expect((await adapter.pool.report()).holders).toMatchObject([{ server: { state: 'idle' } }])
    await lease.release()
  })

  test('that has none to spare, the rest is told, and nothing of it is kept', async () => {
    const { adapter } = world.open({ name: 'theirs', maxSize: 1 }, {}, 'pg-pool')
    await adapter.pool.open()
    const lease = await adapter.pool.acquire()
    const report = await adapter.pool.report()
    expect(report.holders).toMatchObject([{ server: undefined }])
    expect(report.serverError).toContain('no answer within 2000 ms')
    await lease.release()
    await adapter.pool.use((client) => client.query('SELECT 1'))
  })
})

describe('the error of a request that timed out', () => {
  test('says what has held a connection longest, and what it does, but no values', async () => {
    const { prisma, adapter } = await open({ timeout: '50ms' })
    const end = gate()
    const begun = gate()
    const held = prisma.$transaction(async (tx) => {
      await tx.$executeRawUnsafe(`UPDATE "User" SET "name" = 'secret' WHERE "email" = 'nobody'`)
      begun.open()
      await end.opened
    })
    await begun.opened
    const { message } = await errorOf(adapter.pool.acquire())
    end.open()
    await held
    expect(message).toMatch(
      /maxSize or timeout\. Held longest: for \d\.\d s, in a transaction, last at: UPDATE "User" SET "name" = \? WHERE "email" = \?$/,
    )
  })

  test('reaches the callers of Prisma, too', async () => {
    const { prisma, adapter } = await open({ timeout: '50ms' })
    const lease = await adapter.pool.acquire()
    const error = await errorOf(prisma.user.count())
    await lease.release()
    expect(error).toMatchObject({ code: 'P2037' })
    expect(error.message).toMatch(/Held longest: for \d\.\d s, outside of transactions, no statement so far$/)
  })

  test('says nothing of holders where there is none', async () => {
    const { adapter } = world.open({ name: 'none', minSize: 0, maxSize: 1 }, {}, 'native')
    await adapter.pool.open()
    expect((await errorOf(adapter.pool.acquire({ timeout: 0 }))).message).not.toContain('Held longest')
  })
})
