// `pool: false` under Prisma: each call makes a connection and leaves none, and whatever stands in its way is
// told at once by its own name. (The pool itself: null-pool.test.ts.)
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { RealPool, RealPoolAdapter, type RealPoolAdapterOptions } from 'prisma-pg-real-pool'
import type { PrismaClient } from '../generated/prisma/client.js'
import { createWorld, errorOf, gate, knownErrorOf, pidOf, SUBJECT, type World } from '../prisma/support.js'
import { eventually } from '../support/eventually.js'
import { runProgram } from '../support/program.js'
import { Proxy } from '../support/proxy.js'
import { countSessions, NO_POOLING } from './support.js'

let world: World
let adapter: RealPoolAdapter
let prisma: PrismaClient
const ends: (() => unknown)[] = []

beforeAll(async () => {
  world = await createWorld()
})

afterAll(() => world.close())

beforeEach(async () => {
  await world.empty()
  ;({ adapter, prisma } = open())
})

afterEach(async () => {
  await world.disconnect()
  for (const end of ends.splice(0)) await end()
  await noneLeft()
})

function open(options: RealPoolAdapterOptions = {}) {
  const adapter = new RealPoolAdapter({
    connectionString: world.database.url,
    application_name: SUBJECT,
    pool: false,
    ...options,
  })
  return { adapter, prisma: world.share(adapter) }
}

async function pids(): Promise<number[]> {
  return (await world.database.backends(SUBJECT)).map(({ pid }) => pid)
}

/** A connection takes a moment to close. */
async function noneLeft(): Promise<void> {
  await eventually(async () => expect(await pids()).toEqual([]))
}

describe('each call', () => {
  test('has a connection of its own, and leaves none: as many sessions as calls', async () => {
    const sessions = await countSessions(world.database)
    await prisma.$connect()
    expect(await sessions()).toBe(0)
    const seen = new Set<number>()
    for (let call = 0; call < 10; call++) {
      seen.add(await pidOf(prisma))
      await noneLeft()
      await eventually(() => expect(adapter.pool.getStats()).toMatchObject({ poolSize: 0, poolAvailable: 0 }))
    }
    expect(seen.size).toBe(10)
    expect(await sessions()).toBe(10)
  })

  test('that fails leaves none either', async () => {
    expect((await knownErrorOf(prisma.$queryRaw`SELECT 1 / 0`)).message).toContain('22012')
    await noneLeft()
    await errorOf(
      prisma.$transaction(async (tx) => {
        await tx.log.create({ data: { text: 'undone' } })
        throw new Error('changed my mind')
      }),
    )
    await noneLeft()
    expect(await prisma.log.count()).toBe(0)
  })

  test('that is a transaction keeps its connection to the end', async () => {
    const sessions = await countSessions(world.database)
    await prisma.$transaction(async (tx) => {
      const pid = await pidOf(tx)
      await tx.log.create({ data: { text: 'kept' } })
      await tx.$transaction(async (nested) => expect(await pidOf(nested)).toBe(pid))
      expect(await pids()).toEqual([pid])
    })
    await noneLeft()
    expect(await sessions()).toBe(1)
    expect(await prisma.log.count()).toBe(1)
  })

  test('whose connection is lost fails with P1017, and the next one works', async () => {
    const error = await errorOf(
      prisma.$transaction(async (tx) => {
        const pid = await pidOf(tx)
        await world.database.query('SELECT pg_terminate_backend($1, 5000)', [pid])
        await tx.log.count()
      }),
    )
    expect(error).toMatchObject({ code: 'P1017' })
    expect(await prisma.log.count()).toBe(0)
  })
})

describe('many calls at the same time', () => {
  test('have ten connections at most, handed to those who wait', async () => {
    const sessions = await countSessions(world.database)
    let isDone = false
    const calls = Promise.all(
      Array.from({ length: 50 }, () => prisma.$queryRaw`SELECT 1 AS n FROM pg_sleep(0.05)`),
    ).finally(() => (isDone = true))
    let most = 0
    while (!isDone) most = Math.max(most, (await pids()).length)
    await calls
    await noneLeft()
    expect(most).toBe(10)
    expect(await sessions()).toBeLessThan(50)
    expect(adapter.pool.getStats()).toMatchObject({ poolMax: 10, requestsErrors: 0, requestsNum: 50 })
  })

  test('find nothing of the one before: not its transaction, not its session', async () => {
    const { adapter: narrow, prisma: client } = open({ pool: { ...NO_POOLING, maxSize: 1 } })
    await narrow.pool.open()
    const lease = await narrow.pool.acquire()
    const { rows } = await lease.client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    const next = client.$queryRaw<object[]>`
      SELECT pg_backend_pid() AS pid, current_setting('work_mem') AS work_mem, count(*)::int AS logs FROM "Log"`
    const asked = next.then((found) => found)
    await eventually(() => expect(narrow.pool.getStats().requestsWaiting).toBe(1))
    await lease.client.query(`SET work_mem = '1MB'; BEGIN; INSERT INTO "Log" ("text") VALUES ('left open')`)
    await lease.release()
    expect(await asked).toEqual([{ pid: rows[0]!.pid, work_mem: '4MB', logs: 0 }])
    expect(await world.database.query('SELECT * FROM "Log"')).toEqual([])
  })
})

