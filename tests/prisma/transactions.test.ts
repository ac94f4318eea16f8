// $transaction: batches, nested transactions, the order of statements, and what becomes of a statement's failure.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { RealPoolAdapter } from 'prisma-pg-real-pool'
import type { Prisma, PrismaClient } from '../generated/prisma/client.js'
import {
  collectWarnings,
  createWorld,
  errorOf,
  expectAtRest,
  knownErrorOf,
  log,
  logged,
  pidOf,
  type World,
} from './support.js'

let world: World
let adapter: RealPoolAdapter
let prisma: PrismaClient
const watch = collectWarnings()

beforeAll(async () => {
  world = await createWorld()
  ;({ adapter, prisma } = world.open({ minSize: 2, maxSize: 2 }))
  await adapter.pool.open({ wait: true })
})

afterAll(async () => {
  await world.close()
  watch.stop()
})

beforeEach(() => world.empty())

afterEach(async () => {
  await expectAtRest(world, adapter, 2)
  expect(watch.warnings).toEqual([])
})

describe('a batch', () => {
  test('answers in order, and runs as one transaction on one connection', async () => {
    const pid = () => prisma.$queryRaw<{ pid: number; xid: string }[]>`
      SELECT pg_backend_pid() AS pid, pg_current_xact_id()::text AS xid`
    const [first, made, count, last] = await prisma.$transaction([
      pid(),
      prisma.log.create({ data: { text: 'a' } }),
      prisma.log.count(),
      pid(),
    ])
    expect(made.text).toBe('a')
    expect(count).toBe(1)
    expect(last).toEqual(first)
  })

  test('is rolled back as a whole when one fails', async () => {
    await knownErrorOf(
      prisma.$transaction([
        prisma.log.create({ data: { text: 'a' } }),
        prisma.$executeRaw`SELECT 1 / 0`,
        prisma.log.create({ data: { text: 'b' } }),
      ]),
    )
    expect(await logged(world)).toEqual([])
  })

  test('takes an isolation level', async () => {
    // Of a batch of one, Prisma makes no transaction.
    const [, rows] = await prisma.$transaction(
      [prisma.log.count(), prisma.$queryRaw`SHOW transaction_isolation`],
      { isolationLevel: 'RepeatableRead' },
    )
    expect(rows).toEqual([{ transaction_isolation: 'repeatable read' }])
  })
})

describe('a nested transaction', () => {
  test('that fails rolls back only itself, and the rest is saved', async () => {
    await prisma.$transaction(async (tx) => {
      await log(tx, 'before')
      const error = await knownErrorOf(
        tx.$transaction(async (nested) => {
          await log(nested, 'undone')
          await nested.user.create({ data: { email: 'a@x' } })
          await nested.user.create({ data: { email: 'a@x' } })
        }),
      )
      expect(error.code).toBe('P2002')
      await log(tx, 'after')
      await tx.$transaction(async (nested) => {
        await log(nested, 'kept')
        await errorOf(
          nested.$transaction(async (deeper) => {
            await log(deeper, 'undone too')
            throw new Error('changed my mind')
          }),
        )
      })
    })
    expect(await logged(world)).toEqual(['before', 'after', 'kept'])
  })

  test('that succeeds goes down with the one around it', async () => {
    await errorOf(
      prisma.$transaction(async (tx) => {
        await tx.$transaction((nested) => log(nested, 'released'))
        throw new Error('all of it')
      }),
    )
    expect(await logged(world)).toEqual([])
  })

  test('ten levels deep', async () => {
    const descend = async (tx: Prisma.TransactionClient, depth: number): Promise<void> => {
      await log(tx, `level ${depth}`)
      if (depth < 10) await tx.$transaction((nested) => descend(nested, depth + 1))
    }
    await prisma.$transaction((tx) => descend(tx, 1))
    expect(await logged(world)).toHaveLength(10)
  })
})

