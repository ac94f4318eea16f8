// Any value at all: written through Prisma it is what the server has, and what Prisma reads again.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import { Prisma, type PrismaClient } from '../generated/prisma/client.js'
import { createWorld, type World } from '../prisma/support.js'
import { DATABASES } from '../prisma/type-cases.js'

const RUNS = Number(process.env.PROPERTY_RUNS ?? 50)
/** Printed, so that a run can be repeated: `PROPERTY_SEED=… npx jest tests/types/properties`. */
const SEED = Number(process.env.PROPERTY_SEED ?? Math.floor(Math.random() * 2 ** 31))
console.info(`PROPERTY_SEED=${SEED} PROPERTY_RUNS=${RUNS}`)

// PostgreSQL begins 4714 BC; the last instant of Date stands for infinity.
const instants = fc.oneof(
  fc.date({ min: new Date('-004712-01-01T00:00:00Z'), max: new Date(8.64e15 - 1), noInvalidDate: true }),
  fc.date({
    min: new Date('1850-01-01T00:00:00Z'),
    max: new Date('2100-01-01T00:00:00Z'),
    noInvalidDate: true,
  }),
)
const days = instants.map((instant) => new Date(Math.floor(instant.getTime() / 86_400_000) * 86_400_000))
/** Prisma itself takes no others in the lists of its models. */
const inOurEra = (dates: fc.Arbitrary<Date>): fc.Arbitrary<Date> =>
  dates.filter((date) => date.getUTCFullYear() > 0 && date.getUTCFullYear() < 10_000)
const times = fc.integer({ min: 0, max: 86_399_999 }).map((ms) => new Date(ms))
const decimals = fc
  .tuple(
    fc.bigInt({ min: -(10n ** 35n) + 1n, max: 10n ** 35n - 1n }),
    fc.bigInt({ min: 0n, max: 10n ** 30n - 1n }),
  )
  .map(([whole, fraction]) => new Prisma.Decimal(`${whole}.${String(fraction).padStart(30, '0')}`))
// Every plane of Unicode, but for the one character that PostgreSQL has not; and what must be escaped in lists.
const characters = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }).filter((character) => character !== '\0'),
  fc.constantFrom('"', '\\', '{', '}', ',', ' ', 'NULL', "'"),
)
const texts = fc.string({ unit: characters, maxLength: 40 })
const bytes = fc.uint8Array({ maxLength: 300 })
/** Prisma itself loses the last digits of floats in JSON and in lists: they arrive at the adapter without. */
function inPrismasDigits(value: number): number {
  const short = Number(value.toPrecision(15))
  return Number.isFinite(short) ? short : 0
}
const json = fc
  .jsonValue({ stringUnit: 'binary' })
  .filter((value) => value !== null && !/\\u0000|__proto__/.test(JSON.stringify(value)))
  // JSON has no negative zero.
  .map((value) => JSON.parse(JSON.stringify(value), withPrismasDigits) as Prisma.InputJsonValue)
const withPrismasDigits = (_: string, value: unknown): unknown =>
  typeof value === 'number' ? inPrismasDigits(value) : value
const bigints = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
// Nor has JavaScript's JSON, in which Prisma sends the arguments of raw queries, a negative zero.
const doubles = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0)
const shortDoubles = doubles.map(inPrismasDigits)

const hexOf = (text: string): string => Buffer.from(text).toString('hex')
const secondsOf = (instant: Date): string => (instant.getTime() / 1000).toFixed(3)

interface Property {
  readonly values: fc.Arbitrary<unknown>
  /** What the server is asked about the column, and what it must say. */
  readonly asked: (column: string) => string
  readonly given?: (value: unknown) => string
  readonly answer: (value: never) => string
}

const epoch = (column: string): string => `round(extract(epoch FROM ${column})::numeric, 3)::text`

