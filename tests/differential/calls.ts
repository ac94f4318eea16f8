// Calls that every adapter for PostgreSQL answers alike: a broad set over the models of tests/prisma, each on the
// same rows. What is known to be answered differently is in differences.ts instead.
import { Prisma, type PrismaClient } from '../generated/prisma/client.js'
import { errorOf } from '../prisma/support.js'

export interface Call {
  readonly name: string
  readonly run: (prisma: PrismaClient) => Promise<unknown>
}

/** What each call finds in the tables. */
export const ROWS = `
  INSERT INTO "User" ("email", "name", "role", "balance") VALUES
    ('ada@x', 'Ada', 'ADMIN', 30), ('bob@x', NULL, 'MEMBER', 20), ('eve@x', 'Eve', 'a guest', 10);
  INSERT INTO "Profile" ("bio", "userId") VALUES ('first', 1), ('third', 3);
  INSERT INTO "Post" ("title", "published", "views", "authorId") VALUES
    ('one', true, 5, 1), ('two', false, 7, 1), ('three', true, 9, 2);
  INSERT INTO "Tag" ("name") VALUES ('red'), ('green'), ('blue');
  INSERT INTO "_PostToTag" VALUES (1, 1), (1, 2), (3, 2);
  INSERT INTO "Scalars" ("text", "int", "jsonb", "decimal", "timestamp", "bytes", "bigint", "uuid") VALUES
    ('a', 1, '{"a": {"b": [1, 2]}, "s": "x"}', 1.50, '2024-02-29 12:34:56.789', '\\x00ff', 9007199254740993,
      '00000000-0000-0000-0000-00000000000a'),
    ('b', 2, '[1, "two", null]', -0.001, '1969-12-31 23:59:59.001', '', -1, NULL),
    (NULL, NULL, 'null', NULL, NULL, NULL, NULL, NULL);
  INSERT INTO "Lists" ("text", "int") VALUES ('{a,"b c",""}', '{1,2}'), ('{}', '{}')`

const user = { email: 'new@x', name: 'New' }

function group(name: string, calls: Record<string, Call['run']>): Call[] {
  return Object.entries(calls).map(([call, run]) => ({ name: `${name}: ${call}`, run }))
}

const reads = group('read', {
  findMany: (prisma) => prisma.user.findMany(),
  'findMany of nothing': (prisma) => prisma.user.findMany({ where: { email: 'nobody@x' } }),
  'findMany, ordered, a page of it': (prisma) =>
    prisma.user.findMany({ orderBy: [{ role: 'asc' }, { id: 'desc' }], skip: 1, take: 1 }),
  'findMany, nulls first': (prisma) =>
    prisma.user.findMany({ orderBy: { name: { sort: 'asc', nulls: 'first' } } }),
  'findMany from a cursor': (prisma) =>
    prisma.user.findMany({ cursor: { id: 2 }, take: -2, orderBy: { id: 'asc' } }),
  'findMany, distinct': (prisma) => prisma.post.findMany({ distinct: ['published'], orderBy: { id: 'asc' } }),
  findUnique: (prisma) => prisma.user.findUnique({ where: { email: 'ada@x' } }),
  'findUnique by two fields': (prisma) =>
    prisma.post.findUnique({ where: { authorId_title: { authorId: 1, title: 'two' } } }),
  'findUnique, several in one batch': (prisma) =>
    Promise.all([1, 2, 99].map((id) => prisma.user.findUnique({ where: { id } }))),
  'findUnique of nothing': (prisma) => prisma.user.findUnique({ where: { id: 99 } }),
  findFirst: (prisma) =>
    prisma.user.findFirst({ where: { balance: { gt: 10 } }, orderBy: { balance: 'asc' } }),
  select: (prisma) => prisma.user.findMany({ select: { name: true, role: true } }),
  omit: (prisma) => prisma.user.findMany({ omit: { email: true } }),
  'relations by join': (prisma) =>
    prisma.user.findMany({
      include: { profile: true, posts: { include: { tags: true } } },
      relationLoadStrategy: 'join',
    }),
  'relations by query': (prisma) =>
    prisma.user.findMany({
      include: { profile: true, posts: { include: { tags: true } } },
      relationLoadStrategy: 'query',
    }),
  'counts of relations': (prisma) =>
    prisma.user.findMany({
      select: { id: true, _count: { select: { posts: { where: { published: true } } } } },
    }),
  'fluent relations': (prisma) =>
    prisma.user.findUnique({ where: { id: 1 } }).posts({ orderBy: { id: 'asc' } }),
  'filters on text': (prisma) =>
    prisma.user.findMany({
      where: {
        OR: [
          { email: { startsWith: 'ADA', mode: 'insensitive' } },
          { name: { contains: 'v' } },
          { email: { endsWith: '%' } },
        ],
      },
    }),
  'filters: in, not, null': (prisma) =>
    prisma.user.findMany({
      where: { id: { in: [1, 2, 3] }, NOT: { name: null }, role: { notIn: ['GUEST'] } },
    }),
  'filters on relations': (prisma) =>
    prisma.user.findMany({
      where: { posts: { some: { tags: { some: { name: 'green' } } }, none: { views: { gt: 7 } } } },
    }),
  'filters between fields': (prisma) =>
    prisma.post.findMany({ where: { views: { gt: prisma.post.fields.authorId } } }),
  'filters on an empty list': (prisma) => prisma.user.findMany({ where: { id: { in: [] } } }),
  'filters on 10,000 ids': (prisma) =>
    prisma.user.findMany({ where: { id: { in: Array.from({ length: 10_000 }, (_, id) => id) } } }),
  'filters on more ids than a statement has parameters': (prisma) =>
    prisma.user.findMany({ where: { id: { in: Array.from({ length: 40_000 }, (_, id) => id) } } }),
})