describe('statements called together inside one transaction', () => {
  test('run in the order of their calls, on its one connection, without a warning', async () => {
    const texts = Array.from({ length: 50 }, (_, index) => `${index}`)
    const pids = await prisma.$transaction(async (tx) => {
      const made = await Promise.all(texts.map((text) => log(tx, text)))
      expect(made.map(({ text }) => text)).toEqual(texts)
      return Promise.all(texts.slice(0, 10).map(() => pidOf(tx)))
    })
    expect(new Set(pids).size).toBe(1)
    expect(await logged(world)).toEqual(texts)
    // Node reports warnings and deprecations a tick later.
    await new Promise((resolve) => setImmediate(resolve))
    expect(watch.warnings).toEqual([])
  })

  test('that are slow first and quick later do not overtake each other', async () => {
    await prisma.$transaction((tx) =>
      Promise.all([
        tx.$executeRaw`INSERT INTO "Log" ("text") SELECT 'slow' FROM pg_sleep(0.05)`,
        log(tx, 'quick'),
      ]),
    )
    expect(await logged(world)).toEqual(['slow', 'quick'])
  })

  test('the first failure fails the transaction, after the others have been answered', async () => {
    const error = await knownErrorOf(
      prisma.$transaction(async (tx) => {
        await Promise.all([log(tx, 'a'), tx.$executeRaw`SELECT 1 / 0`, log(tx, 'b'), log(tx, 'c')])
      }),
    )
    expect(error.message).toContain('22012')
    expect(await logged(world)).toEqual([])
  })

  test('also of a batch inside Promise.all with other transactions', async () => {
    await Promise.all(
      ['x', 'y', 'z'].map((name) =>
        prisma.$transaction(async (tx) => {
          await Promise.all([1, 2, 3].map((index) => log(tx, `${name}${index}`)))
        }),
      ),
    )
    const texts = await logged(world)
    for (const name of ['x', 'y', 'z']) {
      expect(texts.filter((text) => text.startsWith(name))).toEqual([`${name}1`, `${name}2`, `${name}3`])
    }
  })
})

describe('a transaction whose statement failed, and whose caller caught the error', () => {
  test('does not report success, and says why', async () => {
    await prisma.user.create({ data: { email: 'taken@x' } })
    const error = await errorOf(
      prisma.$transaction(async (tx) => {
        await log(tx, 'lost')
        await errorOf(tx.user.create({ data: { email: 'taken@x' } }))
        return 'success'
      }),
    )
    expect(error.message).toMatch(/rolled back, not committed/)
    expect(error).toMatchObject({ cause: { originalCode: '25P02' } })
    expect(await logged(world)).toEqual([])
  })

  test('has its later statements refused by the server', async () => {
    const error = await errorOf(
      prisma.$transaction(async (tx) => {
        await errorOf(tx.$executeRaw`SELECT 1 / 0`)
        await log(tx, 'never')
      }),
    )
    expect(error.message).toContain('25P02')
    // Which of them had failed, and why, is not for the reader to find out.
    expect(error.message).toContain('this statement had failed: SELECT ? / ? (division by zero)')
    expect(await logged(world)).toEqual([])
  })

  test('does not report success of a nested one either', async () => {
    let nested: Promise<unknown> | undefined
    await errorOf(
      prisma.$transaction(async (tx) => {
        await log(tx, 'lost')
        nested = tx.$transaction((inner) => errorOf(inner.$executeRaw`SELECT 1 / 0`))
        await nested
      }),
    )
    expect((await errorOf(nested!)).message).toContain('this statement had failed: SELECT ? / ?')
    expect(await logged(world)).toEqual([])
  })

  test('succeeds when the failure was inside a nested transaction', async () => {
    await prisma.$transaction(async (tx) => {
      await log(tx, 'kept')
      await errorOf(tx.$transaction((nested) => nested.$executeRaw`SELECT 1 / 0`))
    })
    expect(await logged(world)).toEqual(['kept'])
  })
})
