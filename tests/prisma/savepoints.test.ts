// Savepoints that the application makes by raw SQL, as nestjs-cls nests transactions, with and without autosave.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { RealPoolAdapter } from 'prisma-pg-real-pool'
import type { Prisma, PrismaClient } from '../generated/prisma/client.js'
import { createWorld, errorOf, expectAtRest, log, logged, type World } from './support.js'

type Tx = Prisma.TransactionClient

let world: World

beforeAll(async () => {
  world = await createWorld()
})

afterAll(() => world.close())

beforeEach(() => world.empty())

const raw = (tx: Tx, text: string) => tx.$executeRawUnsafe(text)
const fail = (tx: Tx) => errorOf(tx.$queryRaw`SELECT 1 / 0`)

describe.each(['never', 'always'] as const)('with autosave: %s', (autosave) => {
  let adapter: RealPoolAdapter
  let prisma: PrismaClient

  beforeAll(() => {
    ;({ adapter, prisma } = world.open({ minSize: 1, maxSize: 1 }, { transaction: { autosave } }))
  })

  afterAll(() => world.leave())

  afterEach(async () => {
    await expectAtRest(world, adapter, 1)
    expect(adapter.pool.getStats().returnsBad).toBe(0)
  })

  /** The texts that a transaction saves. */
  async function saves(work: (tx: Tx) => Promise<unknown>): Promise<string[]> {
    await prisma.$transaction(work)
    return logged(world)
  }

  test('a raw SAVEPOINT survives the statements behind it, and RELEASE ends it', async () => {
    const texts = await saves(async (tx) => {
      await log(tx, 'before')
      await raw(tx, 'SAVEPOINT mine')
      await log(tx, 'a')
      await log(tx, 'b')
      await raw(tx, 'RELEASE SAVEPOINT mine')
      await log(tx, 'after')
    })
    expect(texts).toEqual(['before', 'a', 'b', 'after'])
  })

  test('ROLLBACK TO a raw SAVEPOINT undoes what is behind it, as often as wanted', async () => {
    const texts = await saves(async (tx) => {
      await raw(tx, 'SAVEPOINT mine')
      await log(tx, 'undone')
      await log(tx, 'undone too')
      await raw(tx, '/* back */ rollback to mine')
      await log(tx, 'undone again')
      await raw(tx, 'ROLLBACK WORK TO SAVEPOINT mine')
      await log(tx, 'kept')
      await raw(tx, 'RELEASE mine')
    })
    expect(texts).toEqual(['kept'])
  })

  test('ROLLBACK TO a raw SAVEPOINT makes the transaction usable after a failure, and COMMIT saves the rest', async () => {
    const texts = await saves(async (tx) => {
      await log(tx, 'before')
      await raw(tx, 'SAVEPOINT mine')
      await log(tx, 'undone')
      await fail(tx)
      await raw(tx, 'ROLLBACK TO SAVEPOINT mine')
      await raw(tx, 'RELEASE SAVEPOINT mine')
      await log(tx, 'after')
    })
    expect(texts).toEqual(['before', 'after'])
  })

  test('raw savepoints nest, and go back one by one', async () => {
    const texts = await saves(async (tx) => {
      await raw(tx, 'SAVEPOINT "one"')
      await log(tx, 'a')
      await raw(tx, 'SAVEPOINT two')
      await log(tx, 'b')
      await raw(tx, 'SAVEPOINT two')
      await log(tx, 'c')
      await fail(tx)
      await raw(tx, 'ROLLBACK TO two')
      await raw(tx, 'RELEASE two')
      await log(tx, 'd')
      await raw(tx, 'ROLLBACK TO two')
      await raw(tx, 'RELEASE two')
      await log(tx, 'e')
      await raw(tx, 'RELEASE one')
    })
    expect(texts).toEqual(['a', 'e'])
  })

  test('raw savepoints and nested transactions of Prisma go together', async () => {
    const texts = await saves(async (tx) => {
      await raw(tx, 'SAVEPOINT mine')
      await tx.$transaction(async (nested) => {
        await log(nested, 'a')
        await raw(nested, 'SAVEPOINT deep')
        await log(nested, 'undone')
        await fail(nested)
        await raw(nested, 'ROLLBACK TO deep')
        await log(nested, 'b')
      })
      await errorOf(
        tx.$transaction(async (nested) => {
          await raw(nested, 'SAVEPOINT deep')
          await log(nested, 'undone')
          throw new RangeError('mine')
        }),
      )
      await raw(tx, 'RELEASE mine')
      await log(tx, 'c')
    })
    expect(texts).toEqual(['a', 'b', 'c'])
  })

  test('a thousand raw savepoints that are released leave no savepoint behind', async () => {
    const level = await prisma.$transaction(
      async (tx) => {
        for (let index = 0; index < 1_000; index++) {
          await raw(tx, 'SAVEPOINT mine')
          await raw(tx, 'RELEASE SAVEPOINT mine')
        }
        // PostgreSQL refuses that inside of any savepoint.
        await raw(tx, 'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE')
        return tx.$queryRaw`SHOW transaction_isolation`
      },
      { timeout: 20_000 },
    )
    expect(level).toEqual([{ transaction_isolation: 'serializable' }])
  })

  test('ROLLBACK TO an unknown savepoint fails the transaction, but with autosave only the call', async () => {
    const work = prisma.$transaction(async (tx) => {
      await log(tx, 'a')
      await errorOf(raw(tx, 'ROLLBACK TO SAVEPOINT nobody'))
      await errorOf(raw(tx, 'RELEASE SAVEPOINT nobody'))
      if (autosave === 'always') await log(tx, 'b')
    })
    if (autosave === 'always') await work
    else expect((await errorOf(work)).message).toContain('nothing of it was saved')
    expect(await logged(world)).toEqual(autosave === 'always' ? ['a', 'b'] : [])
  })
})