const writes = group('write', {
  create: (prisma) => prisma.user.create({ data: user }),
  'create with relations': (prisma) =>
    prisma.user.create({
      data: {
        ...user,
        profile: { create: { bio: 'b' } },
        posts: {
          create: [
            { title: 't', tags: { connectOrCreate: [{ where: { name: 'red' }, create: { name: 'red' } }] } },
          ],
        },
      },
      include: { profile: true, posts: { include: { tags: true } } },
    }),
  createMany: (prisma) => prisma.user.createMany({ data: [user, { email: 'more@x' }] }),
  'createMany of nothing': (prisma) => prisma.user.createMany({ data: [] }),
  'createMany, duplicates skipped': (prisma) =>
    prisma.user.createMany({ data: [user, { email: 'ada@x' }], skipDuplicates: true }),
  createManyAndReturn: (prisma) =>
    prisma.user.createManyAndReturn({ data: [user, { email: 'more@x' }], select: { id: true, role: true } }),
  'createMany of 9,000 rows': (prisma) =>
    prisma.log.createMany({ data: Array.from({ length: 9_000 }, (_, at) => ({ text: `row ${at}` })) }),
  update: (prisma) =>
    prisma.user.update({ where: { id: 1 }, data: { balance: { increment: 5 }, name: null, role: 'GUEST' } }),
  'update of relations': (prisma) =>
    prisma.post.update({
      where: { id: 1 },
      data: {
        tags: { disconnect: { id: 1 }, connect: { id: 3 }, create: { name: 'new' } },
        author: { connect: { id: 2 } },
      },
      include: { tags: { orderBy: { id: 'asc' } }, author: true },
    }),
  'set of a relation': (prisma) =>
    prisma.post.update({ where: { id: 1 }, data: { tags: { set: [{ id: 3 }] } }, include: { tags: true } }),
  updateMany: (prisma) =>
    prisma.post.updateMany({ where: { published: true }, data: { views: { multiply: 2 } } }),
  updateManyAndReturn: (prisma) =>
    prisma.post.updateManyAndReturn({ where: { authorId: 1 }, data: { views: { decrement: 1 } } }),
  'upsert that creates': (prisma) =>
    prisma.user.upsert({ where: { email: 'new@x' }, create: user, update: { name: 'no' } }),
  'upsert that updates': (prisma) =>
    prisma.user.upsert({ where: { email: 'ada@x' }, create: user, update: { name: 'yes' } }),
  'upsert with relations': (prisma) =>
    prisma.user.upsert({
      where: { email: 'bob@x' },
      create: user,
      update: { profile: { create: { bio: 'b' } } },
      include: { profile: true },
    }),
  delete: (prisma) => prisma.user.delete({ where: { id: 3 } }),
  'deletes what hangs on it': async (prisma) => {
    await prisma.user.delete({ where: { id: 3 } })
    return prisma.profile.findMany()
  },
  deleteMany: (prisma) => prisma.post.deleteMany({ where: { views: { lt: 9 } } }),
})

