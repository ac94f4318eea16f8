// Every built-in type, as pg_type tells them: written by the server and read through Prisma, and the other way round;
// in databases whose settings are as far from the usual as they can be.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { RealPoolAdapter } from 'prisma-pg-real-pool'
import { Prisma, type PrismaClient } from '../generated/prisma/client.js'
import { createWorld, type World } from '../prisma/support.js'
import { DATABASES } from '../prisma/type-cases.js'
import {
  AS_THE_SESSION_PRINTS,
  BASE_TYPES,
  NEVER_SEEN,
  NOT_WRITTEN,
  OTHER_TYPES,
  STATISTICS,
} from './cases.js'

const TYPES = Object.entries(BASE_TYPES)

/** What Prisma makes of an element of a list, like `value`; those of lists in lists it leaves as the adapter gives them. */
function asInLists(element: unknown, value: unknown): unknown {
  if (element === null || value === AS_THE_SESSION_PRINTS) return value
  if (value instanceof Uint8Array) return new Uint8Array(element as Uint8Array)
  if (typeof element !== 'string' || element === value) return element
  if (typeof value === 'bigint') return BigInt(element)
  if (value instanceof Date) return new Date(/^[\d.:]+$/.test(element) ? `1970-01-01T${element}Z` : element)
  return Prisma.Decimal.isDecimal(value) ? new Prisma.Decimal(element) : JSON.parse(element)
}

