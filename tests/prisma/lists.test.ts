// Every list type, written through Prisma and read by the server, and the other way round; in a plain
// database, and in one whose settings are as far from the usual as they can be.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Lists, PrismaClient } from '../generated/prisma/client.js'
import { createWorld, type World } from './support.js'
import { type Case, DATABASES, LISTS, observeIn } from './type-cases.js'

function firstOf([first]: readonly Case[]): unknown[] {
  return first![0] as unknown[]
}

describe.each(DATABASES)('in %s', (_, settings) => {
  let world: World
  let prisma: PrismaClient
  let observe: ReturnType<typeof observeIn>

  beforeAll(async () => {
    world = await createWorld(settings)
    ;({ prisma } = world.open({ maxSize: 2 }))
    observe = observeIn(world.database, 'Lists')
    await observe.prepare()
  })

  afterAll(() => world.close())

  describe('a list', () => {
    async function read(id: number, field: string): Promise<unknown> {
      const row = await prisma.lists.findUniqueOrThrow({ where: { id } })
      return row[field as keyof Lists]
    }

    test.each(Object.entries(LISTS))(
      'of %s is the same to Prisma and to the server',
      async (field, cases) => {
        const empty: Case = [[], '{}']
        for (const [value, text] of [...cases, empty]) {
          const made = await prisma.lists.create({ data: { [field]: value } })
          expect(made[field as keyof Lists]).toEqual(value)
          expect(await observe.textOf(field, made.id)).toBe(text)
          expect(await read(await observe.insertText(field, text), field)).toEqual(value)
          const { id } = await prisma.lists.create({ data: {} })
          await prisma.lists.update({ where: { id }, data: { [field]: { set: value } } })
          expect(await observe.textOf(field, id)).toBe(text)
        }
      },
    )

    test.each(Object.entries(LISTS))('of %s grows by push', async (field, cases) => {
      const value = firstOf(cases)
      const [first, ...rest] = value
      const { id } = await prisma.lists.create({ data: { [field]: [first] } })
      // Prisma takes a list that is pushed to a list of JSON for one JSON value.
      const pushes = field.startsWith('json') ? rest : [rest]
      for (const push of pushes) {
        await prisma.lists.update({ where: { id }, data: { [field]: { push } } })
      }
      await prisma.lists.update({ where: { id }, data: { [field]: { push: first } } })
      expect(await read(id, field)).toEqual([first, ...rest, first])
    })

    test('of any type that the database has no list for is empty to Prisma', async () => {
      const [row] = await world.database.query<{ id: number }>(
        'INSERT INTO "Lists" DEFAULT VALUES RETURNING "id"',
      )
      const { id, ...fields } = await prisma.lists.findUniqueOrThrow({ where: { id: row!.id } })
      expect(id).toBe(row!.id)
      expect(Object.values(fields)).toEqual(Object.values(fields).map(() => []))
      expect(Object.values(fields)).toHaveLength(Object.keys(LISTS).length)
    })

    test.each(Object.entries(LISTS).filter(([field]) => field !== 'json'))(
      'of %s is found by what it has',
      async (field, cases) => {
        const value = firstOf(cases)
        const [first] = value
        const { id } = await prisma.lists.create({ data: { [field]: value } })
        const count = (filter: object) => prisma.lists.count({ where: { id, [field]: filter } })
        expect(await count({ has: first })).toBe(1)
        expect(await count({ hasEvery: value })).toBe(1)
        expect(await count({ hasSome: [first] })).toBe(1)
        expect(await count({ isEmpty: true })).toBe(0)
        expect(await count({ equals: value })).toBe(1)
      },
    )

    test('of enums is a list in raw queries only when cast to text[]', async () => {
      const { id } = await prisma.lists.create({ data: { role: ['GUEST', 'ADMIN'] } })
      expect(
        await prisma.$queryRaw`SELECT "role"::text[] AS list, "role" AS text FROM "Lists" WHERE "id" = ${id}`,
      ).toEqual([{ list: ['a guest', 'ADMIN'], text: '{"a guest",ADMIN}' }])
    })
  })
})