const aggregates = group('aggregate', {
  count: (prisma) => prisma.user.count({ where: { name: { not: null } } }),
  'count of fields': (prisma) => prisma.user.count({ select: { _all: true, name: true } }),
  aggregate: (prisma) =>
    prisma.post.aggregate({
      _sum: { views: true },
      _avg: { views: true },
      _min: { title: true },
      _max: { views: true },
      _count: true,
    }),
  'of nothing': (prisma) =>
    prisma.post.aggregate({ where: { id: 99 }, _sum: { views: true }, _avg: { views: true }, _count: true }),
  'of decimals, bigints, dates': (prisma) =>
    prisma.scalars.aggregate({
      _sum: { decimal: true, bigint: true },
      _avg: { decimal: true, bigint: true },
      _min: { timestamp: true },
      _max: { timestamp: true },
    }),
  groupBy: (prisma) =>
    prisma.post.groupBy({
      by: ['authorId'],
      _sum: { views: true },
      _count: { _all: true },
      having: { views: { _avg: { gt: 1 } } },
      orderBy: { authorId: 'asc' },
    }),
})

const scalars: Prisma.ScalarsCreateInput[] = [
  { text: 'with \' and " and \\ and 🦊 and \u0001', varchar: 'v', char: 'c', xml: '<a/>' },
  { uuid: 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', inet: '10.0.0.1', bit: '1010', varbit: '101' },
  { boolean: false, int: -2_147_483_648, smallint: 32_767, oid: 1, bigint: -9_223_372_036_854_775_808n },
  { float: 0.1, real: 0.5 },
  { float: 1e308, real: -1e-10 },
  { decimal: '12345678901234567890.123456789', decimal10: '-0.01' },
  { decimal: new Prisma.Decimal('1e-20') },
  { timestamp: new Date('2024-02-29T12:34:56.789Z'), timestamp6: new Date('1900-01-01T00:00:00Z') },
  { date: new Date('2024-02-29T00:00:00Z'), time: new Date('1970-01-01T23:59:59.999Z') },
  { json: { a: [1, 'two', null, { b: true }] }, jsonb: ['x'] },
  { json: Prisma.JsonNull, jsonb: Prisma.DbNull },
  { json: 'text', jsonb: 1.5 },
  { bytes: new Uint8Array([0, 1, 255]) },
  { bytes: new Uint8Array() },
  { role: 'GUEST' },
  {},
]

/** See differences.ts. */
const omit = { timetz: true }

const lists: Prisma.ListsCreateInput[] = [
  {
    text: ['', 'a,b', '"', '\\', '{}', 'NULL', '🦊'],
    varchar: ['x'],
    uuid: ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  },
  { boolean: [true, false], int: [1, -1], smallint: [1], bigint: [9_007_199_254_740_993n] },
  { float: [0.1, 1e300], real: [0.5], decimal: ['1.10', '2'], decimal10: ['1.10'] },
  { timestamp: [new Date('2024-02-29T12:34:56.789Z')], date: [new Date('2024-02-29T00:00:00Z')] },
  { bytes: [new Uint8Array([1, 2]), new Uint8Array()], role: ['ADMIN', 'GUEST'] },
  {},
]

const values = [
  ...group(
    'scalars',
    Object.fromEntries(
      scalars.map((data, at) => [
        `${at}, ${Object.keys(data).join(', ')}`,
        async (prisma: PrismaClient) => {
          const written = await prisma.scalars.create({ data })
          return [written, await prisma.scalars.findUnique({ where: { id: written.id } })]
        },
      ]),
    ),
  ),
  ...group(
    'lists',
    Object.fromEntries(
      lists.map((data, at) => [
        `${at}, ${Object.keys(data).join(', ')}`,
        async (prisma: PrismaClient) => {
          const written = await prisma.lists.create({ data, omit })
          return [written, await prisma.lists.findUnique({ where: { id: written.id }, omit })]
        },
      ]),
    ),
  ),
  ...group('filter on', {
    'a list': (prisma) =>
      prisma.lists.findMany({
        where: { text: { has: 'b c' }, int: { hasEvery: [1, 2] } },
        select: { id: true },
      }),
    'an empty list': (prisma) =>
      prisma.lists.findMany({ where: { text: { isEmpty: true } }, select: { id: true } }),
    'a pushed list': (prisma) =>
      prisma.lists.update({ where: { id: 1 }, data: { int: { push: [3] }, text: { set: ['z'] } }, omit }),
    'a path in JSON': (prisma) =>
      prisma.scalars.findMany({
        where: { jsonb: { path: ['a', 'b'], array_contains: [2] } },
        select: { id: true },
      }),
    'a string in JSON': (prisma) =>
      prisma.scalars.findMany({
        where: { jsonb: { path: ['s'], string_starts_with: 'x' } },
        select: { id: true },
      }),
    'the whole JSON': (prisma) =>
      prisma.scalars.findMany({ where: { jsonb: { equals: [1, 'two', null] } }, select: { id: true } }),
    'the null of JSON, and that of the database': (prisma) =>
      Promise.all(
        [Prisma.JsonNull, Prisma.DbNull, Prisma.AnyNull].map((equals) =>
          prisma.scalars.findMany({ where: { jsonb: { equals } }, select: { id: true } }),
        ),
      ),
    'a decimal, a bigint, a date': (prisma) =>
      prisma.scalars.findMany({
        where: {
          decimal: '1.5',
          bigint: 9_007_199_254_740_993n,
          timestamp: { lt: new Date('2025-01-01T00:00:00Z') },
        },
        select: { id: true },
      }),
    bytes: (prisma) =>
      prisma.scalars.findMany({ where: { bytes: new Uint8Array([0, 255]) }, select: { id: true } }),
    'a uuid': (prisma) =>
      prisma.scalars.findMany({
        where: { uuid: '00000000-0000-0000-0000-00000000000A' },
        select: { id: true },
      }),
  }),
]

const raws = group('raw', {
  'values of many types': (prisma) =>
    prisma.$queryRaw`SELECT 1 AS int, 2::int8 AS big, 1.5::numeric AS decimal, 1.5::float8 AS float, 'x' AS text,
      true AS yes, NULL AS nothing, '\\x00ff'::bytea AS bytes, '{"a": 1}'::jsonb AS jsonb, '[1]'::json AS json,
      '2024-02-29'::date AS date, '2024-02-29 12:34:56'::timestamp AS timestamp, '12:34:56'::time AS time,
      'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid AS uuid, 'a'::char(3) AS char, 'ADMIN'::"Role" AS role,
      '10.0.0.1'::inet AS inet, B'101' AS bits, 1::int2 AS small, 1::oid AS oid, 'n'::name AS name`,
  'lists of many types': (prisma) =>
    prisma.$queryRaw`SELECT ARRAY[1, NULL, 2] AS int, ARRAY[1.5] AS decimal, ARRAY['a', NULL, ''] AS text,
      ARRAY[true] AS yes, ARRAY['2024-02-29'::date] AS date, '{}'::int8[] AS none, ARRAY['{"a": 1}'::jsonb] AS jsonb`,
  'arguments of many types': (prisma) =>
    prisma.$queryRaw`SELECT ${1} + 1 AS int, ${9_007_199_254_740_993n}::int8 AS big, ${'x'}::text AS text, ${true}::bool AS yes,
      ${null}::text AS nothing, ${new Uint8Array([1])}::bytea AS bytes, ${new Prisma.Decimal('1.50')}::numeric AS decimal,
      ${new Date('2024-02-29T12:34:56.789Z')}::timestamp AS timestamp, ${[1, 2]}::int[] AS list, ${['a']}::text[] AS texts,
      ${{ a: 1 }}::jsonb AS jsonb`,
  'no rows': (prisma) => prisma.$queryRaw`SELECT 1 AS one WHERE false`,
  'a join and a list': (prisma) =>
    prisma.$queryRaw`SELECT u."email", count(p.*) AS posts FROM "User" u LEFT JOIN "Post" p ON p."authorId" = u."id"
      WHERE u."id" IN (${Prisma.join([1, 2])}) GROUP BY u."id" ORDER BY u."id"`,
  'two columns of one name': (prisma) => prisma.$queryRaw`SELECT 1 AS a, 2 AS a`,
  'an insert that returns': (prisma) =>
    prisma.$queryRaw`INSERT INTO "Log" ("text") VALUES (${'x'}), ('y') RETURNING "id", "text"`,
  'rows affected': (prisma) =>
    prisma.$executeRaw`UPDATE "User" SET "balance" = "balance" + 1 WHERE "id" < ${3}`,
  'rows affected by a command': (prisma) => prisma.$executeRaw`SET LOCAL statement_timeout = 1000`,
  unsafe: (prisma) => prisma.$queryRawUnsafe('SELECT "email" FROM "User" WHERE "id" = $1', 1),
  'a table of its own making': async (prisma) => {
    await prisma.$executeRaw`CREATE TABLE made (id int)`
    try {
      return [
        await prisma.$executeRaw`INSERT INTO made VALUES (1), (2)`,
        await prisma.$queryRaw`SELECT * FROM made ORDER BY id`,
      ]
    } finally {
      await prisma.$executeRaw`DROP TABLE made`
    }
  },
})

const transactions = group('transaction', {
  'of a list': (prisma) =>
    prisma.$transaction([
      prisma.user.create({ data: user }),
      prisma.user.count(),
      prisma.$queryRaw`SELECT 1 AS one`,
    ]),
  'of a list that fails': async (prisma) => {
    const error = await errorOf(
      prisma.$transaction([prisma.user.create({ data: user }), prisma.$queryRaw`SELECT 1/0`]),
    )
    return [error, await prisma.user.count()]
  },
  interactive: (prisma) =>
    prisma.$transaction(async (tx) => {
      const { id } = await tx.user.create({ data: user })
      await tx.user.update({ where: { id }, data: { balance: 1 } })
      return tx.user.findMany({ where: { id } })
    }),
  'that throws': async (prisma) => {
    const error = await errorOf(
      prisma.$transaction(async (tx) => {
        await tx.user.create({ data: user })
        throw new RangeError('mine')
      }),
    )
    return [error, await prisma.user.count()]
  },
  'with an isolation level': (prisma) =>
    prisma.$transaction((tx) => tx.$queryRaw`SELECT current_setting('transaction_isolation') AS level`, {
      isolationLevel: 'RepeatableRead',
    }),
  'of nothing': (prisma) => prisma.$transaction(() => Promise.resolve('done')),
  nested: (prisma) =>
    prisma.$transaction(async (tx) => {
      await tx.log.create({ data: { text: 'outer' } })
      await errorOf(
        tx.$transaction(async (inner) => {
          await inner.log.create({ data: { text: 'inner' } })
          throw new Error('inner')
        }),
      )
      return tx.log.findMany()
    }),
  'nested, that fails in the database': (prisma) =>
    prisma.$transaction(async (tx) => {
      await tx.log.create({ data: { text: 'outer' } })
      await errorOf(tx.$transaction((inner) => inner.$queryRaw`SELECT 1/0`))
      return tx.log.findMany()
    }),
  'that takes too long': (prisma) =>
    prisma
      .$transaction(() => new Promise((resolve) => setTimeout(resolve, 300)), { timeout: 100 })
      .catch((error: { code: string }) => error.code),
  'whose statement takes too long': (prisma) =>
    prisma
      .$transaction((tx) => tx.$queryRaw`SELECT 1 AS one FROM pg_sleep(0.3)`, { timeout: 100 })
      .catch((error: { code: string }) => error.code),
  'with parallel statements': (prisma) =>
    prisma.$transaction((tx) =>
      Promise.all([1, 2, 3].map((id) => tx.user.findUniqueOrThrow({ where: { id } }))),
    ),
})

const where = { email: 'nobody@x' }

const errors = group('error', {
  'a row that is not there: update': (prisma) => prisma.user.update({ where, data: { balance: 1 } }),
  'a row that is not there: delete': (prisma) => prisma.user.delete({ where }),
  'a row that is not there: findUniqueOrThrow': (prisma) => prisma.user.findUniqueOrThrow({ where }),
  'a row that is not there: connect': (prisma) =>
    prisma.post.create({ data: { title: 'x', author: { connect: where } } }),
  'a foreign key to nothing': (prisma) => prisma.profile.create({ data: { bio: 'x', userId: 99 } }),
  'a foreign key from elsewhere': (prisma) => prisma.user.delete({ where: { id: 1 } }),
  'a text too long': (prisma) => prisma.scalars.create({ data: { varchar: 'x'.repeat(21) } }),
  'a number too large': (prisma) => prisma.scalars.create({ data: { smallint: 40_000 } }),
  'a uuid that is none': (prisma) => prisma.scalars.create({ data: { uuid: 'none' } }),
  'an argument that Prisma refuses': (prisma) => prisma.user.findMany({ take: 'x' as unknown as number }),
  'a transaction used when it is over': async (prisma) => {
    let late: Pick<PrismaClient, 'user'> | undefined
    await prisma.$transaction((tx) => {
      late = tx
      return Promise.resolve()
    })
    return late?.user.count()
  },
  'raw: division by zero': (prisma) => prisma.$queryRaw`SELECT 1/0`,
  'raw: syntax': (prisma) => prisma.$queryRaw`SELEC 1`,
  'raw: no such table': (prisma) => prisma.$queryRaw`SELECT * FROM nowhere`,
  'raw: conflict': (prisma) => prisma.$executeRawUnsafe(`DO $$ BEGIN RAISE SQLSTATE '40001'; END $$`),
  'raw: raised, with detail and hint': (prisma) =>
    prisma.$executeRawUnsafe(
      `DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'P0042', DETAIL = 'd', HINT = 'h'; END $$`,
    ),
})

export const CALLS: readonly Call[] = [
  ...reads,
  ...writes,
  ...aggregates,
  ...values,
  ...raws,
  ...transactions,
  ...errors,
]
