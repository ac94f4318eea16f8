// When django-pg-real-pool lets a connection go, in terms of Prisma: see tests/django-parity.md. There is one
// connection at most, so that whoever could not have it shows who holds it.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { RealPoolAdapter } from 'prisma-pg-real-pool'
import { PrismaClient } from '../generated/prisma/client.js'
import { sql } from '../integration/support.js'
import { eventually } from '../support/eventually.js'
import { LENDING_BACKENDS, type LendingBackend } from '../support/lending-backends.js'
import { createWorld, errorOf, gate, pidOf, statesOf, SUBJECT, type World } from './support.js'

const user = (name: string) => ({ email: `${name}@example.com` })

describe.each(LENDING_BACKENDS)('over the %s backend', (name, make) => {
  let world: World
  let backend: LendingBackend
  let adapter: RealPoolAdapter
  let prisma: PrismaClient

  beforeAll(async () => {
    world = await createWorld()
    backend = make(world.database.url, SUBJECT)
    adapter = new RealPoolAdapter(backend.options)
    prisma = new PrismaClient({ adapter })
  })

  afterAll(async () => {
    await prisma.$disconnect()
    await backend.close()
    await world.close()
  })

  beforeEach(() => world.empty())

  afterEach(() => expectReleased())

  /** Nobody holds the connection: our own word, at once, and the server's. */
  async function expectReleased(): Promise<void> {
    if (name === 'null') {
      // It is closed when it comes back, which takes a moment.
      await eventually(async () => {
        expect(adapter.pool.getStats()).toMatchObject({ poolSize: 0, requestsWaiting: 0 })
        expect(await statesOf(world)).toEqual([])
      })
    } else {
      expect(adapter.pool.getStats()).toMatchObject({ poolAvailable: 1, requestsWaiting: 0 })
      expect(await statesOf(world)).toEqual(['idle'])
    }
  }

  async function expectHeld(state = 'idle in transaction'): Promise<void> {
    expect(adapter.pool.getStats()).toMatchObject({ poolAvailable: 0, poolSize: 1 })
    expect(await statesOf(world)).toEqual([state])
  }

  async function saved(): Promise<string[]> {
    const rows = await world.database.query<{ email: string }>('SELECT "email" FROM "User" ORDER BY "id"')
    return rows.map(({ email }) => email)
  }

  describe('without a transaction', () => {
    test('a read lets the connection go before its rows arrive', async () => {
      expect(await prisma.user.findMany()).toEqual([])
      await expectReleased()
    })

    test('so does a read of many rows, whose caller goes through them for as long as it likes', async () => {
      await prisma.user.createMany({ data: ['a', 'b', 'c'].map(user) })
      for (const { id } of await prisma.user.findMany()) {
        await expectReleased()
        expect(await prisma.user.findUnique({ where: { id } })).not.toBeNull()
      }
    })

    test('so does an insert, an update, a delete and a raw statement', async () => {
      const { id } = await prisma.user.create({ data: user('a') })
      await expectReleased()
      await prisma.user.update({ where: { id }, data: { name: 'A' } })
      await expectReleased()
      await prisma.$executeRaw`UPDATE "User" SET "balance" = 1`
      await expectReleased()
      await prisma.user.delete({ where: { id } })
    })

    test('and so does one that fails', async () => {
      await prisma.user.create({ data: user('a') })
      await errorOf(prisma.user.create({ data: user('a') }))
      await expectReleased()
      await errorOf(prisma.$queryRaw`SELECT nonsense`)
    })
  })

  describe('a transaction holds the connection from its first statement', () => {
    test('to its commit', async () => {
      await prisma.$transaction(async (tx) => {
        await tx.user.create({ data: user('a') })
        await expectHeld()
      })
      await expectReleased()
      expect(await saved()).toEqual(['a@example.com'])
    })

    test('to its rollback, which undoes what it wrote', async () => {
      const error = await errorOf(
        prisma.$transaction(async (tx) => {
          await tx.user.create({ data: user('a') })
          await expectHeld()
          throw new RangeError('mine')
        }),
      )
      expect(error).toBeInstanceOf(RangeError)
      await expectReleased()
      expect(await saved()).toEqual([])
    })

    test('through its savepoints, kept or undone, to the outermost end', async () => {
      await prisma.$transaction(async (tx) => {
        const pid = await pidOf(tx)
        await tx.$transaction((nested) => nested.user.create({ data: user('kept') }))
        await expectHeld()
        await errorOf(
          tx.$transaction(async (nested) => {
            await nested.user.create({ data: user('undone') })
            throw new RangeError('mine')
          }),
        )
        await expectHeld()
        expect(await pidOf(tx)).toBe(pid)
      })
      await expectReleased()
      expect(await saved()).toEqual(['kept@example.com'])
    })

    test('also while its caller goes through rows that it has read', async () => {
      await prisma.user.createMany({ data: ['a', 'b'].map(user) })
      await prisma.$transaction(async (tx) => {
        for (const { id } of await tx.user.findMany()) {
          await expectHeld()
          await tx.user.update({ where: { id }, data: { balance: 1 } })
        }
      })
    })

    test('and a batch is one', async () => {
      const [, , pids] = await prisma.$transaction([
        prisma.user.create({ data: user('a') }),
        prisma.user.create({ data: user('b') }),
        prisma.$queryRaw<{ xid: string }[]>`SELECT DISTINCT "xmin"::text AS xid FROM "User"`,
      ])
      expect(pids).toHaveLength(1)
      await expectReleased()
      expect(await saved()).toEqual(['a@example.com', 'b@example.com'])
    })
  })

  describe('what comes behind a transaction', () => {
    test('finds the commit done and the connection free', async () => {
      await prisma.$transaction((tx) => tx.user.create({ data: user('a') }))
      expect(await prisma.user.count()).toBe(1)
      await expectReleased()
    })

    test('is not reached after a rollback', async () => {
      let isReached = false
      const work = async () => {
        await prisma.$transaction(async (tx) => {
          await tx.user.create({ data: user('a') })
          throw new RangeError('mine')
        })
        isReached = true
      }
      await errorOf(work())
      expect(isReached).toBe(false)
      expect(await prisma.user.count()).toBe(0)
    })
  })

  describe('by hand', () => {
    test.each(['commit', 'rollback'] as const)(
      "a transaction on the adapter's own interface holds the connection to its %s",
      async (end) => {
        const connection = await adapter.connect()
        const transaction = await connection.startTransaction()
        await transaction.executeRaw(sql(`INSERT INTO "User" ("email") VALUES ('a@example.com')`))
        await expectHeld()
        await transaction.queryRaw(sql('SELECT 1'))
        await expectHeld()
        await transaction[end]()
        await expectReleased()
        expect(await saved()).toEqual(end === 'commit' ? ['a@example.com'] : [])
        await connection.dispose()
      },
    )

    test('a lease holds it while it is open, also when nothing is done with it', async () => {
      const lease = await adapter.pool.acquire()
      await lease.client.query('SELECT 1')
      await expectHeld('idle')
      const waiting = prisma.user.count()
      waiting.catch(() => {})
      await eventually(() => expect(adapter.pool.getStats().requestsWaiting).toBe(1))
      await lease.release()
      expect(await waiting).toBe(0)
    })

    test('a lease lets it go when the work on it throws, and when its client was closed', async () => {
      await errorOf(adapter.pool.use(() => Promise.reject(new RangeError('mine'))))
      await expectReleased()
      await adapter.pool.use((client) => client.end())
      expect(await prisma.user.count()).toBe(0)
    })
  })

  test('a pool that is not open refuses at once, and says so', async () => {
    const closed = make(world.database.url, SUBJECT)
    const { pool } = new RealPoolAdapter(closed.options)
    expect((await errorOf(pool.acquire())).message).toMatch(/is not open yet/)
    await pool.open()
    await pool.close()
    expect((await errorOf(pool.acquire())).message).toMatch(/is already closed/)
    await closed.close()
  })

  test('whoever waits gets the connection as soon as the transaction before has ended', async () => {
    const held = gate()
    const order: string[] = []
    const first = prisma.$transaction(async (tx) => {
      await tx.user.create({ data: user('a') })
      await held.opened
      order.push('first')
    })
    await eventually(() => expectHeld())
    const second = prisma.user.count().then((count) => order.push(`second saw ${count}`))
    await eventually(() => expect(adapter.pool.getStats().requestsWaiting).toBe(1))
    held.open()
    await Promise.all([first, second])
    expect(order).toEqual(['first', 'second saw 1'])
  })
})
