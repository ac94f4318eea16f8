// What Prisma's client makes of writes over relations, each checked in the database itself.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { PrismaClient } from '../generated/prisma/client.js'
import { createWorld, knownErrorOf, type World } from './support.js'

let world: World
let prisma: PrismaClient

beforeAll(async () => {
  world = await createWorld()
  ;({ prisma } = world.open({ maxSize: 2 }))
})

afterAll(() => world.close())

beforeEach(() => world.empty())

/** The rows of the database as one line of text each. */
async function lines(sql: string): Promise<string[]> {
  const rows = await world.database.query<{ line: string }>(`SELECT line FROM (${sql}) AS t (line)`)
  return rows.map(({ line }) => line)
}

const TAGGED = `
  SELECT p."title" || ': ' || string_agg(t."name", ', ' ORDER BY t."name")
    FROM "Post" p JOIN "_PostToTag" pt ON pt."A" = p."id" JOIN "Tag" t ON t."id" = pt."B"
   GROUP BY p."title" ORDER BY p."title"`

describe('nested writes', () => {
  test('create rows over all three kinds of relation in one call', async () => {
    const ada = await prisma.user.create({
      data: {
        email: 'ada@example.com',
        role: 'GUEST',
        profile: { create: { bio: 'counts' } },
        posts: {
          create: [
            { title: 'one', tags: { create: [{ name: 'a' }, { name: 'b' }] } },
            {
              title: 'two',
              published: true,
              tags: { connectOrCreate: { where: { name: 'a' }, create: { name: 'a' } } },
            },
          ],
        },
      },
      include: { profile: true, posts: { include: { tags: true }, orderBy: { title: 'asc' } } },
    })
    expect(ada).toMatchObject({
      role: 'GUEST',
      profile: { bio: 'counts' },
      posts: [
        { title: 'one', tags: [{ name: 'a' }, { name: 'b' }] },
        { title: 'two', tags: [{ name: 'a' }] },
      ],
    })
    expect(await lines('SELECT "role"::text FROM "User"')).toEqual(['a guest'])
    expect(await lines('SELECT "bio" FROM "Profile" JOIN "User" u ON u."id" = "userId"')).toEqual(['counts'])
    expect(await lines(TAGGED)).toEqual(['one: a, b', 'two: a'])
  })

  test('connect, connectOrCreate, set and disconnect rows that exist', async () => {
    const [red, blue] = await prisma.tag.createManyAndReturn({ data: [{ name: 'red' }, { name: 'blue' }] })
    const user = await prisma.user.create({
      data: { email: 'b@example.com', posts: { create: { title: 'p', tags: { connect: { id: red!.id } } } } },
    })
    expect(await lines(TAGGED)).toEqual(['p: red'])

    await prisma.user.update({
      where: { id: user.id },
      data: {
        posts: {
          update: {
            where: { authorId_title: { authorId: user.id, title: 'p' } },
            data: {
              tags: {
                connectOrCreate: [
                  { where: { name: 'blue' }, create: { name: 'blue' } },
                  { where: { name: 'new' }, create: { name: 'new' } },
                ],
              },
            },
          },
        },
      },
    })
    expect(await lines(TAGGED)).toEqual(['p: blue, new, red'])
    const [post] = await prisma.post.findMany()
    await prisma.post.update({ where: { id: post!.id }, data: { tags: { disconnect: { id: red!.id } } } })
    expect(await lines(TAGGED)).toEqual(['p: blue, new'])
    await prisma.post.update({ where: { id: post!.id }, data: { tags: { set: [{ id: blue!.id }] } } })
    expect(await lines(TAGGED)).toEqual(['p: blue'])
  })

  test('update, upsert and delete rows below', async () => {
    const user = await prisma.user.create({
      data: {
        email: 'c@example.com',
        profile: { create: { bio: 'old' } },
        posts: { create: [{ title: 'stays' }, { title: 'goes' }, { title: 'goes too', views: 1 }] },
      },
      include: { posts: true },
    })
    const goes = user.posts.find(({ title }) => title === 'goes')!
    await prisma.user.update({
      where: { id: user.id },
      data: {
        name: 'C',
        balance: { increment: 5 },
        profile: { upsert: { create: { bio: 'made' }, update: { bio: 'new' } } },
        posts: {
          delete: { id: goes.id },
          deleteMany: { views: { gt: 0 } },
          updateMany: { where: { title: 'stays' }, data: { published: true } },
          upsert: { where: { id: 0 }, create: { title: 'comes' }, update: { title: 'never' } },
        },
      },
    })
    expect(await lines('SELECT "bio" FROM "Profile"')).toEqual(['new'])
    expect(await lines(`SELECT "title" || ' ' || "published" FROM "Post" ORDER BY "title"`)).toEqual([
      'comes false',
      'stays true',
    ])
    expect(await lines(`SELECT "name" || ' ' || "balance" FROM "User"`)).toEqual(['C 5'])
  })

  test('write all or nothing', async () => {
    await prisma.tag.create({ data: { name: 'taken' } })
    const error = await knownErrorOf(
      prisma.user.create({
        data: {
          email: 'd@example.com',
          profile: { create: { bio: 'x' } },
          posts: { create: { title: 'x', tags: { create: { name: 'taken' } } } },
        },
      }),
    )
    expect(error.code).toBe('P2002')
    expect(await lines('SELECT "email" FROM "User" UNION ALL SELECT "title" FROM "Post"')).toEqual([])
  })
})

