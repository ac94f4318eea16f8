// Sessions whose settings are not ours to choose: dates read right in whatever form they are printed, or not at all.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { isSilentRollback } from 'prisma-pg-real-pool'
import { Prisma, type PrismaClient } from '../generated/prisma/client.js'
import { type BackendName, BACKENDS } from '../support/backends.js'
import { DATABASES } from '../prisma/type-cases.js'
import { createWorld, errorOf, knownErrorOf, type World } from '../prisma/support.js'

let world: World
/** As they read where DateStyle is ISO, which other tests compare with what the server says. */
let expected: unknown[]

beforeAll(async () => {
  world = await createWorld()
  await world.database.query(`SET timezone TO 'UTC'; SET DateStyle TO ISO`)
  expected = await valuesOf(world.open({ maxSize: 1 }).prisma)
})

// All together they would be as many as the server has room for.
afterEach(() => world.disconnect())

afterAll(() => world.close())

/** In a session with these settings, which win over those that the pool makes. */
function open(settings: string): PrismaClient {
  return world.open({ maxSize: 1 }, { options: settings }, 'native').prisma
}

const INSTANTS = [
  '2024-05-06 07:08:09.12',
  '2024-05-13 07:08:09',
  '1936-06-01 12:00:00',
  '0099-01-02 03:04:05',
  '0044-03-15 12:00:00 BC',
  '10000-01-01 00:00:00',
  'infinity',
  '-infinity',
]

const COLUMNS = ['date', 'timestamp', 'timestamptz'] as const
type Column = (typeof COLUMNS)[number]

function sqlOf(text: string, column: Column): string {
  // The one form that means the same in every session.
  const literal = `'${text.replace(/( BC)?$/, text.endsWith('infinity') ? '' : '+00$1')}'::timestamptz AT TIME ZONE 'UTC'`
  if (column === 'timestamptz') return `SELECT (${literal}) AT TIME ZONE 'UTC' AS value`
  return `SELECT (${literal})::${column} AS value`
}

/** What cannot be read stands as `refused`. */
async function valuesOf(client: PrismaClient, columns: readonly Column[] = COLUMNS): Promise<unknown[]> {
  const values: unknown[] = []
  for (const column of columns) {
    for (const text of INSTANTS) {
      const rows = client.$queryRawUnsafe<{ value: unknown }[]>(sqlOf(text, column))
      values.push(await rows.then(([row]) => row!.value, refusal))
    }
  }
  return values
}

function refusal(error: unknown): string {
  expect(error).toBeInstanceOf(Prisma.PrismaClientKnownRequestError)
  expect((error as Error).message).toContain(`the session's DateStyle must be ISO`)
  return 'refused'
}

const ZONES = ['UTC', 'America/New_York', 'Asia/Kolkata', 'Pacific/Apia', 'Europe/Amsterdam']

describe.each(ZONES)('in %s', (zone) => {
  test.each(['ISO', 'German', 'SQL,DMY', 'SQL,MDY', 'Postgres,DMY', 'Postgres,MDY'])(
    'with dates in the form %s, each reads as what it is, or is refused',
    async (style) => {
      const values = await valuesOf(open(`-c DateStyle=${style} -c TimeZone=${zone}`))
      expect(values.map((value, index) => (value === 'refused' ? expected[index] : value))).toEqual(expected)
      const isAmbiguous = /^(?:SQL|Postgres)/.test(style)
      // The infinities are the same in every form.
      const dates = INSTANTS.map((text) => (isAmbiguous && !text.endsWith('infinity') ? 'refused' : 'read'))
      expect(values.slice(0, INSTANTS.length).map((value) => (value === 'refused' ? value : 'read'))).toEqual(
        dates,
      )
    },
  )

  test.each(['ISO', 'German'])('with dates in the form %s, date and timestamp read', async (style) => {
    const columns = ['date', 'timestamp'] as const
    const values = await valuesOf(open(`-c DateStyle=${style} -c TimeZone=${zone}`), columns)
    expect(values).toEqual(expected.slice(0, values.length))
  })
})

