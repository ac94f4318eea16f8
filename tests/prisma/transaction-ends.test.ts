// How a transaction ends when something else than its callback ends it, or comes behind its end.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { isSilentRollback, type RealPoolAdapter } from 'prisma-pg-real-pool'
import type { PrismaClient } from '../generated/prisma/client.js'
import { eventually } from '../support/eventually.js'
import { Proxy } from '../support/proxy.js'
import {
  createWorld,
  errorOf,
  expectAtRest,
  gate,
  hold,
  log,
  logged,
  pidOf,
  statesOf,
  type World,
} from './support.js'

let world: World
let proxy: Proxy
let adapter: RealPoolAdapter
let prisma: PrismaClient

beforeAll(async () => {
  world = await createWorld()
  proxy = await Proxy.inFrontOf(world.database.url)
})

beforeEach(async () => {
  await world.empty()
  ;({ adapter, prisma } = world.open(
    { minSize: 1, maxSize: 1, timeout: '10s' },
    { connectionString: proxy.urlOf(world.database.url) },
  ))
  await adapter.pool.open({ wait: true })
})

// Nothing is left in a transaction, whatever a test did.
afterEach(async () => {
  proxy.resume()
  await eventually(() => expectAtRest(world, adapter, 1))
  await world.leave()
})

afterAll(async () => {
  await world.close()
  proxy.close()
})

describe.each([
  ['COMMIT', 'COMMIT', ['before']],
  ['ROLLBACK', 'ROLLBACK', []],
  ['COMMIT AND CHAIN', 'COMMIT AND CHAIN', ['before']],
  ['ROLLBACK AND CHAIN', 'ROLLBACK AND CHAIN', []],
  ['/* the end */ COMMIT AND CHAIN', 'COMMIT AND CHAIN', ['before']],
  ['/* /* */ */ ROLLBACK AND CHAIN', 'ROLLBACK AND CHAIN', []],
  ['abort/**/work--\nand chain', 'abort work and chain', []],
])('a raw %s in the middle', (end, told, saved) => {
  test('does not let what comes behind it be saved by itself', async () => {
    const error = await errorOf(
      prisma.$transaction(async (tx) => {
        await log(tx, 'before')
        await tx.$executeRawUnsafe(end)
        await log(tx, 'behind')
      }),
    )
    expect(error.message).toContain(`it was ended by hand, by the statement ${told}.`)
    expect(await logged(world)).toEqual(saved)
  })

  test('is not reported as a success when nothing comes behind it', async () => {
    const error = await errorOf(
      prisma.$transaction(async (tx) => {
        await log(tx, 'before')
        await tx.$executeRawUnsafe(end)
      }),
    )
    expect(error.message).toContain(`it was ended by hand, by the statement ${told}.`)
    expect(await logged(world)).toEqual(saved)
  })
})

test('a raw BEGIN outside of $transaction is refused, and the next call is not in it', async () => {
  await errorOf(prisma.$executeRaw`BEGIN`)
  await log(prisma, 'saved by itself')
  expect(await logged(world)).toEqual(['saved by itself'])
})

describe('of statements that wait for one that fails', () => {
  const texts = [`SELECT 1`, `SELECT 1 / 0`, `INSERT INTO "Log" ("text") VALUES ('undone')`, `SELECT 2`]

  test('each says which that was', async () => {
    let results: PromiseSettledResult<unknown>[] = []
    const error = await errorOf(
      prisma.$transaction(async (tx) => {
        const calls: Promise<unknown>[] = []
        for (const text of texts) {
          calls.push(tx.$executeRawUnsafe(text).then((count) => count))
          await new Promise((resolve) => setImmediate(resolve))
        }
        results = await Promise.allSettled(calls)
      }),
    )
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'rejected'])
    for (const result of results.slice(2)) {
      const { message } = (result as PromiseRejectedResult).reason as Error
      expect(message).toContain('this statement had failed: SELECT ? / ? (division by zero)')
    }
    expect(isSilentRollback(error)).toBe(true)
    expect(await logged(world)).toEqual([])
  })

  // Prisma runs what is called in one tick by itself, and resolves what it did not run to `undefined`.
  test('and were called in one tick, none is sent, and the transaction does not report success', async () => {
    const error = await errorOf(
      prisma.$transaction((tx) => Promise.allSettled(texts.map((text) => tx.$executeRawUnsafe(text)))),
    )
    expect(error.message).toContain('this statement had failed: SELECT ? / ? (division by zero)')
    expect(isSilentRollback(error)).toBe(true)
    expect(await logged(world)).toEqual([])
  })
})

test('now() is the time of the first statement, not that of the start', async () => {
  const isLater = await prisma.$transaction(async (tx) => {
    const [before] = await world.database.query<{ now: Date }>('SELECT clock_timestamp() AS now')
    const [row] = await tx.$queryRaw<{ later: boolean }[]>`SELECT now() >= ${before!.now} AS later`
    return row?.later
  })
  expect(isLater).toBe(true)
})

test('a way to the server that has gone dark costs the connection, not the transactions to come', async () => {
  const pid = await pidOf(prisma)
  const error = await errorOf(
    prisma.$transaction(async (tx) => {
      await log(tx, 'undone')
      proxy.forget()
      tx.log.count().catch(() => {})
      throw new RangeError('mine')
    }),
  )
  expect(error).toBeInstanceOf(RangeError)
  await prisma.$transaction((tx) => log(tx, 'saved'))
  expect(await pidOf(prisma)).not.toBe(pid)
  proxy.resume()
  await eventually(async () => expect(await statesOf(world)).not.toContain('idle in transaction'))
  expect(await logged(world)).toEqual(['saved'])
})

test('the cancel of a statement that ends in the same moment never hits the next one', async () => {
  for (let round = 0; round < 20; round++) {
    // In time or too late: it ends just when its time is over.
    await prisma
      .$transaction((tx) => tx.$queryRaw`SELECT 1 AS n FROM pg_sleep(0.045)`, { timeout: 50 })
      .catch(() => {})
    expect(await prisma.$queryRaw`SELECT 1 AS n FROM pg_sleep(0.01)`).toEqual([{ n: 1 }])
  }
})

test('$disconnect settles the transactions that wait to start, and what was told is what was saved', async () => {
  const inside = gate()
  const held = hold(prisma, inside).then(
    () => 'held',
    () => undefined,
  )
  await eventually(async () => expect(await statesOf(world)).toEqual(['idle in transaction']))
  const names = ['a', 'b', 'c']
  const starting = names.map((name) =>
    prisma
      .$transaction((tx) => log(tx, name), { maxWait: 20_000 })
      .then(
        () => name,
        () => undefined,
      ),
  )
  await eventually(() => expect(adapter.pool.getStats().requestsWaiting).toBe(3))
  const gone = prisma.$disconnect()
  inside.open()
  await Promise.all([gone, held])
  const told = (await Promise.all(starting)).filter((name) => name !== undefined)
  expect(await logged(world)).toEqual(told)
  expect(await statesOf(world)).not.toContain('idle in transaction')
  // Whoever comes back finds everything as it was.
  await prisma.$transaction((tx) => log(tx, 'later'))
  expect((await logged(world)).at(-1)).toBe('later')
})
