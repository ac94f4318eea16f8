// A connection is held for exactly as long as a call, or a transaction, runs. Shown with a pool of one
// connection, where a connection kept too long would make the next call wait for ever.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { RealPoolAdapter } from 'prisma-pg-real-pool'
import type { PrismaClient } from '../generated/prisma/client.js'
import { BACKEND, testUnless } from '../support/backends.js'
import { eventually } from '../support/eventually.js'
import {
  createWorld,
  errorOf,
  expectAtRest,
  gate,
  hold,
  knownErrorOf,
  pidOf,
  statesOf,
  SUBJECT,
  type World,
} from './support.js'

let world: World
let adapter: RealPoolAdapter
let prisma: PrismaClient
let other: PrismaClient
let thePid: number

beforeAll(async () => {
  world = await createWorld()
  ;({ adapter, prisma } = world.open({ maxSize: 1, timeout: '5s' }))
  other = world.share(adapter)
  thePid = await pidOf(prisma)
})

afterAll(() => world.close())

beforeEach(async () => {
  await world.empty()
  await prisma.user.create({ data: { email: 'taken@example.com' } })
})

function expectNothingHeld(): Promise<void> {
  return expectAtRest(world, adapter, 1)
}

/** Another client gets the connection; where connections are kept, the one that there ever was. */
async function expectTheConnectionToBeFree(): Promise<void> {
  const pid = await pidOf(other)
  if (BACKEND !== 'null') expect(pid).toBe(thePid)
}

// Whatever a test did: one idle connection, the same as ever, and another client gets it.
afterEach(async () => {
  await expectNothingHeld()
  await expectTheConnectionToBeFree()
})

describe('between two calls nothing is held', () => {
  const calls: Record<string, (client: PrismaClient) => Promise<unknown>> = {
    findMany: (client) => client.user.findMany(),
    count: (client) => client.user.count(),
    create: (client) => client.user.create({ data: { email: 'new@example.com' } }),
    'a nested create': (client) =>
      client.user.create({ data: { email: 'new@example.com', posts: { create: [{ title: 'a' }] } } }),
    createMany: (client) => client.log.createMany({ data: [{ text: 'a' }, { text: 'b' }] }),
    updateMany: (client) => client.user.updateMany({ data: { name: 'x' } }),
    upsert: (client) =>
      client.user.upsert({ where: { email: 'taken@example.com' }, create: { email: 'x' }, update: {} }),
    $queryRaw: (client) => client.$queryRaw`SELECT 1`,
    $executeRaw: (client) => client.$executeRaw`UPDATE "User" SET "name" = 'y'`,
    'a batch transaction': (client) => client.$transaction([client.user.count(), client.post.count()]),
    'an interactive transaction': (client) => client.$transaction((tx) => tx.user.count()),
  }

  for (const [name, call] of Object.entries(calls)) {
    test(`after ${name}, for either client`, async () => {
      await call(prisma)
      await expectNothingHeld()
      await world.database.query(`DELETE FROM "Post"; DELETE FROM "User" WHERE "email" = 'new@example.com'`)
      await call(other)
      await expectNothingHeld()
    })
  }

  test('after a failed query', async () => {
    await knownErrorOf(prisma.user.create({ data: { email: 'taken@example.com' } }))
    await expectNothingHeld()
  })

  test('after a failed raw query', async () => {
    await knownErrorOf(prisma.$queryRaw`SELECT 1 / 0`)
    await expectNothingHeld()
    await knownErrorOf(prisma.$queryRaw`SELECT * FROM nowhere`)
    await expectNothingHeld()
  })

  test('after a failed batch', async () => {
    await knownErrorOf(
      prisma.$transaction([
        prisma.log.create({ data: { text: 'rolled back' } }),
        prisma.user.create({ data: { email: 'taken@example.com' } }),
      ]),
    )
    await expectNothingHeld()
    expect(await world.database.query('SELECT * FROM "Log"')).toEqual([])
  })

  test('while the caller does other work', async () => {
    for (let round = 0; round < 3; round++) {
      await prisma.user.findMany()
      // As long as this "other work" takes, the only connection serves somebody else.
      await expectTheConnectionToBeFree()
    }
  })
})