test.each(['German', 'Postgres,DMY', 'Postgres,MDY'])(
  'in UTC, timestamptz reads in the form %s',
  async (style) => {
    const values = await valuesOf(open(`-c DateStyle=${style} -c TimeZone=UTC`), ['timestamptz'])
    expect(values).toEqual(expected.slice(-values.length))
  },
)

test('with ISO dates, everything reads in every zone', async () => {
  for (const zone of ZONES)
    expect(await valuesOf(open(`-c DateStyle=ISO -c TimeZone=${zone}`))).toEqual(expected)
})

/** In a database with these settings, over that backend. */
async function elsewhere(
  settings: string,
  backend: BackendName,
  use: (prisma: PrismaClient) => Promise<void>,
): Promise<void> {
  const other = await createWorld(settings)
  try {
    await use(other.open({ maxSize: 1 }, {}, backend).prisma)
  } finally {
    await other.close()
  }
}

describe.each(BACKENDS)('over the backend %s', (backend) => {
  test('dates read wherever the database is', async () => {
    await elsewhere(DATABASES[1]![1]!, backend, async (prisma) => {
      expect(await valuesOf(prisma)).toEqual(expected)
    })
  })

  test('floats have all their digits, however few the database prints', async () => {
    await elsewhere(`ALTER DATABASE % SET extra_float_digits TO '0'`, backend, async (prisma) => {
      const [row] = await prisma.$queryRaw<object[]>`
        SELECT 0.1::float8 + 0.2::float8 AS double, 0.12345678::float4 AS real`
      expect(row).toEqual({ double: 0.1 + 0.2, real: 0.12345678 })
    })
  })

  test('NULL in a list is NULL, even where the database takes it for a word', async () => {
    await elsewhere(`ALTER DATABASE % SET array_nulls TO off`, backend, async (prisma) => {
      const [row] = await prisma.$queryRaw<object[]>`
        SELECT ${['NULL', null]}::text[] AS texts, array_position(${[1, null]}::int[], NULL) AS place`
      expect(row).toEqual({ texts: ['NULL', null], place: 2 })
    })
  })
})

test('a value that cannot be read after a SET LOCAL costs its transaction, and nothing behind it', async () => {
  const { prisma } = world.open({ maxSize: 1 })
  const sql = `SELECT '2024-05-06 07:08:09+00'::timestamptz AS value`
  const value = new Date('2024-05-06T07:08:09Z')
  const transaction = prisma.$transaction(async (tx) => {
    await tx.$executeRaw`SET LOCAL TimeZone TO 'Asia/Kolkata'`
    expect(await tx.$queryRawUnsafe(sql)).toEqual([{ value }])
    await tx.$executeRaw`SET LOCAL DateStyle TO 'SQL'`
    const error = await knownErrorOf(tx.$queryRawUnsafe(sql))
    expect(error.message).toContain(`Cannot tell which timestamptz '05/06/2024 12:38:09 IST' is`)
    await tx.log.create({ data: { text: 'undone' } })
  })
  expect(isSilentRollback(await errorOf(transaction))).toBe(true)
  expect(await prisma.$queryRawUnsafe(sql)).toEqual([{ value }])
  expect(await prisma.log.count()).toBe(0)
})

test('dates are written right whatever the session prints', async () => {
  const instant = new Date('2024-05-06T07:08:09.120Z')
  for (const zone of ZONES) {
    for (const style of ['German', 'SQL,DMY', 'Postgres,MDY']) {
      const client = open(`-c DateStyle=${style} -c TimeZone=${zone}`)
      const data = { timestamptz: instant, timestamp: instant, date: instant, time: instant, timetz: instant }
      const { id } = await client.scalars.create({ data, select: { id: true } })
      expect(
        await world.database.query(
          `SELECT "timestamptz"::text AS tz, "timestamp"::text AS plain, "date"::text, "time"::text, "timetz"::text
             FROM "Scalars" WHERE id = $1`,
          [id],
        ),
      ).toEqual([
        {
          tz: '2024-05-06 07:08:09.12+00',
          plain: '2024-05-06 07:08:09.12',
          date: '2024-05-06',
          time: '07:08:09.12',
          timetz: '07:08:09.12+00',
        },
      ])
    }
  }
})
