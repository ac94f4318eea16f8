// A `pg.Pool` whose connections are lost, whose server is away, or that its owner ends: callers hear of it by
// Prisma's codes where they must, and the process never falls.
import type { EventEmitter } from 'node:events'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { RealPoolAdapter } from 'prisma-pg-real-pool'
import type { PrismaClient } from '../generated/prisma/client.js'
import { createWorld, errorOf, gate, knownErrorOf, SUBJECT, warmUp, type World } from '../prisma/support.js'
import { eventually } from '../support/eventually.js'
import { Proxy } from '../support/proxy.js'
import { expectAllIdle } from './pg-pool-support.js'
import { countSessions, terminate } from './support.js'

const SECRET = ['hunter', '2'].join('')

let world: World
const pools: pg.Pool[] = []
const proxies: Proxy[] = []
let pool: pg.Pool
let prisma: PrismaClient
const lostIdle: Error[] = []
const lostInUse: Error[] = []

beforeAll(async () => {
  world = await createWorld()
})

afterAll(() => world.close())

// Nobody listens to the pool's `error`: with node-postgres alone, an idle connection that is lost ends the process.
beforeEach(async () => {
  await world.empty()
  lostIdle.length = lostInUse.length = 0
  ;({ pool, prisma } = share({ connectionString: world.database.url, max: 3 }))
})

afterEach(async () => {
  await world.disconnect()
  await Promise.all(pools.splice(0).map(async (each) => each.ending || each.end()))
  for (const proxy of proxies.splice(0)) proxy.close()
  await eventually(async () => expect(await world.database.backends(SUBJECT)).toEqual([]))
})

function share(options: pg.PoolConfig): { pool: pg.Pool; adapter: RealPoolAdapter; prisma: PrismaClient } {
  const pool = new pg.Pool({ application_name: SUBJECT, ...options })
  pools.push(pool)
  const adapter = new RealPoolAdapter({
    pool,
    onPoolError: (error) => {
      lostIdle.push(error)
      throw new Error('a listener of the application that throws')
    },
    onConnectionError: (error) => lostInUse.push(error),
  })
  return { pool, adapter, prisma: world.share(adapter) }
}

async function remote(): Promise<ReturnType<typeof share> & { readonly proxy: Proxy }> {
  const proxy = await Proxy.inFrontOf(world.database.url)
  proxies.push(proxy)
  return { proxy, ...share({ connectionString: proxy.urlOf(world.database.url), max: 3 }) }
}

test('a session that the server ends in the packet in which it began does not end the process', async () => {
  // By then node-postgres listens to the client no more, and we cannot yet.
  pool.once('acquire', (client) => {
    const ended = Object.assign(new Error('terminating connection'), { code: '57P01', severity: 'FATAL' })
    queueMicrotask(() =>
      (client as unknown as { connection: EventEmitter }).connection.emit('errorMessage', ended),
    )
  })
  expect(await prisma.user.count()).toBe(0)
  expectAllIdle(pool, 1)
})

describe('connections lost while idle', () => {
  test('leave the pool, are told to onPoolError, and no call notices', async () => {
    await warmUp(prisma, 3)
    expect(await terminate(world)).toBe(3)
    await eventually(() => expectAllIdle(pool, 0))
    expect(lostIdle).toHaveLength(3)
    await warmUp(prisma, 3)
    expectAllIdle(pool, 3)
    expect(lostInUse).toEqual([])
  })

  test('are not told to an adapter that has gone, and crash nothing then either', async () => {
    await warmUp(prisma, 3)
    await prisma.$disconnect()
    await terminate(world)
    await eventually(() => expectAllIdle(pool, 0))
    expect(lostIdle).toEqual([])
  })

  test('are counted', async () => {
    const { adapter, prisma: client } = share({ connectionString: world.database.url })
    await client.user.count()
    await terminate(world)
    await eventually(() => expect(adapter.pool.getStats().connectionsLost).toBe(1))
  })

  for (const how of ['cut', 'fin'] as const) {
    test(`by a network that ${how}s them without a word: no call that comes before the news fails`, async () => {
      const { proxy, prisma: client } = await remote()
      for (let round = 0; round < 5; round++) {
        await warmUp(client, 3)
        // Longer than a call that comes right behind another.
        await new Promise((resolve) => setTimeout(resolve, 20))
        proxy[how]()
        await Promise.all([1, 2, 3].map(() => client.$queryRaw`SELECT 1 AS n FROM pg_sleep(0.01)`))
      }
      expect(lostInUse).toEqual([])
      await eventually(() => expect(lostIdle).toHaveLength(15))
    })
  }
})