describe('writes of many rows', () => {
  test('createMany inserts all, or skips duplicates, and says how many', async () => {
    const data = [{ email: '1@x' }, { email: '2@x' }, { email: '3@x', name: null }]
    expect(await prisma.user.createMany({ data })).toEqual({ count: 3 })
    expect(await prisma.user.createMany({ data: [...data, { email: '4@x' }], skipDuplicates: true })).toEqual(
      {
        count: 1,
      },
    )
    expect((await knownErrorOf(prisma.user.createMany({ data: [{ email: '5@x' }, ...data] }))).code).toBe(
      'P2002',
    )
    expect(await lines('SELECT "email" FROM "User" ORDER BY 1')).toEqual(['1@x', '2@x', '3@x', '4@x'])
  })

  test('createMany splits what has more parameters than one statement may have', async () => {
    const data = Array.from({ length: 20_000 }, (_, index) => ({
      email: `${index}@x`,
      name: 'n',
      balance: index,
    }))
    expect(await prisma.user.createMany({ data })).toEqual({ count: 20_000 })
    expect(await lines('SELECT sum("balance")::text FROM "User"')).toEqual(['199990000'])
  })

  test('createManyAndReturn, updateManyAndReturn, updateMany and deleteMany', async () => {
    const made = await prisma.user.createManyAndReturn({
      data: [{ email: '1@x' }, { email: '2@x', balance: 7 }],
      select: { email: true, balance: true },
    })
    expect(made).toEqual([
      { email: '1@x', balance: 0 },
      { email: '2@x', balance: 7 },
    ])
    expect(await prisma.user.updateMany({ data: { balance: { multiply: 2 } } })).toEqual({ count: 2 })
    expect(
      await prisma.user.updateManyAndReturn({
        where: { balance: 14 },
        data: { name: 'rich' },
        select: { name: true },
      }),
    ).toEqual([{ name: 'rich' }])
    expect(await prisma.user.updateMany({ where: { email: 'none' }, data: { name: 'x' } })).toEqual({
      count: 0,
    })
    expect(await prisma.user.deleteMany({ where: { balance: 0 } })).toEqual({ count: 1 })
    expect(await lines(`SELECT "email" || ' ' || "name" FROM "User"`)).toEqual(['2@x rich'])
  })
})

test('upsert creates, then updates, also when many do it at the same time', async () => {
  const upsert = () =>
    prisma.user.upsert({
      where: { email: 'u@x' },
      create: { email: 'u@x', balance: 1 },
      update: { balance: { increment: 1 } },
    })
  expect(await upsert()).toMatchObject({ balance: 1 })
  expect(await upsert()).toMatchObject({ balance: 2 })
  await Promise.all(Array.from({ length: 20 }, upsert))
  expect(await lines('SELECT "balance"::text FROM "User"')).toEqual(['22'])
})

test('update and delete answer with the row', async () => {
  await prisma.user.create({ data: { email: 'x@x' } })
  expect(await prisma.user.update({ where: { email: 'x@x' }, data: { role: 'ADMIN' } })).toMatchObject({
    role: 'ADMIN',
  })
  expect(await prisma.user.delete({ where: { email: 'x@x' } })).toMatchObject({ email: 'x@x', role: 'ADMIN' })
  expect(await lines('SELECT "email" FROM "User"')).toEqual([])
})