const SCALARS: Readonly<Record<string, Property>> = {
  timestamptz: { values: instants, asked: epoch, answer: secondsOf },
  timestamp: { values: instants, asked: epoch, answer: secondsOf },
  date: { values: days, asked: epoch, answer: secondsOf },
  time: { values: times, asked: epoch, answer: secondsOf },
  timetz: { values: times, asked: epoch, answer: secondsOf },
  decimal: {
    values: decimals,
    asked: (column) => `${column}::text`,
    answer: (value: Prisma.Decimal) => value.toFixed(30),
  },
  text: { values: texts, asked: (column) => `encode(convert_to(${column}, 'UTF8'), 'hex')`, answer: hexOf },
  bytes: {
    values: bytes,
    asked: (column) => `encode(${column}, 'hex')`,
    answer: (value: Uint8Array) => Buffer.from(value).toString('hex'),
  },
  jsonb: {
    values: json,
    // For the server to compare: it orders keys and writes numbers in its own way.
    asked: (column) => `(${column} = $2::jsonb)::text`,
    given: (value) => JSON.stringify(value),
    answer: () => 'true',
  },
  bigint: { values: bigints, asked: (column) => `${column}::text`, answer: String },
  float: {
    values: shortDoubles,
    asked: (column) => `(${column} = $2::float8)::text`,
    given: String,
    answer: () => 'true',
  },
}

const ELEMENTS: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  timestamptz: inOurEra(instants),
  timestamp: inOurEra(instants),
  date: inOurEra(days),
  time: times,
  timetz: times,
  decimal: decimals,
  text: texts,
  bytes,
  jsonb: json,
  bigint: bigints,
  float: shortDoubles,
}

describe.each(DATABASES.filter(([name]) => /New York|Amsterdam/.test(name)))('in %s', (_, settings) => {
  let world: World
  let prisma: PrismaClient

  beforeAll(async () => {
    world = await createWorld(settings)
    ;({ prisma } = world.open({ maxSize: 1 }))
    await world.database.query(`SET timezone TO 'UTC'`)
  })

  afterAll(() => world.close())

  test.each(Object.entries(SCALARS))('any %s', async (field, { values, asked, given, answer }) => {
    await fc.assert(
      fc.asyncProperty(values, async (value) => {
        const data = { [field]: value }
        const { id, ...made } = await prisma.scalars.create({ data })
        expect(made).toMatchObject(data)
        expect(await prisma.scalars.findUnique({ where: { id } })).toMatchObject(data)
        const [raw] = await prisma.$queryRawUnsafe<unknown[]>(
          `SELECT "${field}" FROM "Scalars" WHERE id = $1`,
          id,
        )
        expect(raw).toEqual(data)
        const [row] = await world.database.query<{ said: string }>(
          `SELECT ${asked(`"${field}"`)} AS said FROM "Scalars" WHERE id = $1`,
          given === undefined ? [id] : [id, given(value)],
        )
        expect(row!.said).toBe(answer(value as never))
      }),
      { numRuns: RUNS, seed: SEED },
    )
  })

  test('any float keeps all its digits in a raw query', async () => {
    await fc.assert(
      fc.asyncProperty(doubles, async (float) => {
        const { id } = await prisma.scalars.create({ data: {} })
        await prisma.$executeRaw`UPDATE "Scalars" SET "float" = ${float} WHERE id = ${id}`
        expect(await prisma.$queryRaw`SELECT "float" FROM "Scalars" WHERE id = ${id}`).toEqual([{ float }])
        const rows = await world.database.query(
          'SELECT 1 FROM "Scalars" WHERE id = $1 AND "float" = $2::float8',
          [id, String(float)],
        )
        expect(rows).toHaveLength(1)
      }),
      { numRuns: RUNS, seed: SEED },
    )
  })

  test.each(Object.entries(ELEMENTS))('any list of %s', async (field, values) => {
    await fc.assert(
      fc.asyncProperty(fc.array(values, { maxLength: 8 }), async (list) => {
        const data = { [field]: list }
        const { id, ...made } = await prisma.lists.create({ data })
        expect(made).toMatchObject(data)
        const [raw] = await prisma.$queryRawUnsafe<unknown[]>(
          `SELECT "${field}" FROM "Lists" WHERE id = $1`,
          id,
        )
        expect(raw).toEqual(data)
        const [row] = await world.database.query<{ count: number }>(
          `SELECT cardinality("${field}") AS count FROM "Lists" WHERE id = $1`,
          [id],
        )
        expect(row!.count).toBe(list.length)
      }),
      { numRuns: RUNS, seed: SEED },
    )
  })
})
