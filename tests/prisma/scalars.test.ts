// Every scalar type, written through Prisma and read by the server, and the other way round; in a plain
// database, and in one whose settings are as far from the usual as they can be.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { Prisma, type PrismaClient, type Scalars } from '../generated/prisma/client.js'
import { createWorld, knownErrorOf, type World } from './support.js'
import { DATABASES, observeIn, SCALARS } from './type-cases.js'

describe.each(DATABASES)('in %s', (_, settings) => {
  let world: World
  let prisma: PrismaClient
  let observe: ReturnType<typeof observeIn>

  beforeAll(async () => {
    world = await createWorld(settings)
    ;({ prisma } = world.open({ maxSize: 2 }))
    observe = observeIn(world.database, 'Scalars')
    await observe.prepare()
  })

  afterAll(() => world.close())

  describe('a scalar', () => {
    async function read(id: number, field: string): Promise<unknown> {
      const row = await prisma.scalars.findUniqueOrThrow({ where: { id } })
      return row[field as keyof Scalars]
    }

    test.each(Object.entries(SCALARS))('%s is the same to Prisma and to the server', async (field, cases) => {
      for (const [value, text] of cases) {
        const made = await prisma.scalars.create({ data: { [field]: value } })
        expect(made[field as keyof Scalars]).toEqual(value)
        expect(await observe.textOf(field, made.id)).toBe(text)
        expect(await read(await observe.insertText(field, text), field)).toEqual(value)
        await world.database.query(`UPDATE "Scalars" SET "${field}" = NULL WHERE "id" = $1`, [made.id])
        await prisma.scalars.update({ where: { id: made.id }, data: { [field]: value } })
        expect(await observe.textOf(field, made.id)).toBe(text)
      }
    })

    test.each(Object.entries(SCALARS).filter(([field]) => field !== 'xml' && field !== 'json'))(
      '%s finds its row in a filter',
      async (field, cases) => {
        for (const [value] of cases) {
          const { id } = await prisma.scalars.create({
            data: { [field]: value },
          })
          const where = { id, [field]: { equals: value } } as Prisma.ScalarsWhereInput
          expect(await prisma.scalars.count({ where })).toBe(1)
        }
      },
    )

    test('of any type may be null', async () => {
      const { id, ...fields } = await prisma.scalars.create({ data: {} })
      expect(new Set(Object.values(fields))).toEqual(new Set([null]))
      expect(await observe.textOf('decimal', id)).toBeNull()
    })

    test('Json knows the difference between a JSON null and none', async () => {
      const json = await prisma.scalars.create({ data: { jsonb: Prisma.JsonNull } })
      const none = await prisma.scalars.create({ data: { jsonb: Prisma.DbNull } })
      expect(await observe.textOf('jsonb', json.id)).toBe('null')
      expect(await observe.textOf('jsonb', none.id)).toBeNull()
      expect(await prisma.scalars.count({ where: { id: json.id, jsonb: { equals: Prisma.JsonNull } } })).toBe(
        1,
      )
      expect(await prisma.scalars.count({ where: { id: none.id, jsonb: { equals: Prisma.DbNull } } })).toBe(1)
    })

    test('char is padded by the server', async () => {
      const { id } = await prisma.scalars.create({ data: { char: 'ab' } })
      expect(await read(id, 'char')).toBe('ab   ')
    })

    test('a float may be infinite or not a number', async () => {
      expect(await read(await observe.insertText('float', 'Infinity'), 'float')).toBe(Infinity)
      expect(await read(await observe.insertText('float', '-Infinity'), 'float')).toBe(-Infinity)
      expect(await read(await observe.insertText('float', 'NaN'), 'float')).toBeNaN()
    })

    test('a float keeps all its digits in a raw query', async () => {
      const floats = [Number.MAX_VALUE, Number.MIN_VALUE, Number.MAX_SAFE_INTEGER, 0.1 + 0.2]
      for (const float of floats) {
        expect(await prisma.$queryRaw`SELECT ${float}::float8 AS float`).toEqual([{ float }])
      }
    })

    test('microseconds that the server has are cut, not rounded, to milliseconds', async () => {
      const id = await observe.insertText('timestamp6', '2024-02-29 12:34:56.789999')
      expect(await read(id, 'timestamp6')).toEqual(new Date('2024-02-29T12:34:56.789Z'))
    })

    test('a timetz of another time zone is the same time in UTC', async () => {
      const id = await observe.insertText('timetz', '01:00:00+02')
      expect(await read(id, 'timetz')).toEqual(new Date('1970-01-01T23:00:00Z'))
    })

    test.each([
      ['int', 2147483648],
      ['smallint', 32768],
      ['varchar', 'more than twenty characters'],
      ['decimal10', '100000000'],
    ])('%s too large for its column is refused, and nothing is stored', async (field, value) => {
      const before = await prisma.scalars.count()
      const data = { [field]: value } as Prisma.ScalarsCreateInput
      await expect(prisma.scalars.create({ data })).rejects.toThrow()
      expect(await prisma.scalars.count()).toBe(before)
    })
  })

  describe('an instant', () => {
    const instant = new Date('2024-07-01T12:00:00.000Z')

    async function epochs(id: number): Promise<unknown> {
      return world.database.query(
        `SELECT extract(epoch FROM "timestamptz")::float8 AS tz, extract(epoch FROM "timestamp")::float8 AS plain,
                "date"::text, "time"::text
           FROM "Scalars" WHERE "id" = $1`,
        [id],
      )
    }
    const expected = [{ tz: 1719835200, plain: 1719835200, date: '2024-07-01', time: '12:00:00' }]
    const four = { timestamptz: instant, timestamp: instant, date: instant, time: instant }

    test('is stored as itself, also by createMany', async () => {
      const { id } = await prisma.scalars.create({ data: four })
      expect(await epochs(id)).toEqual(expected)
      const made = await prisma.scalars.createManyAndReturn({ data: [four, four] })
      for (const row of made) expect(await epochs(row.id)).toEqual(expected)
    })

    test('is stored as itself by a raw statement', async () => {
      const [row] = await prisma.$queryRaw<{ id: number; timestamptz: Date }[]>`
        INSERT INTO "Scalars" ("timestamptz", "timestamp", "date", "time")
        VALUES (${instant}, ${instant}, ${instant}, ${instant}) RETURNING "id", "timestamptz"`
      expect(row!.timestamptz).toEqual(instant)
      expect(await epochs(row!.id)).toEqual(expected)
      expect(
        await prisma.$queryRaw`SELECT "date", "timestamp" FROM "Scalars" WHERE "id" = ${row!.id}`,
      ).toEqual([{ date: new Date('2024-07-01T00:00:00.000Z'), timestamp: instant }])
    })

    test('compares with the clock of the server', async () => {
      const { id } = await prisma.scalars.create({ data: { timestamptz: new Date() } })
      const [row] = await world.database.query<{ seconds: number }>(
        `SELECT abs(extract(epoch FROM now() - "timestamptz"))::float8 AS seconds FROM "Scalars" WHERE "id" = $1`,
        [id],
      )
      expect(row!.seconds).toBeLessThan(60)
    })
  })

  test('a text with the character U+0000 is refused, and says so', async () => {
    const error = await knownErrorOf(prisma.scalars.create({ data: { text: 'a\0b' } }))
    expect(error.message).toContain('U+0000')
  })
})
