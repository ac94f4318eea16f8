// What the adapter takes the SQL for that Prisma generates: each SELECT is a read, which a lost connection cannot leave
// unknown, and each statement may share a connection and leaves the session as it is.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { SqlDriverAdapterFactory, SqlQuery, SqlQueryable } from '@prisma/driver-adapter-utils'
import { RealPoolAdapter } from 'prisma-pg-real-pool'
import { factsOf } from '../../packages/adapter/src/pg/sql/facts.js'
import { PrismaClient } from '../generated/prisma/client.js'
import { createWorld, type World } from '../prisma/support.js'
import { CALLS, ROWS } from './calls.js'

let world: World
let prisma: PrismaClient
const texts = new Set<string>()

/** Collects the texts of statements, also of those in transactions. */
function watched<T extends object>(target: T): T {
  return new Proxy(target, {
    get(of, key) {
      const value: unknown = Reflect.get(of, key, of)
      if (typeof value !== 'function') return value
      return (...args: unknown[]): unknown => {
        if (key === 'queryRaw' || key === 'executeRaw') texts.add((args[0] as SqlQuery).sql)
        const result = Reflect.apply(value, of, args) as unknown
        if (key !== 'connect' && key !== 'startTransaction') return result
        return (result as Promise<SqlQueryable>).then(watched)
      }
    },
  })
}

beforeAll(async () => {
  world = await createWorld()
  const factory: SqlDriverAdapterFactory = new RealPoolAdapter({ connectionString: world.database.url })
  prisma = new PrismaClient({ adapter: watched(factory) })
})

afterAll(async () => {
  await prisma.$disconnect()
  await world.close()
})

beforeEach(async () => {
  await world.empty()
  await world.database.query(ROWS)
})

afterEach(() => texts.clear())

const GENERATED = CALLS.filter(({ name }) => !/^(raw|transaction|error): /.test(name))

test.each(GENERATED)('$name', async ({ name, run }) => {
  await run(prisma)
  if (/^(read|aggregate): /.test(name)) expect([...texts].join()).not.toMatch(/INSERT|UPDATE|DELETE/)
  for (const text of texts) {
    const isRead = text.startsWith('SELECT')
    expect({ text, ...factsOf(text) }).toMatchObject({
      text,
      isRead,
      mayShare: true,
      keepsPrepared: true,
      changesSession: false,
    })
  }
})

test('searches, orders and counts by relations', async () => {
  const hasText = { contains: 'A', mode: 'insensitive' } as const
  await prisma.user.findMany({
    where: { OR: [{ email: hasText }, { posts: { every: { tags: { none: { name: hasText } } } } }] },
    orderBy: [{ posts: { _count: 'desc' } }, { profile: { bio: 'asc' } }],
    include: { _count: { select: { posts: { where: { published: true } } } } },
  })
  for (const relationLoadStrategy of ['join', 'query'] as const) {
    await prisma.post.findMany({
      relationLoadStrategy,
      distinct: ['authorId'],
      take: 1,
      skip: 1,
      include: { author: { include: { received: true } }, tags: { take: 1, orderBy: { name: 'desc' } } },
    })
  }
  expect(texts.size).toBeGreaterThan(3)
  for (const text of texts) {
    expect({ text, ...factsOf(text) }).toMatchObject({
      text,
      isRead: true,
      mayShare: true,
      keepsPrepared: true,
    })
  }
})
