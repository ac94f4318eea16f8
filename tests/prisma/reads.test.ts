// Reading through Prisma's client: relations, aggregations and raw queries.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { Prisma, type PrismaClient } from '../generated/prisma/client.js'
import { createWorld, knownErrorOf, type World } from './support.js'

let world: World
let prisma: PrismaClient

beforeAll(async () => {
  world = await createWorld()
  ;({ prisma } = world.open({ maxSize: 2 }))
  await world.database.query(`
    INSERT INTO "User" ("email", "name", "role", "balance") VALUES
      ('ada@x', 'Ada', 'ADMIN', 10), ('bob@x', 'Bob', 'MEMBER', 20), ('cy@x', NULL, 'a guest', 30);
    INSERT INTO "Profile" ("bio", "userId") VALUES ('counts', 1);
    INSERT INTO "Post" ("title", "published", "views", "authorId") VALUES
      ('a1', true, 5, 1), ('a2', false, 7, 1), ('b1', true, 11, 2);
    INSERT INTO "Tag" ("name") VALUES ('red'), ('blue');
    INSERT INTO "_PostToTag" VALUES (1, 1), (1, 2), (3, 2);
  `)
})

afterAll(() => world.close())

describe('relations', () => {
  for (const relationLoadStrategy of ['query', 'join'] as const) {
    test(`include over two levels, by ${relationLoadStrategy}`, async () => {
      const users = await prisma.user.findMany({
        relationLoadStrategy,
        orderBy: { id: 'asc' },
        include: {
          profile: true,
          posts: { orderBy: { title: 'asc' }, include: { tags: { orderBy: { name: 'asc' } } } },
          _count: { select: { posts: true } },
        },
      })
      const told = users.map(({ email, role, profile, posts, _count }) => ({
        email,
        role,
        bio: profile?.bio ?? null,
        posts: posts.map(({ title, tags }) => [title, ...tags.map(({ name }) => name)]),
        count: _count.posts,
      }))
      expect(told).toEqual([
        { email: 'ada@x', role: 'ADMIN', bio: 'counts', posts: [['a1', 'blue', 'red'], ['a2']], count: 2 },
        { email: 'bob@x', role: 'MEMBER', bio: null, posts: [['b1', 'blue']], count: 1 },
        { email: 'cy@x', role: 'GUEST', bio: null, posts: [], count: 0 },
      ])
    })

    test(`select over two levels, by ${relationLoadStrategy}`, async () => {
      expect(
        await prisma.tag.findMany({
          relationLoadStrategy,
          orderBy: { name: 'asc' },
          select: {
            name: true,
            posts: { orderBy: { id: 'asc' }, select: { author: { select: { name: true } } } },
          },
        }),
      ).toEqual([
        { name: 'blue', posts: [{ author: { name: 'Ada' } }, { author: { name: 'Bob' } }] },
        { name: 'red', posts: [{ author: { name: 'Ada' } }] },
      ])
    })
  }

  test('filters, cursors and distinct', async () => {
    expect(
      await prisma.user.count({ where: { posts: { some: { tags: { some: { name: 'blue' } } } } } }),
    ).toBe(2)
    expect(
      await prisma.user.findMany({
        where: { OR: [{ email: { startsWith: 'ADA', mode: 'insensitive' } }, { name: null }] },
        select: { email: true },
        orderBy: { id: 'asc' },
      }),
    ).toEqual([{ email: 'ada@x' }, { email: 'cy@x' }])
    expect(
      await prisma.user.findMany({
        where: { role: { in: ['GUEST', 'ADMIN'] } },
        select: { id: true },
        orderBy: { id: 'asc' },
      }),
    ).toEqual([{ id: 1 }, { id: 3 }])
    expect(
      await prisma.post.findMany({
        cursor: { id: 2 },
        skip: 1,
        take: 5,
        orderBy: { id: 'asc' },
        select: { id: true },
      }),
    ).toEqual([{ id: 3 }])
    expect(
      await prisma.post.findMany({
        distinct: ['authorId'],
        orderBy: { id: 'asc' },
        select: { authorId: true },
      }),
    ).toEqual([{ authorId: 1 }, { authorId: 2 }])
    expect(await prisma.user.findUnique({ where: { email: 'nobody@x' } })).toBeNull()
  })

  test('findUnique calls of one tick become one statement, and each gets its own row', async () => {
    const users = await Promise.all([1, 2, 3].map((id) => prisma.user.findUnique({ where: { id } })))
    expect(users.map((user) => user?.email)).toEqual(['ada@x', 'bob@x', 'cy@x'])
  })
})