describe('a connection lost in use', () => {
  test('fails its call with P1017, is told to onConnectionError, and only it leaves the pool', async () => {
    await warmUp(prisma, 3)
    const { id } = await prisma.user.create({ data: { email: 'x@x' } })
    const locked = gate()
    const held = gate()
    const holder = prisma.$transaction(async (tx) => {
      await tx.user.update({ where: { id }, data: { balance: 1 } })
      locked.open()
      await held.opened
    })
    await locked.opened
    const running = knownErrorOf(prisma.user.update({ where: { id }, data: { balance: { increment: 5 } } }))
    await eventually(async () => expect(await terminate(world, `wait_event_type = 'Lock'`)).toBe(1))
    expect((await running).code).toBe('P1017')
    held.open()
    await holder
    await eventually(() => expectAllIdle(pool, 2))
    expect(lostInUse).toHaveLength(1)
    expect(lostIdle).toEqual([])
    expect((await prisma.user.findUniqueOrThrow({ where: { id } })).balance).toBe(1)
  })

  test('fails its transaction, between two statements of it', async () => {
    const error = await errorOf(
      prisma.$transaction(async (tx) => {
        await tx.log.create({ data: { text: 'lost' } })
        expect(await terminate(world, `state = 'idle in transaction'`)).toBe(1)
        await tx.log.create({ data: { text: 'never' } })
      }),
    )
    expect(error).toMatchObject({ code: 'P1017' })
    await eventually(() => expectAllIdle(pool, 0))
    expect(await prisma.log.count()).toBe(0)
  })

  test('during its COMMIT says that the outcome is unknown', async () => {
    await world.database.query(
      `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(30); RETURN NULL; END $$;
       CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON "Log" DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW EXECUTE FUNCTION slow()`,
    )
    const transaction = errorOf(prisma.$transaction((tx) => tx.log.create({ data: { text: 'who knows' } })))
    await eventually(async () =>
      expect(await terminate(world, `query = 'COMMIT' AND state = 'active'`)).toBe(1),
    )
    await world.database.query('DROP FUNCTION slow CASCADE')
    expect(await transaction).toMatchObject({
      code: 'P1017',
      message: expect.stringContaining('it is not known whether the transaction was committed'),
    })
    await eventually(() => expectAllIdle(pool, 0))
  })

  test('while the pool’s owner sets it up fails the call, after a few attempts', async () => {
    const sessions = await countSessions(world.database)
    pool.on('connect', (client) => {
      client.query('SELECT pg_terminate_backend(pg_backend_pid())').catch(() => {})
    })
    expect((await knownErrorOf(prisma.user.count())).code).toBe('P1001')
    expect(await sessions()).toBe(3)
  })
})

test('a client that falls silent before it is ready is given up: the call gets another', async () => {
  const { pool, prisma, proxy } = await remote()
  pool.once('connect', () => proxy.forget())
  expect(await prisma.user.count()).toBe(0)
  expect(proxy.accepted).toBe(2)
  expectAllIdle(pool, 1)
})

describe('a server that is not there', () => {
  // Without a limit of the pool's own: who is not told at once would wait for as long as a test may take.
  test('is told at once: P1001, with host and port', async () => {
    const away = share({ host: '127.0.0.1', port: 1, user: 'nobody', database: 'nothing' })
    const error = await knownErrorOf(away.prisma.user.count())
    expect(error.code).toBe('P1001')
    expect(error.message).toContain('127.0.0.1:1')
    expect((await knownErrorOf(away.prisma.$transaction((tx) => tx.user.count()))).code).toBe('P1001')
    expect(away.pool.totalCount).toBe(0)
  })

  test('a wrong password: P1000, and no word of it', async () => {
    const url = new URL(world.database.url)
    url.password = SECRET
    const wrong = share({ connectionString: url.href })
    const error = await knownErrorOf(wrong.prisma.user.count())
    expect(error.code).toBe('P1000')
    expect(JSON.stringify([error, error.message])).not.toContain(SECRET)
  })

  test('and comes back: calls fail with P1001 while it is away, and only then', async () => {
    const { proxy, pool: far, prisma: client } = await remote()
    await client.user.count()
    proxy.close()
    await eventually(() => expect(far.totalCount).toBe(0))
    const failures = await Promise.all([1, 2, 3].map(() => knownErrorOf(client.user.count())))
    expect(failures.map(({ code }) => code)).toEqual(['P1001', 'P1001', 'P1001'])
    await proxy.listen()
    expect(await client.user.count()).toBe(0)
  })
})

describe('a pool that its owner has ended', () => {
  test('refuses calls with P1017, whether or not it ever had a connection', async () => {
    const unused = share({ connectionString: world.database.url })
    await prisma.user.count()
    await Promise.all([pool.end(), unused.pool.end()])
    for (const client of [prisma, unused.prisma]) {
      const error = await knownErrorOf(client.user.count())
      expect(error.code).toBe('P1017')
      expect(JSON.stringify(error.meta)).toMatch(/the pool '.*' is already closed/)
      expect(await errorOf(client.$transaction((tx) => tx.user.count()))).toMatchObject({ code: 'P1017' })
    }
  })

  test('turns away those who wait in it, and lets a transaction come to its end', async () => {
    const inside = gate()
    const begun = gate()
    const { pool: small, prisma: client } = share({ connectionString: world.database.url, max: 1 })
    const transaction = client.$transaction(async (tx) => {
      await tx.log.create({ data: { text: 'kept' } })
      begun.open()
      await inside.opened
      await tx.log.create({ data: { text: 'kept, too' } })
    })
    await begun.opened
    const waiting = [1, 2, 3].map(() => knownErrorOf(client.user.count()))
    await eventually(() => expect(small.waitingCount).toBe(0))
    const ended = small.end()
    inside.open()
    await transaction
    await ended
    expect((await Promise.all(waiting)).map(({ code }) => code)).toEqual(['P1017', 'P1017', 'P1017'])
    expect(await prisma.log.count()).toBe(2)
  })

  test('also those who wait in the queue of the pool itself', async () => {
    const held = await pool.connect()
    pool.options.max = 1
    const waiting = errorOf(prisma.user.count())
    await eventually(() => expect(pool.waitingCount).toBe(1))
    const ended = pool.end()
    held.release()
    expect(await waiting).toMatchObject({ code: 'P1017' })
    await ended
  })
})
