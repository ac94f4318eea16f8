// One adapter is one pool, however many clients share it: open from the first to the last of them.
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import type { RealPoolAdapter } from 'prisma-pg-real-pool'
import { BACKEND, testUnless } from '../support/backends.js'
import { eventually } from '../support/eventually.js'
import { createWorld, errorOf, gate, pidOf, SUBJECT, type World } from './support.js'

let world: World

beforeAll(async () => {
  world = await createWorld()
})

afterAll(() => world.close())

afterEach(() => world.disconnect())

const testWhereOurs = testUnless({ null: 'keeps no connection', 'pg-pool': 'is not ours to open and close' })
const testWhereKept = testUnless({ null: 'keeps no connection' })

async function backends(): Promise<number> {
  return (await world.database.backends(SUBJECT)).length
}

/** The connections of a pool that is the application's own stay, but nothing runs on them. */
async function allGone(name = SUBJECT): Promise<void> {
  await eventually(async () => {
    const states = (await world.database.backends(name)).map(({ state }) => state)
    expect(states.filter((state) => BACKEND !== 'pg-pool' || state !== 'idle')).toEqual([])
  })
}

testWhereOurs('nothing connects before the first call', async () => {
  const { prisma } = world.open()
  expect(await backends()).toBe(0)
  await prisma.$connect()
  await eventually(async () => expect(await backends()).toBe(2))
  await prisma.$disconnect()
  await allGone()
})

testWhereOurs('two clients share the connections, and only the last to disconnect closes them', async () => {
  const { adapter, prisma: one } = world.open({ maxSize: 1 })
  const two = world.share(adapter)
  const pid = await pidOf(one)
  expect(await pidOf(two)).toBe(pid)

  await one.$disconnect()
  expect(await backends()).toBe(1)
  expect(await pidOf(two)).toBe(pid)

  await two.$disconnect()
  await allGone()
})

testWhereOurs('the pool opens again with the next query of either, and both use it', async () => {
  const { adapter, prisma: one } = world.open({ maxSize: 1 })
  const two = world.share(adapter)
  const sessionsBefore = await world.database.sessionsOpened()
  for (let round = 0; round < 3; round++) {
    const pid = await pidOf(one)
    expect(await pidOf(two)).toBe(pid)
    await Promise.all([one.$disconnect(), two.$disconnect()])
    await allGone()
  }
  expect((await world.database.sessionsOpened()) - sessionsBefore).toBe(3)
})

testWhereKept('disconnecting twice is harmless, also to the other client', async () => {
  const { adapter, prisma: one } = world.open({ maxSize: 1 })
  const two = world.share(adapter)
  await one.$connect()
  const pid = await pidOf(two)
  await one.$disconnect()
  await one.$disconnect()
  await Promise.all([one.$disconnect(), one.$disconnect()])
  expect(await pidOf(two)).toBe(pid)
  await two.$disconnect()
  await two.$disconnect()
  await allGone()
})

testWhereKept('an adapter whose connections are disposed of twice counts each once', async () => {
  const { adapter, prisma } = world.open({ maxSize: 1 })
  const pid = await pidOf(prisma)
  const connection = await adapter.connect()
  await connection.dispose()
  await connection.dispose()
  expect(await pidOf(prisma)).toBe(pid)
  await prisma.$disconnect()
  await allGone()
})

test('disconnecting waits for what runs', async () => {
  const { prisma } = world.open({ maxSize: 1 })
  await prisma.$connect()
  // Prisma's promises start when somebody waits for them.
  const running = prisma.$queryRaw`SELECT 'done' AS text FROM pg_sleep(1)`.then((rows) => rows)
  await eventually(async () =>
    expect(await world.database.backends(SUBJECT)).toMatchObject([{ state: 'active' }]),
  )
  await prisma.$disconnect()
  expect(await running).toEqual([{ text: 'done' }])
  await allGone()
})

test('disconnecting ends transactions that are open', async () => {
  const { prisma } = world.open({ maxSize: 1 })
  const forever = gate()
  const transaction = errorOf(
    prisma.$transaction(async (tx) => {
      await tx.log.create({ data: { text: 'undone' } })
      await forever.opened
      await tx.log.create({ data: { text: 'too late' } })
    }),
  )
  await eventually(async () =>
    expect(await world.database.backends(SUBJECT)).toMatchObject([{ state: 'idle in transaction' }]),
  )
  await prisma.$disconnect()
  await allGone()
  forever.open()
  expect(await transaction).toMatchObject({ code: 'P2028' })
  expect(await world.database.query('SELECT * FROM "Log"')).toEqual([])
})

test('two adapters are two pools', async () => {
  const adapters: RealPoolAdapter[] = []
  const pids = new Set<number>()
  for (let index = 0; index < 2; index++) {
    const { adapter, prisma } = world.open({ maxSize: 1 })
    adapters.push(adapter)
    pids.add(await pidOf(prisma))
  }
  expect(pids.size).toBe(2)
  expect(adapters[0]!.pool.getStats().name).not.toBe(adapters[1]!.pool.getStats().name)
})

test('a client that comes while the last one goes finds no more than maxSize connections on the server', async () => {
  const name = 'handover'
  const { adapter, prisma: one } = world.open({ maxSize: 2 }, { application_name: name })
  const two = world.share(adapter)
  const seen = async () => (await world.database.backends(name)).length
  const running = Promise.all([1, 2].map(() => one.$queryRaw`SELECT 1 AS n FROM pg_sleep(2)`))
  await eventually(async () => {
    const states = (await world.database.backends(name)).map(({ state }) => state)
    expect(states).toEqual(['active', 'active'])
  })
  const gone = one.$disconnect()
  let isDone = false
  const calls = Promise.all([1, 2, 3, 4].map(() => pidOf(two))).finally(() => (isDone = true))
  let most = 0
  while (!isDone) most = Math.max(most, await seen())
  expect(most).toBe(2)
  expect(await running).toEqual([[{ n: 1 }], [{ n: 1 }]])
  await Promise.all([calls, gone])
  await two.$disconnect()
  await allGone(name)
})

test('after the pool was closed for good, a client is told so', async () => {
  const { adapter, prisma } = world.open({ maxSize: 1 })
  await pidOf(prisma)
  await adapter.pool.close()
  expect(await errorOf(prisma.user.count())).toMatchObject({ code: 'P1017' })
  await prisma.$disconnect()
  expect(await errorOf(prisma.$connect())).toMatchObject({ cause: { kind: 'ConnectionClosed' } })
})