// None of these waits for anything: who is not told at once would wait for as long as a test may take.
describe('what stands in the way of a connection is told at once', () => {
  const refused: Record<string, [(url: URL) => void, string]> = {
    'a server that is away: P1001': [(url) => (url.port = '1'), 'P1001'],
    'a wrong password: P1000': [(url) => (url.password = 'wrong'), 'P1000'],
    'a missing database: P1003': [(url) => (url.pathname = '/no_such_database'), 'P1003'],
  }

  test.each(Object.entries(refused))('%s', async (_, [change, code]) => {
    const url = new URL(world.database.url)
    url.hostname = '127.0.0.1'
    change(url)
    const { prisma: client } = open({ connectionString: url.href })
    expect((await knownErrorOf(client.user.count())).code).toBe(code)
    expect((await knownErrorOf(client.$transaction((tx) => tx.user.count()))).code).toBe(code)
    const crowd = await Promise.all(Array.from({ length: 30 }, () => knownErrorOf(client.user.count())))
    expect(new Set(crowd.map((error) => error.code))).toEqual(new Set([code]))
  })

  test('a session that ends as soon as it has begun: P1001, with the reason', async () => {
    const server = createServer((socket) => socket.once('data', () => beginAndEnd(socket)))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    ends.push(() => server.close())
    const { port } = server.address() as AddressInfo
    const { prisma: client } = open({ connectionString: `postgresql://user@127.0.0.1:${port}/db` })
    const error = await knownErrorOf(client.user.count())
    expect(error.code).toBe('P1001')
    expect(JSON.stringify(error.meta)).toContain('terminating connection due to administrator command')
  })

  test('a server that goes and comes back: P1001 while it is away, and only then', async () => {
    const proxy = await Proxy.inFrontOf(world.database.url)
    ends.push(() => proxy.close())
    const { prisma: client } = open({ connectionString: proxy.urlOf(world.database.url) })
    for (let round = 0; round < 3; round++) {
      expect(await client.user.count()).toBe(0)
      proxy.close()
      expect((await knownErrorOf(client.user.count())).code).toBe('P1001')
      await proxy.listen()
    }
    expect(await client.user.count()).toBe(0)
  })
})

/** As a server that is told to stop right after it has let someone in, in one packet. */
function beginAndEnd(socket: Socket): void {
  const message = (type: string, body: Buffer): Buffer => {
    const head = Buffer.alloc(5)
    head.write(type)
    head.writeInt32BE(body.length + 4, 1)
    return Buffer.concat([head, body])
  }
  const fields = 'SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0'
  socket.on('error', () => {})
  socket.end(
    Buffer.concat([
      message('R', Buffer.alloc(4)),
      message('Z', Buffer.from('I')),
      message('E', Buffer.from(fields)),
    ]),
  )
}

describe('a readiness probe', () => {
  test('says whether a connection can be made, again and again, and keeps none', async () => {
    const proxy = await Proxy.inFrontOf(world.database.url)
    const probe = new RealPool({
      connectionString: proxy.urlOf(world.database.url),
      application_name: SUBJECT,
      pool: false,
    })
    ends.push(
      () => proxy.close(),
      () => probe.close(),
    )
    await probe.open({ wait: true })
    for (let round = 0; round < 2; round++) {
      await probe.wait()
      await noneLeft()
      proxy.close()
      expect(await errorOf(probe.wait())).toMatchObject({
        code: 'POOL_CONNECT',
        cause: { code: 'ECONNREFUSED' },
      })
      await proxy.listen()
    }
  })

  test('is not kept from its answer by other probes, nor keeps them', async () => {
    const probe = new RealPool({
      connectionString: world.database.url,
      application_name: SUBJECT,
      pool: false,
    })
    ends.push(() => probe.close())
    await probe.open()
    await Promise.all(Array.from({ length: 40 }, () => probe.wait()))
    await noneLeft()
    await eventually(() => expect(probe.getStats()).toMatchObject({ requestsErrors: 0, poolSize: 0 }))
  })
})

test('a transaction that begins while calls are under way is not in their way, and they not in its', async () => {
  const inside = gate()
  const begun = gate()
  const transaction = prisma.$transaction(async (tx) => {
    await tx.log.create({ data: { text: 'kept' } })
    begun.open()
    await inside.opened
  })
  await begun.opened
  const counts = await Promise.all(Array.from({ length: 20 }, () => prisma.log.count()))
  expect(new Set(counts)).toEqual(new Set([0]))
  inside.open()
  await transaction
  expect(await prisma.log.count()).toBe(1)
})

test('nothing keeps the process alive after the call', async () => {
  const program = `
    const { RealPoolAdapter } = require('prisma-pg-real-pool')
    new RealPoolAdapter({ connectionString: process.env.URL, pool: false }).connect()
      .then((connection) => connection.queryRaw({ sql: 'SELECT 42', args: [], argTypes: [] }))
      .then(({ rows }) => console.log(rows[0][0]))`
  const { stdout } = await runProgram(program, { URL: world.database.url })
  expect(stdout).toBe('42\n')
})
