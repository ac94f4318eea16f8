// Connections that the server ends: while idle nobody notices, in use the call that had it is told, and the
// process never falls.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { RealPoolAdapter } from 'prisma-pg-real-pool'
import type { PrismaClient } from '../generated/prisma/client.js'
import { terminate } from '../integration/support.js'
import { BACKEND, testUnless } from '../support/backends.js'
import { eventually } from '../support/eventually.js'
import {
  createWorld,
  errorOf,
  expectAtRest,
  gate,
  knownErrorOf,
  pidOf,
  slowCommits,
  SUBJECT,
  warmUp,
  type World,
} from './support.js'

let world: World
let adapter: RealPoolAdapter
let prisma: PrismaClient
const lostIdle: Error[] = []
const lostInUse: Error[] = []

beforeAll(async () => {
  world = await createWorld()
})

afterAll(() => world.close())

beforeEach(async () => {
  await world.empty()
  lostIdle.length = lostInUse.length = 0
  ;({ adapter, prisma } = world.open(
    { minSize: 3, maxSize: 3, timeout: '5s' },
    { onPoolError: (error) => lostIdle.push(error), onConnectionError: (error) => lostInUse.push(error) },
  ))
  await warmUp(prisma, 3)
})

// Whatever a test did: the pool is whole. (A rejection that nobody handles fails the test by itself.)
afterEach(async () => {
  await eventually(() => expectAtRest(world, adapter, 3))
  await world.leave()
})

describe('connections lost while idle', () => {
  const testWhereKept = testUnless({ null: 'has no idle connection' })

  testWhereKept('no call is told: 100 calls, 0 errors, on new connections', async () => {
    const pidsBefore = (await world.database.backends(SUBJECT)).map(({ pid }) => pid)
    expect(await terminate(world)).toBe(3)
    await eventually(() => expect(adapter.pool.getStats().connectionsLost).toBe(3))

    const results = await Promise.allSettled(Array.from({ length: 100 }, () => pidOf(prisma)))
    const pids = results.map((result) =>
      result.status === 'fulfilled' ? result.value : (result.reason as unknown),
    )
    for (const pid of pids) expect(pidsBefore).not.toContain(pid)
    expect(pids.every((pid) => typeof pid === 'number')).toBe(true)
    expect(lostIdle).toHaveLength(3)
    expect(lostInUse).toEqual([])
  })

  for (const what of ['statements', 'transactions']) {
    testWhereKept(
      `calls that come before anybody has heard of it: no ${what.slice(0, -1)} fails`,
      async () => {
        const call = () =>
          what === 'statements' ? prisma.user.count() : prisma.$transaction((tx) => tx.user.count())
        for (let round = 0; round < 20; round++) {
          await Promise.all(Array.from({ length: 6 }, call))
          const pidsBefore = (await world.database.backends(SUBJECT)).map(({ pid }) => pid)
          // Resolves when the signals are sent: the calls find connections that seem to live, die or are dead.
          await world.database.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) pid', [
            pidsBefore,
          ])
          const results = await Promise.allSettled(Array.from({ length: 50 }, call))
          expect(results.filter(({ status }) => status === 'rejected')).toEqual([])
          await eventually(async () => {
            const pids = (await world.database.backends(SUBJECT)).map(({ pid }) => pid)
            expect(pids).toHaveLength(3)
            expect(pids.filter((pid) => pidsBefore.includes(pid))).toEqual([])
          })
        }
      },
    )
  }

  test('again and again, with calls all the while: every failure is one of a call that was running', async () => {
    let isOver = false
    const caller = async () => {
      const failures: unknown[] = []
      while (!isOver) {
        await prisma.user.count().catch((error: unknown) => failures.push((error as { code: unknown }).code))
      }
      return failures
    }
    const callers = [caller(), caller(), caller()]
    for (let round = 0; round < 5; round++) await terminate(world, "state = 'idle'")
    isOver = true
    const failures = (await Promise.all(callers)).flat()
    expect(failures.filter((code) => code !== 'P1017')).toEqual([])
  })
})

