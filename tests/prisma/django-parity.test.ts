// The tests of django-pg-real-pool that have a meaning in Prisma, over every backend: see tests/django-parity.md.
// With one connection at most, whether it is held or free shows in our numbers and in what the server says.
import v8 from 'node:v8'
import vm from 'node:vm'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { type Lease, RealPool, type RealPoolAdapter } from 'prisma-pg-real-pool'
import type { Prisma, PrismaClient } from '../generated/prisma/client.js'
import { sql } from '../integration/support.js'
import { BACKEND, BACKENDS } from '../support/backends.js'
import { eventually } from '../support/eventually.js'
import { createWorld, errorOf, expectAtRest, gate, hold, pidOf, statesOf, type World } from './support.js'

v8.setFlagsFromString('--expose-gc')
const collectGarbage = vm.runInNewContext('gc') as () => void

describe.each(BACKENDS)('over the backend %s', (backend) => {
  let world: World
  let adapter: RealPoolAdapter
  let prisma: PrismaClient

  beforeAll(async () => {
    world = await createWorld()
  })

  afterAll(() => world.close())

  beforeEach(async () => {
    await world.leave()
    await world.empty()
    ;({ adapter, prisma } = world.open({ maxSize: 1, timeout: '5s' }, {}, backend))
    await prisma.user.count()
    await expectFree()
  })

  function expectFree(): Promise<void> {
    return expectAtRest(world, adapter, 1, backend)
  }

  async function expectHeld(state: 'idle in transaction' | 'idle'): Promise<void> {
    const { poolSize, poolAvailable } = adapter.pool.getStats()
    expect({ poolSize, poolAvailable }).toEqual({ poolSize: 1, poolAvailable: 0 })
    expect(await statesOf(world)).toEqual([state])
  }

  function createUsers(client: Prisma.TransactionClient, count: number): Promise<unknown> {
    const data = Array.from({ length: count }, (_, index) => ({ email: `${index}@x` }))
    return client.user.createMany({ data })
  }

  async function usersSeen(): Promise<number> {
    const [row] = await world.database.query<{ n: number }>('SELECT count(*)::int AS n FROM "User"')
    return row!.n
  }

  describe('outside of a transaction', () => {
    test('a read releases the connection at once', async () => {
      await createUsers(prisma, 10)
      for (let round = 0; round < 3; round++) {
        expect(await prisma.user.findMany()).toHaveLength(10)
        await expectFree()
      }
    })

    test('a write releases the connection at once', async () => {
      await createUsers(prisma, 1)
      await expectFree()
      expect(await usersSeen()).toBe(1)
    })

    test('the connection is free before the first of the rows is looked at', async () => {
      await createUsers(prisma, 10)
      let seen = 0
      for (const user of await prisma.user.findMany()) {
        await expectFree()
        seen += user.email.length > 0 ? 1 : 0
      }
      expect(seen).toBe(10)
    })

    test('the connection is free between the pages of a reader who goes by a cursor', async () => {
      await createUsers(prisma, 10)
      let last: number | undefined
      for (let page = 0; page < 5; page++) {
        const from: Prisma.UserFindManyArgs = last === undefined ? {} : { cursor: { id: last }, skip: 1 }
        const users = await prisma.user.findMany({ ...from, take: 2, orderBy: { id: 'asc' } })
        await expectFree()
        last = users.at(-1)?.id
      }
      expect(await prisma.user.count({ where: { id: { gt: last! } } })).toBe(0)
    })

    test('a statement that fails releases the connection at once', async () => {
      await createUsers(prisma, 1)
      await errorOf(createUsers(prisma, 1))
      await expectFree()
      await errorOf(prisma.$queryRaw`SELECT nonsense`)
      await expectFree()
    })

    test('to connect holds nothing, before and after a transaction', async () => {
      await prisma.$connect()
      await expectFree()
      await prisma.$transaction((tx) => createUsers(tx, 1))
      await expectFree()
      expect(await prisma.user.count()).toBe(1)
      await expectFree()
    })
  })

  describe('a transaction', () => {
    test('releases the connection after its commit', async () => {
      await createUsers(prisma, 10)
      await expectFree()
      await prisma.$transaction(async (tx) => {
        await tx.user.findMany()
        await expectHeld('idle in transaction')
      })
      await expectFree()
    })

    test('releases the connection after its rollback, which undoes what it wrote', async () => {
      const error = await errorOf(
        prisma.$transaction(async (tx) => {
          await createUsers(tx, 10)
          await expectHeld('idle in transaction')
          throw new RangeError('interrupted')
        }),
      )
      expect(error).toBeInstanceOf(RangeError)
      await expectFree()
      expect(await usersSeen()).toBe(0)
    })

    test('inside of another holds the connection until the outer one commits', async () => {
      await createUsers(prisma, 10)
      await prisma.$transaction(async (tx) => {
        await tx.$transaction(async (nested) => {
          await nested.user.findMany()
          await expectHeld('idle in transaction')
        })
        await expectHeld('idle in transaction')
      })
      await expectFree()
    })

    test('inside of another that is rolled back leaves the outer one its connection', async () => {
      await prisma.$transaction(async (tx) => {
        const pid = await pidOf(tx)
        await errorOf(
          tx.$transaction(async (nested) => {
            await createUsers(nested, 1)
            throw new RangeError('interrupted')
          }),
        )
        await expectHeld('idle in transaction')
        expect(await pidOf(tx)).toBe(pid)
      })
      await expectFree()
      expect(await usersSeen()).toBe(0)
    })

    test('that is a batch releases the connection after its commit', async () => {
      const [, , xids] = await prisma.$transaction([
        prisma.user.create({ data: { email: 'a@x' } }),
        prisma.user.create({ data: { email: 'b@x' } }),
        prisma.$queryRaw<unknown[]>`SELECT DISTINCT "xmin"::text FROM "User"`,
      ])
      expect(xids).toHaveLength(1)
      await expectFree()
      expect(await usersSeen()).toBe(2)
    })

    test('has committed, and has released the connection, when what is written behind it runs', async () => {
      await prisma.$transaction((tx) => createUsers(tx, 1))
      expect(await usersSeen()).toBe(1)
      await expectFree()
    })

    test('that is rolled back does not let what is written behind it run', async () => {
      let isReached = false
      const work = async () => {
        await prisma.$transaction(async (tx) => {
          await createUsers(tx, 1)
          throw new RangeError('interrupted')
        })
        isReached = true
      }
      await errorOf(work())
      expect(isReached).toBe(false)
      await expectFree()
      expect(await usersSeen()).toBe(0)
    })

    test('hands the connection to whoever waits for it, at its end', async () => {
      const inside = gate()
      const order: string[] = []
      const transaction = hold(prisma, inside).then(() => order.push('transaction'))
      await eventually(() => expectHeld('idle in transaction'))
      const waiting = prisma.user.count().then(() => order.push('waiting'))
      await eventually(() => expect(adapter.pool.getStats().requestsWaiting).toBe(1))
      inside.open()
      await Promise.all([transaction, waiting])
      expect(order).toEqual(['transaction', 'waiting'])
      await expectFree()
    })

    test('holds the connection while the rows of a read are looked at, and after', async () => {
      await createUsers(prisma, 3)
      await prisma.$transaction(async (tx) => {
        for (const user of await tx.user.findMany()) {
          expect(user.id).toEqual(expect.any(Number))
          await expectHeld('idle in transaction')
        }
        await expectHeld('idle in transaction')
      })
      await expectFree()
    })

    test('holds the connection while a cursor of the server is read, to its end', async () => {
      await createUsers(prisma, 3)
      await prisma.$transaction(async (tx) => {
        await tx.$executeRaw`DECLARE portion CURSOR FOR SELECT "id" FROM "User"`
        let rows: unknown[]
        do {
          rows = await tx.$queryRaw<unknown[]>`FETCH 1 FROM portion`
          await expectHeld('idle in transaction')
        } while (rows.length > 0)
      })
      await expectFree()
    })

    for (const end of ['commit', 'rollback'] as const) {
      test(`that is begun by hand holds the connection until its ${end}, whatever ends inside of it`, async () => {
        const connection = await adapter.connect()
        const tx = await connection.startTransaction()
        // BEGIN goes with the first statement.
        await expectHeld('idle')
        await tx.createSavepoint?.('inner')
        await tx.executeRaw(sql(`INSERT INTO "User" ("email") VALUES ('by-hand@x')`))
        await tx.releaseSavepoint?.('inner')
        await expectHeld('idle in transaction')
        expect(await usersSeen()).toBe(0)
        await tx[end]()
        await expectFree()
        expect(await prisma.user.count()).toBe(end === 'commit' ? 1 : 0)
        await expectFree()
        await connection.dispose()
      })
    }
  })

  describe('a connection that is borrowed by hand', () => {
    test('is held while it is in use, and released after', async () => {
      const rows = await adapter.pool.use(async (client) => {
        const result = await client.query<{ n: number }>('SELECT 1 AS n UNION ALL SELECT 2')
        await expectHeld('idle')
        return result.rows
      })
      expect(rows).toEqual([{ n: 1 }, { n: 2 }])
      await expectFree()
    })

    test('and never released is held, garbage collected or not, until the pool is closed by force', async () => {
      const forgotten = await acquireAndForget()
      for (let round = 0; round < 5; round++) {
        collectGarbage()
        await new Promise((resolve) => setImmediate(resolve))
      }
      // Else the test has not met what it is about.
      expect(forgotten.deref()).toBeUndefined()
      await expectHeld('idle')
      expect(await errorOf(adapter.pool.acquire({ timeout: '50ms' }))).toMatchObject({ code: 'POOL_TIMEOUT' })
      await adapter.pool.close({ force: true, timeout: 0 })
      await eventually(async () => expect(await statesOf(world)).toEqual([]))
    })

    async function acquireAndForget(): Promise<WeakRef<Lease>> {
      const lease = await adapter.pool.acquire()
      await lease.client.query('SELECT 1')
      return new WeakRef(lease)
    }

    test('is released although its borrower has closed it', async () => {
      await adapter.pool.use((client) => client.end())
      await eventually(() => expect(adapter.pool.getStats().requestsWaiting).toBe(0))
      expect(await prisma.user.count()).toBe(0)
      await expectFree()
    })

    test('is released although the work on it throws, which throws what it threw', async () => {
      const error = await errorOf(adapter.pool.use(() => Promise.reject(new RangeError('mine'))))
      expect(error).toBeInstanceOf(RangeError)
      await expectFree()
    })

    test('is the client of node-postgres to read and to write', async () => {
      await adapter.pool.use(async (client) => {
        const { processID } = client as unknown as { processID: number }
        expect((await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows).toEqual([
          { pid: processID },
        ])
        expect(client.escapeIdentifier('a"b')).toBe('"a""b"')
        Object.assign(client, { mark: 7 })
        expect(client).toMatchObject({ mark: 7 })
      })
      await expectFree()
    })
  })

  test('a pool that is not open refuses at once, and says so', async () => {
    const unopened = world.open({ maxSize: 1 }, {}, backend).adapter.pool
    expect((await errorOf(unopened.acquire())).message).toMatch(/is not open yet/)
    await unopened.open()
    await unopened.close()
    expect((await errorOf(unopened.acquire())).message).toMatch(/is already closed/)
  })

  test('is what it is called', async () => {
    expect(adapter.pool).toBeInstanceOf(RealPool)
    const isSame = (await pidOf(prisma)) === (await pidOf(prisma))
    await prisma.$disconnect()
    await eventually(async () =>
      expect({ isSame, staysOpen: (await statesOf(world)).length > 0 }).toEqual({
        isSame: backend !== 'null',
        staysOpen: backend === 'pg-pool',
      }),
    )
  })
})

test('the backend of all other tests is the native one, or the one that TEST_BACKEND names', () => {
  const { TEST_BACKEND } = process.env
  expect(BACKEND).toBe(TEST_BACKEND === undefined || TEST_BACKEND === '' ? 'native' : TEST_BACKEND)
  expect(BACKENDS).toHaveLength(TEST_BACKEND === undefined || TEST_BACKEND === '' ? 3 : 1)
})
