// A transaction that runs out of time, or cannot begin in time, gives its connection back and leaves nothing.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { RealPoolAdapter } from 'prisma-pg-real-pool'
import type { PrismaClient } from '../generated/prisma/client.js'
import { eventually } from '../support/eventually.js'
import {
  createWorld,
  errorOf,
  expectAtRest,
  gate,
  hold,
  knownErrorOf,
  logged,
  statesOf,
  type World,
} from './support.js'

let world: World
let adapter: RealPoolAdapter
let prisma: PrismaClient

beforeAll(async () => {
  world = await createWorld()
  ;({ adapter, prisma } = world.open({ maxSize: 1, timeout: '10s' }))
})

afterAll(() => world.close())

beforeEach(() => world.empty())

async function expectWholeAgain(): Promise<void> {
  await eventually(() => expectAtRest(world, adapter, 1))
  expect(await prisma.log.count()).toBe(0)
}

describe('after its timeout', () => {
  test('a transaction that waits for something else has given its connection back', async () => {
    const never = gate()
    const transaction = prisma.$transaction(
      async (tx) => {
        await tx.log.create({ data: { text: 'undone' } })
        await never.opened
        await tx.log.create({ data: { text: 'too late' } })
      },
      { timeout: 1_000 },
    )
    transaction.catch(() => {})
    await eventually(async () => expect(await statesOf(world)).toEqual(['idle in transaction']))
    // While the callback still hangs.
    await expectWholeAgain()
    never.open()
    expect((await knownErrorOf(transaction)).code).toBe('P2028')
    await expectWholeAgain()
    expect(await logged(world)).toEqual([])
  })

  test('a running statement is cancelled at once, and the connection is back', async () => {
    const error = await errorOf(
      prisma.$transaction(
        async (tx) => {
          await tx.log.create({ data: { text: 'undone' } })
          await tx.$queryRaw`SELECT 1 AS n FROM pg_sleep(30)`
          await tx.log.create({ data: { text: 'too late' } })
        },
        { timeout: 100 },
      ),
    )
    expect(error.message).toMatch(/Transaction already closed: .* rolled back while it ran; it was cancelled/)
    await expectWholeAgain()
    expect(await logged(world)).toEqual([])
  })

  test('a statement that waits for a lock is cancelled at once', async () => {
    await prisma.log.create({ data: { text: 'locked' } })
    const inside = gate()
    const locked = gate()
    const { prisma: other } = world.open({ maxSize: 1 }, { application_name: 'other' })
    const holder = other.$transaction(
      async (tx) => {
        await tx.log.updateMany({ data: { text: 'held' } })
        locked.open()
        await inside.opened
      },
      { timeout: 20_000 },
    )
    await locked.opened
    await errorOf(
      prisma.$transaction((tx) => tx.log.updateMany({ data: { text: 'late' } }), { timeout: 100 }),
    )
    // It gave its connection back long before the lock is free.
    expect((await prisma.log.findFirstOrThrow()).text).toBe('locked')
    await expectAtRest(world, adapter, 1)
    inside.open()
    await holder
    expect(await logged(world)).toEqual(['held'])
  })

  test('statements that wait in its queue never reach the server', async () => {
    await world.database.query('CREATE SEQUENCE IF NOT EXISTS reached')
    // A sequence counts also what is rolled back.
    const results: Promise<PromiseSettledResult<unknown>[]>[] = []
    const transaction = prisma.$transaction(
      async (tx) => {
        // In ticks of their own: what is called in one tick, Prisma itself runs one after the other.
        const calls = [tx.$queryRaw`SELECT 1 AS n FROM pg_sleep(30)`.then((rows) => rows)]
        for (let index = 0; index < 3; index++) {
          await new Promise((resolve) => setImmediate(resolve))
          calls.push(tx.$queryRaw`SELECT nextval('reached')`.then((rows) => rows))
        }
        results.push(Promise.allSettled(calls))
        await results[0]
      },
      { timeout: 100 },
    )
    await errorOf(transaction)
    const settled = await results[0]!
    expect(settled.map(({ status }) => status)).toEqual(Array(4).fill('rejected'))
    await expectWholeAgain()
    expect(await world.database.query('SELECT is_called FROM reached')).toEqual([{ is_called: false }])
    await world.database.query('DROP SEQUENCE reached')
  })
})

describe('after its end', () => {
  test('statements of a transaction that leaked are refused, and never reach the server', async () => {
    await world.database.query('CREATE SEQUENCE IF NOT EXISTS reached')
    let leaked: Pick<PrismaClient, '$queryRaw'> | undefined
    await prisma.$transaction(async (tx) => {
      leaked = tx
      await tx.log.count()
    })
    const error = await knownErrorOf(leaked!.$queryRaw`SELECT nextval('reached')`)
    expect(error.code).toBe('P2028')
    await errorOf(
      prisma.$transaction((tx) => {
        leaked = tx
        throw new Error('rolled back')
      }),
    )
    await knownErrorOf(leaked!.$queryRaw`SELECT nextval('reached')`)
    expect(await world.database.query('SELECT is_called FROM reached')).toEqual([{ is_called: false }])
    await world.database.query('DROP SEQUENCE reached')
    await expectWholeAgain()
  })
})

describe('maxWait', () => {
  test('a transaction that gets no connection in time fails, and leaves no lease when it gets one later', async () => {
    const inside = gate()
    const holder = hold(prisma, inside)
    await eventually(async () => expect(await statesOf(world)).toEqual(['idle in transaction']))
    const error = await knownErrorOf(prisma.$transaction((tx) => tx.log.count(), { maxWait: 50 }))
    expect(error.code).toBe('P2028')
    // The request is still in the queue: Prisma cannot withdraw it.
    inside.open()
    await holder
    await expectWholeAgain()
  })
})