describe('aggregations', () => {
  test('aggregate', async () => {
    expect(
      await prisma.post.aggregate({
        _count: { _all: true },
        _sum: { views: true },
        _avg: { views: true },
        _min: { title: true },
        _max: { views: true },
      }),
    ).toEqual({
      _count: { _all: 3 },
      _sum: { views: 23 },
      _avg: { views: 23 / 3 },
      _min: { title: 'a1' },
      _max: { views: 11 },
    })
    expect(await prisma.post.aggregate({ where: { id: 0 }, _sum: { views: true } })).toEqual({
      _sum: { views: null },
    })
  })

  test('groupBy with having', async () => {
    expect(
      await prisma.post.groupBy({
        by: ['authorId'],
        _sum: { views: true },
        _count: true,
        having: { views: { _sum: { gt: 11 } } },
      }),
    ).toEqual([{ authorId: 1, _count: 2, _sum: { views: 12 } }])
    expect(
      await prisma.user.groupBy({ by: ['role'], orderBy: { role: 'asc' }, _max: { balance: true } }),
    ).toEqual([
      { role: 'ADMIN', _max: { balance: 10 } },
      { role: 'MEMBER', _max: { balance: 20 } },
      { role: 'GUEST', _max: { balance: 30 } },
    ])
  })

  test('count, of rows and of fields', async () => {
    expect(await prisma.user.count()).toBe(3)
    expect(await prisma.user.count({ select: { _all: true, name: true } })).toEqual({ _all: 3, name: 2 })
  })
})

describe('raw queries', () => {
  test('$queryRaw with parameters of every kind', async () => {
    const when = new Date('2024-02-29T12:34:56.789Z')
    const rows = await prisma.$queryRaw`
      SELECT ${'té"xt'}::text AS text, ${42}::int AS int, ${9007199254740993n}::bigint AS bigint,
             ${1.5}::float8 AS float, ${true}::boolean AS boolean, ${null}::text AS nothing,
             ${when}::timestamptz AS instant, ${new Prisma.Decimal('1.10')}::numeric AS decimal,
             ${Buffer.from([0, 255])}::bytea AS bytes, ${['a', 'b,"c"']}::text[] AS texts,
             ${[1, 2]}::int[] AS ints, ${{ a: [1, null] }}::jsonb AS json`
    expect(rows).toEqual([
      {
        text: 'té"xt',
        int: 42,
        bigint: 9007199254740993n,
        float: 1.5,
        boolean: true,
        nothing: null,
        instant: when,
        decimal: new Prisma.Decimal('1.1'),
        bytes: new Uint8Array([0, 255]),
        texts: ['a', 'b,"c"'],
        ints: [1, 2],
        json: { a: [1, null] },
      },
    ])
  })

  test('parameters are never part of the SQL', async () => {
    const hostile = `'; DROP TABLE "User"; --`
    expect(await prisma.$queryRaw`SELECT ${hostile} AS text`).toEqual([{ text: hostile }])
    expect(await prisma.$queryRawUnsafe('SELECT $1::text AS text, $2::int + 1 AS next', hostile, 1)).toEqual([
      { text: hostile, next: 2 },
    ])
    expect(await prisma.user.count()).toBe(3)
  })

  test('composed with Prisma.sql, Prisma.join and Prisma.empty', async () => {
    const ids = Prisma.join([1, 3])
    expect(
      await prisma.$queryRaw(
        Prisma.sql`SELECT "email" FROM "User" WHERE "id" IN (${ids}) ${Prisma.empty} ORDER BY "id"`,
      ),
    ).toEqual([{ email: 'ada@x' }, { email: 'cy@x' }])
  })

  test('$executeRaw and $executeRawUnsafe say how many rows they changed', async () => {
    expect(await prisma.$executeRaw`UPDATE "User" SET "balance" = "balance" WHERE "id" <= ${2}`).toBe(2)
    expect(await prisma.$executeRawUnsafe('UPDATE "User" SET "balance" = 30 WHERE "id" = $1', 3)).toBe(1)
    expect(await prisma.$executeRaw`DELETE FROM "Log"`).toBe(0)
    expect(await prisma.$executeRaw`SET lock_timeout = 0`).toBe(0)
  })

  test('a second statement in a raw query is refused by the server', async () => {
    const error = await knownErrorOf(prisma.$queryRawUnsafe('SELECT 1; DROP TABLE "Log"'))
    expect(error.code).toBe('P2010')
    expect(error.message).toContain('42601')
    expect(await prisma.log.count()).toBe(0)
  })

  test('columns of the same name, and no columns at all', async () => {
    expect(await prisma.$queryRaw`SELECT 1 AS a, 2 AS a`).toEqual([{ a: 2 }])
    expect(await prisma.$queryRaw`SELECT FROM "User" LIMIT 2`).toEqual([{}, {}])
  })

  test('functions that return nothing', async () => {
    expect(await prisma.$queryRaw`SELECT pg_sleep(0) AS nothing`).toEqual([{ nothing: null }])
  })
})