describe('a statement whose row could not be read is not saved', () => {
  let prisma: PrismaClient

  beforeAll(() => {
    ;({ prisma } = world.open({ minSize: 1, maxSize: 1 }))
  })

  afterAll(() => world.leave())

  const unreadable = (tx: Tx) =>
    errorOf(
      tx.$queryRaw`INSERT INTO "Log" ("text") VALUES ('unread') RETURNING '294276-01-01'::timestamptz AS at`,
    )

  test.each<[string, (tx: Tx) => Promise<unknown>]>([
    [
      'by going back to a raw SAVEPOINT behind it',
      async (tx) => {
        await raw(tx, 'SAVEPOINT mine')
        await unreadable(tx)
        await raw(tx, 'SAVEPOINT "mine"')
        await log(tx, 'undone')
        await raw(tx, 'ROLLBACK TO mine')
      },
    ],
    [
      'by going back to a SAVEPOINT whose name is not read',
      async (tx) => {
        await unreadable(tx)
        await raw(tx, 'SAVEPOINT U&"mine"')
        await raw(tx, 'ROLLBACK TO U&"mine"')
      },
    ],
    [
      'by a nested transaction behind it',
      async (tx) => {
        await unreadable(tx)
        await errorOf(
          tx.$transaction(async (nested) => {
            await log(nested, 'undone')
            throw new RangeError('mine')
          }),
        )
      },
    ],
  ])('%s', async (_name, work) => {
    expect((await errorOf(prisma.$transaction(work))).message).toContain('nothing of it was saved')
    expect(await logged(world)).toEqual([])
  })

  test('but statements after ROLLBACK TO a savepoint before it are', async () => {
    await prisma.$transaction(async (tx) => {
      await raw(tx, 'SAVEPOINT mine')
      await unreadable(tx)
      await raw(tx, 'SAVEPOINT other')
      await raw(tx, 'ROLLBACK TO SAVEPOINT mine')
      await log(tx, 'saved')
    })
    expect(await logged(world)).toEqual(['saved'])
  })
})

test('with autosave, failures inside a raw SAVEPOINT are undone alone, and what is around them is saved', async () => {
  const { prisma } = world.open({ minSize: 1, maxSize: 1 }, { transaction: { autosave: 'always' } })
  await prisma.$transaction(async (tx) => {
    await fail(tx)
    await raw(tx, 'SAVEPOINT mine')
    await fail(tx)
    await log(tx, 'a')
    await fail(tx)
    await fail(tx)
    await log(tx, 'b')
    await fail(tx)
    await raw(tx, 'RELEASE SAVEPOINT mine')
    await fail(tx)
    await raw(tx, 'SAVEPOINT mine')
    await log(tx, 'undone')
    await fail(tx)
    await raw(tx, 'ROLLBACK TO SAVEPOINT mine')
    await fail(tx)
  })
  expect(await logged(world)).toEqual(['a', 'b'])
})
