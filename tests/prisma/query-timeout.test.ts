// `queryTimeout`: a statement has an end, whether or not the server agrees.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { isOutcomeUnknown, isSilentRollback } from 'prisma-pg-real-pool'
import { BACKEND, type OtherOptions, testUnless } from '../support/backends.js'
import { eventually } from '../support/eventually.js'
import { Proxy } from '../support/proxy.js'
import {
  createWorld,
  errorOf,
  expectAtRest,
  knownErrorOf,
  pidOf,
  slowCommits,
  warmUp,
  type World,
} from './support.js'

let world: World
let proxy: Proxy

beforeAll(async () => {
  world = await createWorld()
  proxy = await Proxy.inFrontOf(world.database.url)
})

afterEach(async () => {
  proxy.resume()
  await world.leave()
})

afterAll(async () => {
  await world.close()
  proxy.close()
})

async function open(options: OtherOptions = {}) {
  const opened = world.open({ minSize: 1, maxSize: 1 }, { queryTimeout: '300ms', ...options })
  await opened.adapter.pool.open({ wait: true })
  return opened
}

const SLEEP = `SELECT 1 AS n FROM pg_sleep(60)`

const testWhereKept = testUnless({ null: 'keeps no connection' })

describe('a statement that takes longer', () => {
  test('is cancelled at the server, fails as timed out, and its connection lives on', async () => {
    const { prisma, adapter } = await open()
    const pid = await pidOf(prisma)
    const error = await knownErrorOf(prisma.$queryRawUnsafe(SLEEP))
    expect(JSON.stringify(error.meta)).toContain('queryTimeout (300 ms)')
    await expectAtRest(world, adapter, 1)
    if (BACKEND !== 'null') expect(await pidOf(prisma)).toBe(pid)
    expect(adapter.pool.getStats().returnsBad).toBe(0)
  })

  test('in a transaction fails that, and nothing of it is saved', async () => {
    const { prisma, adapter } = await open()
    const error = await errorOf(
      prisma.$transaction(async (tx) => {
        await tx.log.create({ data: { text: 'undone' } })
        await errorOf(tx.$queryRawUnsafe(SLEEP))
      }),
    )
    expect(error.message).toContain('queryTimeout (300 ms)')
    expect(await world.database.query('SELECT FROM "Log"')).toEqual([])
    await expectAtRest(world, adapter, 1)
    expect(adapter.pool.getStats().returnsBad).toBe(0)
  })

  testWhereKept('on a way to the server that has gone dark costs its connection, not the pool', async () => {
    const { prisma, adapter } = await open({ connectionString: proxy.urlOf(world.database.url) })
    await prisma.user.count()
    proxy.forget()
    expect(await knownErrorOf(prisma.user.count())).toMatchObject({ code: 'P1008' })
    await eventually(() => expect(adapter.pool.getStats().returnsBad).toBe(1))
    expect(await prisma.user.count()).toBe(0)
    expect(adapter.pool.getStats()).toMatchObject({ requestsErrors: 0, requestsWaiting: 0 })
  })

  testWhereKept('and was a write says that its outcome is unknown, when there was no answer', async () => {
    const { prisma } = await open({ connectionString: proxy.urlOf(world.database.url) })
    await prisma.user.count()
    proxy.forget()
    expect(isOutcomeUnknown(await errorOf(prisma.log.create({ data: { text: 'written?' } })))).toBe(true)
  })
})

test('a write that query_timeout gave up, and the server did not, says that its outcome is unknown', async () => {
  await slowCommits(world, 'Log', 0.3)
  const { prisma } = await open({ queryTimeout: 0, query_timeout: 100 })
  const error = await errorOf(prisma.log.create({ data: { text: 'written' } }))
  expect(isOutcomeUnknown(error)).toBe(true)
  expect(await world.database.query(`SELECT FROM "Log" WHERE "text" = 'written'`)).toHaveLength(1)
  await prisma.$disconnect()
})

test('a COMMIT that query_timeout gave up, and the server did not, says that its outcome is unknown', async () => {
  await slowCommits(world, 'User', 0.3)
  const { prisma } = await open({ queryTimeout: 0, query_timeout: 100 })
  const error = await errorOf(prisma.$transaction((tx) => tx.user.create({ data: { email: 'saved@x' } })))
  expect(isOutcomeUnknown(error)).toBe(true)
  expect(await world.database.query(`DELETE FROM "User" RETURNING 1`)).toHaveLength(1)
  await prisma.$disconnect()
  await world.database.query('DROP TRIGGER slow ON "User"')
})

test('a COMMIT that takes longer, and is cancelled, has saved nothing, and its outcome is known', async () => {
  await slowCommits(world, 'Tag', 60)
  const { prisma } = await open()
  const create = (name: string) => prisma.tag.create({ data: { name } })
  for (const work of [
    () => prisma.$transaction((tx) => tx.tag.create({ data: { name: 'a' } })),
    () => prisma.$transaction([create('a'), create('b')]),
  ]) {
    const error = await errorOf(work())
    expect(error).toMatchObject({ code: 'P1008' })
    expect(error.message).toContain('queryTimeout (300 ms)')
    expect(isOutcomeUnknown(error)).toBe(false)
  }
  expect(await prisma.tag.count()).toBe(0)
})

testWhereKept(
  'the first statement of a transaction has no more time than others: it does not begin anew',
  async () => {
    const { prisma, adapter } = world.open(
      { minSize: 2, maxSize: 2 },
      { queryTimeout: '300ms', connectionString: proxy.urlOf(world.database.url) },
    )
    await warmUp(prisma, 2)
    const before = adapter.pool.getStats().requestsNum
    proxy.forget()
    const error = await errorOf(prisma.$transaction((tx) => tx.user.count(), { timeout: 20_000 }))
    expect(error).toMatchObject({ code: 'P1008' })
    expect(adapter.pool.getStats().requestsNum).toBe(before + 1)
  },
)

test('a statement that query_timeout gave up, and the server did not, is not saved by those around it', async () => {
  const { prisma } = await open({ queryTimeout: 0, query_timeout: 100 })
  const error = await errorOf(
    prisma.$transaction(async (tx) => {
      await tx.user.create({ data: { email: 'undone@x' } })
      await errorOf(tx.$executeRaw`INSERT INTO "User" ("email") SELECT 'given up' FROM pg_sleep(0.3)`)
    }),
  )
  expect(isSilentRollback(error)).toBe(true)
  expect(error.message).toContain('(Query read timeout)')
  expect(await world.database.query('SELECT FROM "User"')).toEqual([])
})

test('a statement that takes less is left alone, and no timer of it stays', async () => {
  const { prisma } = await open({ queryTimeout: '60s' })
  const timers = () => process.getActiveResourcesInfo().filter((type) => type === 'Timeout').length
  const before = timers()
  expect(await prisma.user.count()).toBe(0)
  expect(await prisma.$queryRawUnsafe('SELECT 1 AS n FROM pg_sleep(0.4)')).toEqual([{ n: 1 }])
  // Fewer, where one of an earlier test has ended meanwhile; more, while a connection that is not kept is closed.
  await eventually(() => expect(timers()).toBeLessThanOrEqual(before))
})