describe.each(DATABASES)('in %s', (_, settings) => {
  let world: World
  let prisma: PrismaClient
  let adapter: RealPoolAdapter

  beforeAll(async () => {
    world = await createWorld(settings)
    ;({ prisma, adapter } = world.open({ maxSize: 2 }))
    const columns = TYPES.map(
      ([type]) => `"${type}" pg_catalog."${type}", "${type}[]" pg_catalog."${type}"[]`,
    )
    await world.database.query(
      `SET timezone TO 'UTC'; SET DateStyle TO ISO; SET IntervalStyle TO postgres; SET bytea_output TO hex;
       SET lc_monetary TO 'C'; SET client_min_messages TO warning;
       CREATE TABLE "Values" (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, ${columns.join(', ')})`,
    )
  })

  afterAll(() => world.close())

  /** Makes a row by an expression of SQL; returns its id. */
  async function insert(column: string, expression: string, ...values: unknown[]): Promise<number> {
    const [row] = await world.database.query<{ id: number }>(
      `INSERT INTO "Values" ("${column}") SELECT ${expression} RETURNING id`,
      values,
    )
    return row!.id
  }

  async function textOf(column: string, id: number): Promise<string | null> {
    const [row] = await world.database.query<{ text: string }>(
      `SELECT "${column}"::text AS text FROM "Values" WHERE id = $1`,
      [id],
    )
    return row!.text
  }

  async function read(column: string, id: number): Promise<unknown> {
    const [row] = await prisma.$queryRawUnsafe<{ value: unknown }[]>(
      `SELECT "${column}" AS value FROM "Values" WHERE id = $1`,
      id,
    )
    return row!.value
  }

  async function write(column: string, value: unknown): Promise<number> {
    const [row] = await prisma.$queryRawUnsafe<{ id: number }[]>(
      `INSERT INTO "Values" ("${column}") VALUES ($1) RETURNING id`,
      value,
    )
    return row!.id
  }

  /** What a text that Prisma got means to the server. */
  async function meaning(column: string, text: unknown): Promise<string | null> {
    return textOf(column, await insert(column, `$1::text::pg_catalog."${column}"`, text))
  }

  describe.each(TYPES)('%s', (type, cases) => {
    const column = `${type}[]`
    /** Of the texts that are given with it. */
    const array = `ARRAY(SELECT t::pg_catalog."${type}" FROM unnest($1::text[]) WITH ORDINALITY x (t, n) ORDER BY n)`

    test('reads', async () => {
      for (const [text, value] of cases) {
        const id = await insert(type, `$1::text::pg_catalog."${type}"`, text)
        expect(await textOf(type, id)).toBe(text)
        const found = await read(type, id)
        if (value === AS_THE_SESSION_PRINTS) expect(await meaning(type, found)).toBe(text)
        else expect([text, found]).toEqual([text, value])
      }
      expect(await read(type, await insert(type, 'NULL'))).toBeNull()
    })

    test('is written', async () => {
      for (const [text, value, input = value] of cases) {
        if (input === NOT_WRITTEN) continue
        expect(await textOf(type, await write(type, input))).toBe(text)
      }
      expect(await textOf(type, await write(type, null))).toBeNull()
    })

    test('reads in arrays, whatever their dimensions and bounds', async () => {
      const texts = cases.map(([text]) => text)
      const id = await insert(column, `${array} || NULL::pg_catalog."${type}"`, texts)
      const found = (await read(column, id)) as unknown[]
      const values = [...cases.map(([, value]) => value), null]
      if (values[0] === AS_THE_SESSION_PRINTS) {
        const meant = []
        for (const text of found) meant.push(text && (await meaning(type, text)))
        expect(meant).toEqual([...texts, null])
      } else expect(found).toEqual(values)

      expect(await read(column, await insert(column, `'{}'`))).toEqual([])

      const bounds = `(format('[0:%s]=', cardinality(a) - 1) || a::text)::pg_catalog."${type}"[]`
      const moved = await insert(
        column,
        `${bounds} FROM "Values", LATERAL (SELECT "${column}") x (a) WHERE id = ${id}`,
      )
      expect(await textOf(column, moved)).toMatch(/^\[0:\d+\]=/)
      expect(await read(column, moved)).toEqual(found)

      const nested = await insert(
        column,
        `ARRAY[a, a] FROM "Values", LATERAL (SELECT "${column}") x (a) WHERE id = ${id}`,
      )
      const rows = (await read(column, nested)) as unknown[][]
      expect(rows).toEqual([rows[0], rows[0]])
      expect(rows[0]!.map((element, index) => asInLists(element, values[index]))).toEqual(values)
    })

    // The arrays of this one are separated by `;`, which nothing tells of an argument.
    if (type === 'box') return
    test('is written in arrays', async () => {
      const inputs = cases
        .map(([text, value, input = value]) => ({ text, input }))
        .filter(({ input }) => input !== NOT_WRITTEN)
      const texts = inputs.map(({ text }) => text)
      const expected = await insert(column, array, texts)
      const id = await write(
        column,
        inputs.map(({ input }) => input),
      )
      expect(await textOf(column, id)).toBe(await textOf(column, expected))
    })
  })

  describe('a type that is not written', () => {
    beforeAll(() => world.database.query(STATISTICS))

    test.each(Object.entries(OTHER_TYPES))('%s reads', async (type, [sql, value]) => {
      const rows = await prisma.$queryRawUnsafe<{ value: unknown }[]>(sql)
      expect(rows).toEqual([{ value }])
      const { fields } = await adapter.pool.use((client) => client.query(sql))
      const [row] = await world.database.query<{ oid: string }>(
        `SELECT oid::text FROM pg_type WHERE typname = $1`,
        [type],
      )
      expect(String(fields[0]!.dataTypeID)).toBe(row!.oid)
    })
  })

  test('every row type of the catalogs reads as text', async () => {
    const tables = await world.database.query<{ name: string }>(
      `SELECT c.oid::regclass::text AS name FROM pg_type t JOIN pg_class c ON c.oid = t.typrelid
        WHERE t.typtype = 'c' AND t.oid < 16384 AND c.relkind IN ('r', 'v') AND c.relname !~ 'numa'`,
    )
    expect(tables.length).toBeGreaterThan(100)
    for (const { name } of tables) {
      const rows = await prisma.$queryRawUnsafe<{ value: unknown }[]>(
        `SELECT t AS value FROM ${name} t LIMIT 1`,
      )
      for (const { value } of rows) expect([name, value]).toEqual([name, expect.stringMatching(/^\(.*\)$/s)])
    }
  })

  test('no built-in type is forgotten', async () => {
    const types = await world.database.query<{ name: string; kind: string; array: string | null }>(
      `SELECT t.typname AS name, t.typtype AS kind, a.typname AS array
         FROM pg_type t LEFT JOIN pg_type a ON a.oid = t.typarray
        WHERE t.oid < 16384 AND t.typtype NOT IN ('c', 'd') AND (t.typelem = 0 OR t.typarray <> 0 OR t.typtype = 'p')
        ORDER BY t.typname`,
    )
    const known = [...Object.keys(BASE_TYPES), ...Object.keys(OTHER_TYPES), ...NEVER_SEEN]
    expect(types.length).toBeGreaterThan(90)
    expect(types.map(({ name }) => name).filter((name) => !known.includes(name))).toEqual([])
    expect(known.filter((name) => !types.some((type) => type.name === name))).toEqual([])
  })
})
