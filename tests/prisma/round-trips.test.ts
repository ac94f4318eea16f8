// What a transaction costs on the way to the server, counted on the wire.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { OtherOptions } from '../support/backends.js'
import { eventually } from '../support/eventually.js'
import { WireTap } from '../support/wire-tap.js'
import {
  createWorld,
  errorOf,
  expectAtRest,
  knownErrorOf,
  openBehind,
  type Opened,
  type World,
} from './support.js'

let world: World
let tappedUrl: string
const tap = new WireTap()

beforeAll(async () => {
  world = await createWorld()
  tappedUrl = await tap.inFrontOf(world.database.url)
})

afterAll(async () => {
  await world.close()
  tap.close()
})

beforeEach(() => world.empty())

afterEach(() => world.leave())

function open(options: OtherOptions = {}): Promise<Opened> {
  return openBehind(tap, world, {}, { connectionString: tappedUrl, ...options })
}

const user = (name: string) => ({ email: `${name}@example.com` })

describe('an interactive transaction', () => {
  test('of two statements takes three round trips: BEGIN goes with the first', async () => {
    const { prisma } = await open()
    await prisma.$transaction(async (tx) => {
      await tx.user.count()
      await tx.user.count()
    })
    const { roundTrips, texts } = tap.take()
    expect(roundTrips).toBe(3)
    expect(texts).toEqual([
      'BEGIN',
      expect.stringContaining('COUNT'),
      expect.stringContaining('COUNT'),
      'COMMIT',
    ])
  })

  test('with an isolation level takes no more', async () => {
    const { prisma } = await open()
    await prisma.$transaction(
      async (tx) => {
        await tx.user.count()
        const [row] = await tx.$queryRaw<{ level: string }[]>`
          SELECT current_setting('transaction_isolation') AS level`
        expect(row?.level).toBe('serializable')
      },
      { isolationLevel: 'Serializable' },
    )
    expect(tap.take().roundTrips).toBe(3)
  })

  test('without statements takes none, however it ends', async () => {
    const { prisma, adapter } = await open()
    await prisma.$transaction(() => Promise.resolve())
    await errorOf(prisma.$transaction(() => Promise.reject(new RangeError('mine'))))
    await prisma.$transaction((tx) => tx.$transaction(() => Promise.resolve()))
    expect(tap.take()).toEqual({ roundTrips: 0, texts: [] })
    await expectAtRest(world, adapter, 1)
  })

  test('that maxWait gave up takes none, and hands the connection on untouched', async () => {
    const { prisma, adapter } = await open()
    const lease = await adapter.pool.acquire()
    const error = await knownErrorOf(prisma.$transaction((tx) => tx.user.count(), { maxWait: 20 }))
    expect(error.code).toBe('P2028')
    const next = prisma.user.count().then((count) => count)
    await eventually(() => expect(adapter.pool.getStats().requestsWaiting).toBe(2))
    await lease.release()
    expect(await next).toBe(0)
    expect(tap.take().texts).toEqual([expect.stringContaining('COUNT')])
  })

  test('with a nested one takes no round trip for its savepoint', async () => {
    const { prisma } = await open()
    await prisma.$transaction(async (tx) => {
      await tx.user.create({ data: user('a') })
      await tx.$transaction((nested) => nested.user.create({ data: user('b') }))
      await tx.user.create({ data: user('c') })
    })
    expect(tap.take().roundTrips).toBe(4)
    expect(await prisma.user.count()).toBe(3)
  })

  test('with a nested one that fails goes back to its savepoint, in one', async () => {
    const { prisma } = await open()
    await prisma.$transaction(async (tx) => {
      await tx.user.create({ data: user('a') })
      await errorOf(
        tx.$transaction(async (nested) => {
          await nested.user.create({ data: user('b') })
          throw new RangeError('mine')
        }),
      )
      await tx.user.create({ data: user('c') })
    })
    // Three statements, the way back, COMMIT.
    expect(tap.take().roundTrips).toBe(5)
    expect((await prisma.user.findMany()).map(({ email }) => email)).toEqual([
      'a@example.com',
      'c@example.com',
    ])
  })
})

test('an upsert takes four', async () => {
  const { prisma } = await open()
  await prisma.user.upsert({
    where: { email: 'a@example.com' },
    create: user('a'),
    update: { profile: { create: { bio: 'b' } } },
  })
  expect(tap.take().roundTrips).toBe(4)
})

test('with autosave, statements take no more', async () => {
  const { prisma } = await open({ transaction: { autosave: 'always' } })
  await prisma.$transaction(async (tx) => {
    await tx.user.count()
    await tx.user.count()
  })
  expect(tap.take().roundTrips).toBe(3)
})

test('with limits that the server keeps, statements take no more', async () => {
  const { prisma } = await open({ transaction: { idleTimeout: '10s', maxDuration: '10s' } })
  await prisma.$transaction(async (tx) => {
    await tx.user.count()
    await tx.user.count()
  })
  expect(tap.take().roundTrips).toBe(3)
})

describe('a statement behind a command that fails, in the same packet, does not run', () => {
  test('neither does it by itself when that was BEGIN, nor do those that follow', async () => {
    const { prisma, adapter } = await open()
    tap.garble('BEGIN', 'BEGUN')
    const failures: Error[] = []
    const error = await errorOf(
      prisma.$transaction(async (tx) => {
        failures.push(await errorOf(tx.log.create({ data: { text: 'behind it' } })))
        failures.push(await errorOf(tx.log.create({ data: { text: 'later' } })))
      }),
    )
    expect(failures[0]?.message).toContain('syntax error at or near "BEGUN"')
    expect(failures[1]?.message).toMatch(/Transaction already closed: it did not begin .*BEGUN/)
    expect(error.message).toMatch(/did not begin/)
    expect(await world.database.query('SELECT FROM "Log"')).toEqual([])
    await expectAtRest(world, adapter, 1)
    expect(adapter.pool.getStats().returnsBad).toBe(0)
  })

  test('and a batch says what failed', async () => {
    const { prisma } = await open()
    tap.garble('BEGIN', 'BEGUN')
    const log = (text: string) => prisma.log.create({ data: { text } })
    const error = await errorOf(prisma.$transaction([log('behind it'), log('later')]))
    expect(error.message).toContain('syntax error at or near "BEGUN"')
    expect(error).toMatchObject({ code: 'P2039' })
    expect(await world.database.query('SELECT FROM "Log"')).toEqual([])
  })

  test('also when that was a savepoint', async () => {
    const { prisma } = await open()
    const error = await errorOf(
      prisma.$transaction(async (tx) => {
        await tx.log.create({ data: { text: 'before' } })
        tap.garble('SAVEPOINT', 'SAVEPAINT')
        await tx.$transaction((nested) => nested.log.create({ data: { text: 'inside' } }))
      }),
    )
    expect(error.message).toContain('syntax error at or near "SAVEPAINT"')
    expect(await world.database.query('SELECT FROM "Log"')).toEqual([])
  })
})
