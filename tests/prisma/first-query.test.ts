// `transaction.acquire: 'first-query'`: a transaction holds nothing before its first statement.
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { RealPoolAdapter } from 'prisma-pg-real-pool'
import type { PrismaClient } from '../generated/prisma/client.js'
import { eventually } from '../support/eventually.js'
import { createWorld, errorOf, expectAtRest, gate, knownErrorOf, statesOf, type World } from './support.js'

let world: World
let adapter: RealPoolAdapter
let prisma: PrismaClient

beforeAll(async () => {
  world = await createWorld()
  ;({ adapter, prisma } = world.open({ minSize: 1, maxSize: 1 }, { transaction: { acquire: 'first-query' } }))
  await adapter.pool.open({ wait: true })
})

afterAll(() => world.close())

beforeEach(() => world.empty())

test('what comes before the first statement holds no connection', async () => {
  const begun = gate()
  const transaction = prisma.$transaction(async (tx) => {
    await begun.opened
    return tx.user.count()
  })
  // The only connection serves others meanwhile.
  expect(await prisma.user.count()).toBe(0)
  await expectAtRest(world, adapter, 1)
  begun.open()
  expect(await transaction).toBe(0)
})

test('from the first statement to the end it does', async () => {
  await prisma.$transaction(async (tx) => {
    await tx.log.create({ data: { text: 'a' } })
    expect(adapter.pool.getStats()).toMatchObject({ poolAvailable: 0 })
    expect(await statesOf(world)).toEqual(['idle in transaction'])
  })
  await expectAtRest(world, adapter, 1)
  expect(await prisma.log.count()).toBe(1)
})

test('a timeout while the first statement waits for a connection gives the place in the queue up', async () => {
  const lease = await adapter.pool.acquire()
  const transaction = prisma.$transaction((tx) => tx.user.count(), { timeout: 1_000 })
  await eventually(() => expect(adapter.pool.getStats().requestsWaiting).toBe(1))
  expect((await knownErrorOf(transaction)).code).toBe('P2028')
  await eventually(() => expect(adapter.pool.getStats().requestsWaiting).toBe(0))
  await lease.release()
  await expectAtRest(world, adapter, 1)
})

test('the failure to get a connection is told by the statement that wanted it, and nothing is saved', async () => {
  const opened = world.open({ maxSize: 1, timeout: '100ms' }, { transaction: { acquire: 'first-query' } })
  await opened.adapter.pool.open()
  const lease = await opened.adapter.pool.acquire({ timeout: '20s' })
  expect(await knownErrorOf(opened.prisma.$transaction((tx) => tx.user.count()))).toMatchObject({
    code: 'P2037',
  })
  const caught = opened.prisma.$transaction(async (tx) => {
    await errorOf(tx.log.create({ data: { text: 'a' } }))
  })
  expect((await errorOf(caught)).message).toContain('nothing of it was saved')
  await lease.release()
  expect(await prisma.log.count()).toBe(0)
})