describe('a transaction holds its connection from its first to its last statement', () => {
  test('and through its savepoints, while others wait', async () => {
    const order: string[] = []
    let waiting: Promise<number> | undefined
    await prisma.$transaction(async (tx) => {
      const pid = await pidOf(tx)
      waiting = other.user.count()
      void waiting.then(() => order.push('other'))
      await eventually(() => expect(adapter.pool.getStats().requestsWaiting).toBe(1))
      expect(await statesOf(world)).toEqual(['idle in transaction'])

      await tx.$transaction(async (nested) => {
        expect(await pidOf(nested)).toBe(pid)
        await nested.$transaction(async (deeper) => expect(await pidOf(deeper)).toBe(pid))
        await nested.log.create({ data: { text: 'nested' } })
      })
      await errorOf(
        tx.$transaction(async (nested) => {
          await nested.log.create({ data: { text: 'undone' } })
          throw new Error('only the nested one')
        }),
      )
      expect(adapter.pool.getStats()).toMatchObject({ poolAvailable: 0, requestsWaiting: 1 })
      expect(await pidOf(tx)).toBe(pid)
      order.push('transaction')
    })
    expect(await waiting).toBe(1)
    expect(order).toEqual(['transaction', 'other'])
    expect(await world.database.query('SELECT "text" FROM "Log"')).toEqual([{ text: 'nested' }])
  })

  test('and gives it back after a commit', async () => {
    await prisma.$transaction(async (tx) => {
      await tx.log.create({ data: { text: 'kept' } })
      expect(await world.database.query('SELECT * FROM "Log"')).toEqual([])
    })
    await expectNothingHeld()
    expect(await world.database.query('SELECT "text" FROM "Log"')).toEqual([{ text: 'kept' }])
  })

  test('and gives it back after a rollback because the callback throws', async () => {
    const error = await errorOf(
      prisma.$transaction(async (tx) => {
        await tx.log.create({ data: { text: 'undone' } })
        throw new RangeError('changed my mind')
      }),
    )
    await expectNothingHeld()
    expect(error).toBeInstanceOf(RangeError)
    expect(await world.database.query('SELECT * FROM "Log"')).toEqual([])
  })

  test('and gives it back after an error of a statement inside', async () => {
    const error = await knownErrorOf(
      prisma.$transaction(async (tx) => {
        await tx.log.create({ data: { text: 'undone' } })
        await tx.user.create({ data: { email: 'taken@example.com' } })
      }),
    )
    await expectNothingHeld()
    expect(error.code).toBe('P2002')
    expect(await world.database.query('SELECT * FROM "Log"')).toEqual([])
  })

  test('and gives it back when COMMIT itself fails', async () => {
    const error = await errorOf(
      prisma.$transaction(async (tx) => {
        await tx.log.create({ data: { text: 'undone' } })
        await tx.deferred.create({ data: { id: 1, userId: -1 } })
      }),
    )
    await expectNothingHeld()
    // Prisma maps the errors of statements, not that of a COMMIT: it arrives as the adapter threw it.
    expect(error).toMatchObject({
      name: 'DriverAdapterError',
      cause: {
        kind: 'ForeignKeyConstraintViolation',
        constraint: { index: 'Deferred_userId_fkey' },
        originalCode: '23503',
      },
    })
    expect(await world.database.query('SELECT * FROM "Log"')).toEqual([])
  })

  test('and gives it back after a transaction that never runs a statement', async () => {
    await prisma.$transaction(() => Promise.resolve())
    await expectNothingHeld()
  })

  test('and gives it back when a nested transaction fails and nobody catches that', async () => {
    await errorOf(
      prisma.$transaction((tx) =>
        tx.$transaction((nested) => nested.user.create({ data: { email: 'taken@example.com' } })),
      ),
    )
    await expectNothingHeld()
  })
})

test('a client waits for the connection, and gets it in the order of asking', async () => {
  const inside = gate()
  const order: number[] = []
  const transaction = hold(prisma, inside)
  await eventually(async () => expect(await statesOf(world)).toEqual(['idle in transaction']))
  const callers = Array.from({ length: 5 }, async (_, index) => {
    await (index % 2 ? prisma : other).user.count()
    order.push(index)
  })
  await eventually(() => expect(adapter.pool.getStats().requestsWaiting).toBe(5))
  inside.open()
  await Promise.all([transaction, ...callers])
  expect(order).toEqual([0, 1, 2, 3, 4])
})

testUnless({ null: 'keeps no connection' })('the connection outlives everything above', async () => {
  const backends = await world.database.backends(SUBJECT)
  expect(backends.map(({ pid }) => pid)).toEqual([thePid])
})
