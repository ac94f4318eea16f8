// Connections that the network breaks off, by a reset or an end in good order, between messages or within one.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { PoolOptions } from 'prisma-pg-real-pool'
import { eventually } from '../support/eventually.js'
import {
  createStage,
  failureOf,
  expectRefused,
  expectWhole,
  knownErrorOf,
  pidOf,
  pidsOf,
  rest,
  type Stage,
} from './support.js'

const POOL: PoolOptions = { minSize: 3, maxSize: 3, timeout: '20s' }
const ONE: PoolOptions = { minSize: 1, maxSize: 1, timeout: '20s' }

let stage: Stage

beforeAll(async () => {
  stage = await createStage()
})

afterEach(async () => {
  await stage.clear()
  await stage.empty()
})

afterAll(() => stage.close())

async function asleep(): Promise<unknown[]> {
  return stage.database.query(
    `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`,
  )
}

describe.each(['cut', 'fin'] as const)('a %s of every connection', (how) => {
  test('while they are idle: no borrower meets a dead one, not even at that moment', async () => {
    const subject = await stage.open(POOL)
    for (let round = 0; round < 5; round++) {
      const before = await pidsOf(stage)
      await rest()
      stage.proxy[how]()
      const pids = await Promise.all(Array.from({ length: 20 }, () => subject.use(pidOf)))
      expect(pids.filter((pid) => before.includes(pid))).toEqual([])
      await eventually(() => expect(subject.pool.getStats().poolAvailable).toBe(3))
    }
    expect(subject.pool.getStats()).toMatchObject({ requestsErrors: 0, returnsBad: 0 })
    await expectWhole(stage, subject)
  })

  test('while they are idle: no call of Prisma fails', async () => {
    const { adapter, prisma } = await stage.openPrisma(POOL)
    await rest()
    stage.proxy[how]()
    const calls = Array.from({ length: 100 }, () => prisma.user.count())
    expect((await Promise.allSettled(calls)).filter(({ status }) => status === 'rejected')).toEqual([])
    await expectWhole(stage, adapter.pool)
  })

  test('in a query: it fails, and those that wait are served', async () => {
    const subject = await stage.open(POOL)
    const running = Array.from({ length: 3 }, () =>
      failureOf(subject.use((client) => client.query('SELECT pg_sleep(1)'))),
    )
    await eventually(async () => expect(await asleep()).toHaveLength(3))
    const waiting = Promise.all(Array.from({ length: 5 }, () => subject.use(pidOf)))
    stage.proxy[how]()
    for (const error of await Promise.all(running)) {
      expect(error.message).toMatch(/ECONNRESET|Connection terminated/)
    }
    await waiting
    // The server goes on with a statement whose client has gone, and notices when it has something to say.
    await expectWhole(stage, subject)
  })

  test('in a transaction between two statements: nothing of it was saved', async () => {
    const { adapter, prisma } = await stage.openPrisma(POOL)
    const error = await failureOf(
      prisma.$transaction(async (tx) => {
        await tx.log.create({ data: { text: 'lost' } })
        stage.proxy[how]()
        await tx.log.create({ data: { text: 'never' } })
      }),
    )
    expect(error).toMatchObject({ code: 'P1017' })
    await expectWhole(stage, adapter.pool)
    expect(await prisma.log.count()).toBe(0)
  })
})