describe('a connection lost in use', () => {
  test('fails the call with P1017, and the next call works', async () => {
    const running = knownErrorOf(prisma.$executeRaw`SELECT pg_sleep(10)`)
    // Not just active: a statement that is still being parsed would run again elsewhere.
    await eventually(async () => expect(await terminate(world, `wait_event = 'PgSleep'`)).toBe(1))
    const error = await running
    // Raw queries are P2010 to Prisma, whatever the cause.
    expect(['P1017', 'P2010']).toContain(error.code)
    expect(error.meta).toMatchObject({ driverAdapterError: { cause: { kind: 'ConnectionClosed' } } })
    expect(await prisma.user.count()).toBe(0)
    expect(lostInUse).toHaveLength(1)
  })

  test('fails a call of the client with P1017, and does not run it again: it may have run', async () => {
    const { id } = await prisma.user.create({ data: { email: 'x@x' } })
    const lock = gate()
    const locked = gate()
    const holder = prisma.$transaction(async (tx) => {
      await tx.user.update({ where: { id }, data: { balance: 1 } })
      locked.open()
      await lock.opened
    })
    await locked.opened
    const running = knownErrorOf(prisma.user.update({ where: { id }, data: { balance: { increment: 5 } } }))
    await eventually(async () => expect(await terminate(world, `wait_event_type = 'Lock'`)).toBe(1))
    expect((await running).code).toBe('P1017')
    lock.open()
    await holder
    expect(await world.database.query('SELECT "balance" FROM "User"')).toEqual([{ balance: 1 }])
  })

  test('does not fail a call that the server had not begun with: it runs on another connection', async () => {
    const lock = gate()
    const locked = gate()
    const holder = prisma.$transaction(async (tx) => {
      await tx.$executeRaw`LOCK TABLE "User"`
      locked.open()
      await lock.opened
    })
    await locked.opened
    // A table that is locked is waited for while the statement is parsed.
    const running = prisma.user.count().then((count) => count) // Begins at once: a promise of Prisma waits for `then`.
    await eventually(async () => expect(await terminate(world, `wait_event_type = 'Lock'`)).toBe(1))
    lock.open()
    await holder
    expect(await running).toBe(0)
    expect(lostInUse).toHaveLength(1)
  })

  test('fails a transaction with whose first statement the server had begun: it may have done more than write', async () => {
    await prisma.$executeRaw`CREATE SEQUENCE attempts`
    const suicide = prisma.$transaction(
      (tx) => tx.$queryRaw`
        SELECT n FROM nextval('attempts') AS n, pg_sleep(0.01) AS slept, pg_terminate_backend(pg_backend_pid()) AS dead`,
    )
    await errorOf(suicide)
    const [row] = await world.database.query<{ last_value: string }>('SELECT last_value FROM attempts')
    expect(row?.last_value).toBe('1')
    await prisma.$executeRaw`DROP SEQUENCE attempts`
  })

  test('fails the transaction, between two of its statements', async () => {
    const killed = gate()
    const inside = gate()
    const transaction = errorOf(
      prisma.$transaction(async (tx) => {
        await tx.log.create({ data: { text: 'lost' } })
        inside.open()
        await killed.opened
        await tx.log.create({ data: { text: 'never' } })
      }),
    )
    await inside.opened
    expect(await terminate(world, `state = 'idle in transaction'`)).toBe(1)
    killed.open()
    expect(await transaction).toMatchObject({ code: 'P1017' })
    expect(await prisma.log.count()).toBe(0)
  })

  test('fails the COMMIT of a transaction', async () => {
    const killed = gate()
    const inside = gate()
    const transaction = errorOf(
      prisma.$transaction(async (tx) => {
        await tx.log.create({ data: { text: 'lost' } })
        inside.open()
        await killed.opened
      }),
    )
    await inside.opened
    await terminate(world, `state = 'idle in transaction'`)
    killed.open()
    expect(await transaction).toMatchObject({ code: 'P1017', cause: { kind: 'ConnectionClosed' } })
    expect(await prisma.log.count()).toBe(0)
  })

  test('during a COMMIT says that its outcome is unknown', async () => {
    await slowCommits(world, 'Log', 30)
    const transaction = errorOf(prisma.$transaction((tx) => tx.log.create({ data: { text: 'who knows' } })))
    await eventually(async () =>
      expect(await terminate(world, `query = 'COMMIT' AND state = 'active'`)).toBe(1),
    )
    expect(await transaction).toMatchObject({
      code: 'P1017',
      message: expect.stringContaining('it is not known whether the transaction was committed'),
    })
    await world.database.query('DROP TRIGGER slow ON "Log"')
  })

  test('leaves a transaction whose callback throws as it would be anyway', async () => {
    const transaction = errorOf(
      prisma.$transaction(async (tx) => {
        await tx.log.create({ data: { text: 'lost' } })
        await terminate(world, `state = 'idle in transaction'`)
        throw new RangeError('mine')
      }),
    )
    expect(await transaction).toBeInstanceOf(RangeError)
    expect(await prisma.log.count()).toBe(0)
  })

  test('by the idle_in_transaction_session_timeout of the server', async () => {
    const error = await errorOf(
      prisma.$transaction(async (tx) => {
        await tx.$executeRaw`SET LOCAL idle_in_transaction_session_timeout = 50`
        await eventually(async () =>
          expect(
            (await world.database.backends(SUBJECT)).filter(({ state }) => state?.includes('transaction')),
          ).toEqual([]),
        )
        await tx.log.count()
      }),
    )
    expect(error).toMatchObject({ code: 'P1017' })
  })
})

testUnless({ null: 'keeps no connection' })(
  'a statement that query_timeout gave up does not go on at the server',
  async () => {
    const application_name = 'hasty'
    const { prisma: hasty, adapter: itsAdapter } = world.open(
      { minSize: 1, maxSize: 1 },
      { application_name, query_timeout: 1_000 },
    )
    const error = await knownErrorOf(hasty.$executeRaw`SELECT pg_sleep(60)`)
    expect(error.message).toContain('Query read timeout')
    await hasty.user.count()
    await eventually(async () => {
      const states = (await world.database.backends(application_name)).map(({ state }) => state)
      expect(states).toEqual(['idle'])
    })
    expect(itsAdapter.pool.getStats()).toMatchObject({ connectionsNum: 2, poolSize: 1 })
  },
)

test('a statement that the server cancels fails, and its connection lives on', async () => {
  const pidsBefore = (await world.database.backends(SUBJECT)).map(({ pid }) => pid)
  const running = knownErrorOf(prisma.$executeRaw`SELECT pg_sleep(10)`)
  await eventually(async () => {
    const rows = await world.database.query(
      `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = '${SUBJECT}' AND wait_event = 'PgSleep'
          AND datname = current_database()`,
    )
    expect(rows).toHaveLength(1)
  })
  expect((await running).message).toContain('57014')
  if (BACKEND !== 'null') {
    expect((await world.database.backends(SUBJECT)).map(({ pid }) => pid)).toEqual(pidsBefore)
  }
})
