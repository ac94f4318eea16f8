// `transaction.autosave: 'always'`: an error that is caught leaves the transaction as it was before.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { RealPoolAdapter } from 'prisma-pg-real-pool'
import type { PrismaClient } from '../generated/prisma/client.js'
import { createWorld, errorOf, expectAtRest, knownErrorOf, type World } from './support.js'

let world: World
let adapter: RealPoolAdapter
let prisma: PrismaClient

beforeAll(async () => {
  world = await createWorld()
  ;({ adapter, prisma } = world.open({ minSize: 1, maxSize: 1 }, { transaction: { autosave: 'always' } }))
})

afterAll(() => world.close())

beforeEach(() => world.empty())

afterEach(async () => {
  await expectAtRest(world, adapter, 1)
  expect(adapter.pool.getStats().returnsBad).toBe(0)
})

const user = (name: string) => ({ email: `${name}@example.com` })

async function emails(): Promise<string[]> {
  const rows = await world.database.query<{ email: string }>('SELECT "email" FROM "User" ORDER BY "id"')
  return rows.map(({ email }) => email)
}

test('an error that the callback catches leaves the transaction usable, and the rest is saved', async () => {
  await prisma.$transaction(async (tx) => {
    await tx.user.create({ data: user('a') })
    expect(await knownErrorOf(tx.user.create({ data: user('a') }))).toMatchObject({ code: 'P2002' })
    await errorOf(tx.$queryRaw`SELECT 1 / 0`)
    expect(await tx.user.count()).toBe(1)
    await tx.user.create({ data: user('b') })
  })
  expect(await emails()).toEqual(['a@example.com', 'b@example.com'])
})

test('also when the last statement was the one that failed, and when the first was', async () => {
  await prisma.$transaction(async (tx) => {
    await errorOf(tx.$queryRaw`SELECT 1 / 0`)
    await tx.user.create({ data: user('a') })
    await errorOf(tx.$queryRaw`SELECT 1 / 0`)
  })
  expect(await emails()).toEqual(['a@example.com'])
})

test('an error that the callback does not catch rolls everything back', async () => {
  await errorOf(
    prisma.$transaction(async (tx) => {
      await tx.user.create({ data: user('a') })
      await tx.$queryRaw`SELECT 1 / 0`
    }),
  )
  expect(await emails()).toEqual([])
})

test('nested transactions go back to their own beginning, whatever failed inside and was caught', async () => {
  await prisma.$transaction(async (tx) => {
    await tx.user.create({ data: user('a') })
    await errorOf(
      tx.$transaction(async (nested) => {
        await nested.user.create({ data: user('b') })
        await errorOf(nested.user.create({ data: user('b') }))
        await nested.user.create({ data: user('c') })
        throw new RangeError('mine')
      }),
    )
    await tx.$transaction(async (nested) => {
      await errorOf(nested.user.create({ data: user('a') }))
      await nested.user.create({ data: user('d') })
      await errorOf(nested.user.create({ data: user('d') }))
    })
    await tx.user.create({ data: user('e') })
  })
  expect(await emails()).toEqual(['a', 'd', 'e'].map((name) => `${name}@example.com`))
})

test('a hundred statements leave no pile of savepoints: the last one is undone as quickly as the first', async () => {
  await prisma.$transaction(async (tx) => {
    for (let index = 0; index < 100; index++) {
      await tx.user.create({ data: user(String(index)) })
      if (index % 10 === 0) await errorOf(tx.user.create({ data: user('0') }))
    }
    // One savepoint at a time: going back to the autosave twice finds only the latest.
    await tx.$executeRawUnsafe('ROLLBACK TO SAVEPOINT real_pool_autosave')
  })
  expect(await emails()).toHaveLength(100)
})
