// Many calls, few connections: what the server sees stays within the pool's size, and errors cost nothing.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { PrismaClient } from '../generated/prisma/client.js'
import { BACKEND, testUnless } from '../support/backends.js'
import { keepBusy } from '../support/busy.js'
import { eventually } from '../support/eventually.js'
import {
  createWorld,
  errorOf,
  expectAtRest,
  knownErrorOf,
  meeting,
  PATIENT,
  pidOf,
  SUBJECT,
  warmUp,
  type World,
} from './support.js'

let world: World

beforeAll(async () => {
  world = await createWorld()
})

afterAll(() => world.close())

beforeEach(() => world.empty())

afterEach(() => world.leave())

async function pidsSeen(): Promise<number[]> {
  return (await world.database.backends(SUBJECT)).map(({ pid }) => pid)
}

test('two transactions at the same time never share a connection', async () => {
  const { prisma } = world.open({ maxSize: 2 })
  const both = meeting(2)
  const transaction = () =>
    prisma.$transaction(async (tx) => {
      const first = await pidOf(tx)
      await both()
      await tx.log.create({ data: { text: String(first) } })
      expect(await pidOf(tx)).toBe(first)
      return first
    }, PATIENT)
  const pids = await Promise.all([transaction(), transaction()])
  expect(new Set(pids).size).toBe(2)
  expect(await world.database.query('SELECT count(*)::int AS n FROM "Log"')).toEqual([{ n: 2 }])
})

test.each([
  ['time left', () => () => {}],
  ['no time left', keepBusy],
])(
  'fifty transactions of a process with %s, on four connections, see only their own writes until the end',
  async (_, occupy) => {
    const { prisma } = world.open({ maxSize: 4 })
    const rest = occupy()
    await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        prisma.$transaction(async (tx) => {
          const pid = await pidOf(tx)
          await tx.log.create({ data: { text: `caller ${index}` } })
          const open = await tx.$queryRaw<{ pid: number }[]>`SELECT pg_backend_pid() AS pid, xmin FROM "Log"
            WHERE xmin::text = pg_current_xact_id()::text`
          expect(open).toMatchObject([{ pid }])
        }, PATIENT),
      ),
    ).finally(rest)
    expect(await world.database.query('SELECT count(*)::int AS n FROM "Log"')).toEqual([{ n: 50 }])
  },
)

test('1,000 calls at the same time over 5 connections all finish, and the server never sees more than 5', async () => {
  const sessionsBefore = await world.database.sessionsOpened()
  const { adapter, prisma } = world.open({ minSize: 0, maxSize: 5 })
  const kinds: ((index: number) => Promise<unknown>)[] = [
    () => prisma.user.count(),
    (index) => prisma.log.create({ data: { text: `${index}` } }),
    () => prisma.$queryRaw`SELECT pg_sleep(0.002)::text`,
    (index) =>
      prisma.$transaction(async (tx) => {
        await tx.log.create({ data: { text: `${index}` } })
        await tx.log.count()
      }, PATIENT),
    () => errorOf(prisma.$queryRaw`SELECT 1 / 0`),
  ]
  let isDone = false
  const calls = Promise.all(
    Array.from({ length: 1_000 }, (_, index) => kinds[index % kinds.length]!(index)),
  ).finally(() => {
    isDone = true
  })
  let most = 0
  let samples = 0
  while (!isDone) {
    most = Math.max(most, (await pidsSeen()).length)
    samples++
  }
  await calls

  expect(samples).toBeGreaterThan(5)
  expect(most).toBe(5)
  const sessions = (await world.database.sessionsOpened()) - sessionsBefore
  if (BACKEND !== 'null') expect(sessions).toBe(5)
  // Who waits is handed the connection of who is done.
  else expect(sessions).toBeLessThan(200)
  expect(await world.database.query('SELECT count(*)::int AS n FROM "Log"')).toEqual([{ n: 400 }])
  expect(adapter.pool.getStats().requestsErrors).toBe(0)
  await expectAtRest(world, adapter, 5)
})

describe('errors of the user cost no connection', () => {
  const testWhereKept = testUnless({ null: 'keeps no connection' })

  async function failRepeatedly(
    times: number,
    fail: (prisma: PrismaClient) => Promise<unknown>,
  ): Promise<{ codes: Set<string>; opened: number; samePids: boolean }> {
    const { prisma } = world.open({ minSize: 3, maxSize: 3 })
    await warmUp(prisma, 3)
    await prisma.user.create({ data: { email: 'taken@example.com' } })
    await eventually(async () => expect(await pidsSeen()).toHaveLength(3))
    const pidsBefore = await pidsSeen()
    const sessionsBefore = await world.database.sessionsOpened()
    const codes = new Set<string>()
    await Promise.all(
      Array.from({ length: times }, async () => codes.add((await knownErrorOf(fail(prisma))).code)),
    )
    const opened = (await world.database.sessionsOpened()) - sessionsBefore
    const samePids = JSON.stringify(await pidsSeen()) === JSON.stringify(pidsBefore)
    return { codes, opened, samePids }
  }

  testWhereKept('1,000 unique violations open no new backend', async () => {
    const result = await failRepeatedly(1_000, (prisma) =>
      prisma.user.create({ data: { email: 'taken@example.com' } }),
    )
    expect(result).toEqual({ codes: new Set(['P2002']), opened: 0, samePids: true })
    expect(await world.database.query('SELECT count(*)::int AS n FROM "User"')).toEqual([{ n: 1 }])
  })

  testWhereKept('neither do they inside transactions', async () => {
    const result = await failRepeatedly(200, (prisma) =>
      prisma.$transaction((tx) => tx.user.create({ data: { email: 'taken@example.com' } }), PATIENT),
    )
    expect(result).toEqual({ codes: new Set(['P2002']), opened: 0, samePids: true })
  })

  testWhereKept('neither do errors of syntax, of types and of arithmetic in raw queries', async () => {
    let turn = 0
    const statements = ['SELEC 1', 'SELECT 1 / 0', `SELECT 'x'::int`, 'SELECT * FROM nowhere']
    const result = await failRepeatedly(200, (prisma) =>
      prisma.$queryRawUnsafe(statements[turn++ % statements.length]!),
    )
    expect(result).toEqual({ codes: new Set(['P2010']), opened: 0, samePids: true })
  })
})
