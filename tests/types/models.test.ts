// Fields of models where their type and PostgreSQL's differ in what they can say.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { Prisma, type PrismaClient } from '../generated/prisma/client.js'
import { BACKEND } from '../support/backends.js'
import { createWorld, knownErrorOf, pidOf, type World } from '../prisma/support.js'
import { DATABASES, observeIn } from '../prisma/type-cases.js'

let world: World
let prisma: PrismaClient
let scalars: ReturnType<typeof observeIn>
let lists: ReturnType<typeof observeIn>

beforeAll(async () => {
  world = await createWorld(DATABASES[1]![1])
  ;({ prisma } = world.open({ maxSize: 1 }))
  scalars = observeIn(world.database, 'Scalars')
  lists = observeIn(world.database, 'Lists')
  await scalars.prepare()
})

afterAll(() => world.close())

test.each(['timestamp', 'timestamptz', 'date'])(
  'the infinities of a %s survive being read and written',
  async (field) => {
    for (const [text, ms] of [
      ['infinity', 8.64e15],
      ['-infinity', -8.64e15],
    ] as const) {
      const id = await scalars.insertText(field, text)
      const { [field as 'date']: read } = await prisma.scalars.findUniqueOrThrow({ where: { id } })
      expect(read!.getTime()).toBe(ms)
      await prisma.scalars.update({ where: { id }, data: { [field]: null } })
      await prisma.scalars.update({ where: { id }, data: { [field]: read } })
      expect(await scalars.textOf(field, id)).toBe(text)
      expect(await prisma.scalars.count({ where: { id, [field]: read } })).toBe(1)
    }
  },
)

test('the infinities are before and after every other date', async () => {
  const ids = []
  for (const text of ['infinity', '2024-05-06 07:08:09+00', '-infinity']) {
    ids.push(await scalars.insertText('timestamptz', text))
  }
  const where = { id: { in: ids } }
  const found = await prisma.scalars.findMany({ where, orderBy: { timestamptz: 'asc' } })
  expect(found.map(({ id }) => id)).toEqual(ids.reverse())
  const years = found.map(({ timestamptz }) => timestamptz!.getTime())
  expect(years).toEqual([...years].sort((one, other) => one - other))
  expect(await prisma.scalars.count({ where: { ...where, timestamptz: { gt: new Date() } } })).toBe(1)
})

test.each([
  ['timestamp', '294276-12-31 23:59:59.999999'],
  ['timestamptz', '275760-09-13 00:00:00+00'],
  ['date', '5874897-12-31'],
])('a %s later than any Date is an error that says so, and costs no connection', async (field, text) => {
  const pid = await pidOf(prisma)
  const id = await scalars.insertText(field, text)
  const error = await knownErrorOf(prisma.scalars.findUnique({ where: { id } }))
  expect(error.code).toBe('P2023')
  expect(error.message).toMatch(/is later than any Date of JavaScript: read it as text/)
  const raw = await knownErrorOf(prisma.$queryRawUnsafe(`SELECT "${field}" FROM "Scalars" WHERE id = ${id}`))
  expect(raw.code).toBe('P2010')
  expect(raw.message).toContain('Code: `22008`')
  // As the message says.
  const [row] = await prisma.$queryRawUnsafe<object[]>(
    `SELECT "${field}"::text FROM "Scalars" WHERE id = ${id}`,
  )
  expect(Object.keys(row!)).toEqual([field])
  if (BACKEND !== 'null') expect(await pidOf(prisma)).toBe(pid)
})

test.each([
  ['int', '{{1,2},{3,4}}'],
  ['date', '{{2024-01-01,2024-01-02}}'],
  ['text', '{{a},{b}}'],
])('a list of lists in a field of %s is an error of Prisma, not a wrong value', async (field, text) => {
  const id = await lists.insertText(field, text)
  const error = await knownErrorOf(prisma.lists.findUnique({ where: { id }, select: { [field]: true } }))
  expect(error.code).toBe('P2023')
})

test('a list with other bounds is a list', async () => {
  const id = await lists.insertText('int', '[0:1]={1,2}')
  expect(await prisma.lists.findUnique({ where: { id }, select: { int: true } })).toEqual({ int: [1, 2] })
})

test('JSON in lists may be null, a text or a list itself', async () => {
  const values: Prisma.InputJsonValue[] = ['text', '', '"', [1, ['x', null]], { a: null }, [], 0, false]
  const { id } = await prisma.lists.create({ data: { jsonb: values, json: values } })
  const expected = values.map((value) => JSON.stringify(value))
  for (const field of ['json', 'jsonb']) {
    const rows = await world.database.query<{ value: unknown }>(
      `SELECT to_json(value) AS value FROM "Lists", unnest("${field}") value WHERE id = $1`,
      [id],
    )
    expect(rows.map(({ value }) => JSON.stringify(value))).toEqual(expected)
  }
  expect(await prisma.lists.findUnique({ where: { id } })).toMatchObject({ jsonb: values, json: values })
  const nulls = await lists.insertText('jsonb', '{"null",1}')
  expect(await prisma.lists.findUniqueOrThrow({ where: { id: nulls } })).toMatchObject({ jsonb: [null, 1] })
})

test('a field whose column is a domain is as the type below', async () => {
  await world.database.query(`
    CREATE DOMAIN moment AS timestamptz; CREATE DOMAIN amount AS numeric(12, 2); CREATE DOMAIN payload AS jsonb;
    ALTER TABLE "Scalars" ALTER "timestamptz" TYPE moment, ALTER "decimal" TYPE amount, ALTER "jsonb" TYPE payload`)
  const data = {
    timestamptz: new Date('2024-07-01T12:00:00.5Z'),
    decimal: new Prisma.Decimal('12.34'),
    jsonb: [1],
  }
  const { id } = await prisma.scalars.create({ data })
  expect(await prisma.scalars.findFirst({ where: { id, ...data, jsonb: { equals: [1] } } })).toMatchObject(
    data,
  )
  expect(await scalars.textOf('timestamptz', id)).toBe('2024-07-01 12:00:00.5+00')
})
