// The option `schema`: generated queries name it, raw ones find it, whatever it is called.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createWorld, type World } from './support.js'

const MIGRATIONS = path.join(__dirname, 'migrations')

let world: World

beforeAll(async () => {
  world = await createWorld()
})

afterAll(() => world.close())

test.each(['sales', 'My own', `it's`, 'say "hello"', 'a"b"."c', '\\"', 'größe 💾', '--', 'select'])(
  'generated queries and raw ones are of the schema %p',
  async (schema) => {
    const quoted = `"${schema.replaceAll('"', '""')}"`
    await world.database.query(`CREATE SCHEMA ${quoted}`)
    const { adapter, prisma } = world.open({ maxSize: 1 }, { schema }, 'native')
    const connection = await adapter.connect()
    for (const folder of readdirSync(MIGRATIONS, { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    )) {
      const file = path.join(MIGRATIONS, folder.name, 'migration.sql')
      await connection.executeScript(readFileSync(file, 'utf8'))
    }
    await connection.dispose()

    const posts = { create: { title: 'first', tags: { create: { name: 'blue' } } } }
    const data = { email: 'ada@x', role: 'GUEST', posts } as const
    const { id } = await prisma.user.create({ data })
    await prisma.user.upsert({ where: { email: 'ada@x' }, create: data, update: { balance: 7 } })
    const lists = await prisma.lists.create({ data: { role: ['GUEST'] } })
    await prisma.lists.update({ where: { id: lists.id }, data: { role: { push: 'ADMIN' } } })
    const include = { posts: { include: { tags: true } } }
    for (const relationLoadStrategy of ['query', 'join'] as const) {
      expect(await prisma.user.findMany({ include, relationLoadStrategy })).toMatchObject([
        { id, role: 'GUEST', balance: 7, posts: [{ title: 'first', tags: [{ name: 'blue' }] }] },
      ])
    }
    expect(await prisma.$queryRaw`SELECT "email" FROM "User"`).toEqual([{ email: 'ada@x' }])
    expect(await prisma.user.groupBy({ by: ['role'], _count: true })).toEqual([{ role: 'GUEST', _count: 1 }])

    expect(await world.database.query(`SELECT "role"::text FROM ${quoted}."Lists"`)).toEqual([
      { role: '{"a guest",ADMIN}' },
    ])
    expect(await world.database.query(`SELECT FROM public."User"`)).toEqual([])
  },
)