describe('a cut within a message', () => {
  // Within a header and between it and its body, between two messages, and within the last one.
  test.each([1, 4, 5, 6, 20, 60, 100])(
    'of an answer, after %i bytes: the call fails, and is not run again',
    async (count) => {
      const { adapter, prisma } = await stage.openPrisma(ONE)
      stage.proxy.cutAfterBytes(count, 'toClient')
      const error = await knownErrorOf(prisma.user.create({ data: { email: 'once@example.com' } }))
      expect(error.code).toBe('P1017')
      expect(await prisma.user.findMany({ select: { email: true } })).toEqual([{ email: 'once@example.com' }])
      await expectWhole(stage, adapter.pool)
    },
  )

  test.each([1, 5, 30])(
    'of a statement, after %i bytes: the call fails, and the server has not run it',
    async (count) => {
      const { adapter, prisma } = await stage.openPrisma(ONE)
      stage.proxy.cutAfterBytes(count, 'toServer')
      const error = await knownErrorOf(prisma.user.create({ data: { email: 'never@example.com' } }))
      expect(error.code).toBe('P1017')
      expect(await prisma.user.count()).toBe(0)
      await expectWhole(stage, adapter.pool)
    },
  )

  test('of a long answer, most of which has arrived', async () => {
    const subject = await stage.open(ONE)
    stage.proxy.cutAfterBytes(900_000, 'toClient')
    const answer = subject.use((client) => client.query(`SELECT repeat('x', 1000000)`))
    expect((await failureOf(answer)).message).toMatch(/ECONNRESET|Connection terminated/)
    await expectWhole(stage, subject)
  })

  test.each<['toClient' | 'toServer', number, number]>([
    ['toClient', 3, 1],
    ['toServer', 3, 0],
  ])('of a COMMIT, %s: its outcome is said to be unknown', async (direction, count, rows) => {
    const { adapter, prisma } = await stage.openPrisma(ONE)
    const error = await failureOf(
      prisma.$transaction(async (tx) => {
        await tx.log.create({ data: { text: 'who knows' } })
        stage.proxy.cutAfterBytes(count, direction)
      }),
    )
    expect(error).toMatchObject({
      code: 'P1017',
      message: expect.stringContaining('it is not known whether the transaction was committed'),
    })
    expect(await prisma.log.count()).toBe(rows)
    await expectWhole(stage, adapter.pool)
  })

  test.each([1, 9, 24, 150, 400])(
    'of the handshake, after %i bytes: another attempt is made',
    async (count) => {
      const subject = await stage.open({ ...ONE, minSize: 0 })
      stage.proxy.cutAfterBytes(count, 'toClient')
      await subject.use(pidOf)
      expect(subject.pool.getStats()).toMatchObject({ connectionsErrors: 1, requestsErrors: 0 })
      await expectWhole(stage, subject)
    },
  )
})

describe('a port that is closed', () => {
  test('a pool opens as soon as somebody listens there', async () => {
    stage.proxy.refuse()
    const opening = stage.open(POOL)
    await stage.proxy.listen()
    const subject = await opening
    await expectWhole(stage, subject)
  })

  test('while every connection is cut: requests wait, those with little time are told why', async () => {
    const subject = await stage.open(POOL)
    await rest()
    stage.proxy.refuse()
    stage.proxy.cut()
    const waiting = Promise.all(Array.from({ length: 10 }, () => subject.use(pidOf)))
    await expectRefused(subject, { code: 'POOL_TIMEOUT', cause: { code: 'ECONNREFUSED' } })
    await eventually(() => expect(subject.pool.getStats().connectionsErrors).toBeGreaterThan(3))
    await stage.proxy.listen()
    await waiting
    await expectWhole(stage, subject)
  })

  test('at the first statement of a transaction: none that comes behind it is saved by itself', async () => {
    const { prisma, adapter } = await stage.openPrisma({ ...ONE, timeout: '1s' })
    const refused = knownErrorOf(
      prisma.$transaction(async (tx) => {
        await rest()
        stage.proxy.refuse()
        stage.proxy.cut()
        expect(await knownErrorOf(tx.log.create({ data: { text: 'first' } }))).toMatchObject({
          code: 'P1001',
        })
        // The first has found no other connection; the second would find one.
        await stage.proxy.listen()
        await tx.log.create({ data: { text: 'second' } })
      }),
    )
    expect((await refused).message).toMatch(/it did not begin/)
    expect(await stage.database.query('SELECT FROM "Log"')).toEqual([])
    await expectWhole(stage, adapter.pool)
  })
})
