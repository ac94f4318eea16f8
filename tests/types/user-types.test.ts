// Types that are not PostgreSQL's own: domains, enums, composite types, ranges, those of extensions; and the parser
// that an application may give for them.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { UserDefinedTypeParser } from 'prisma-pg-real-pool'
import { Prisma, type PrismaClient } from '../generated/prisma/client.js'
import { createWorld, errorOf, statesOf, type World } from '../prisma/support.js'

let world: World
let prisma: PrismaClient

beforeAll(async () => {
  world = await createWorld()
  await world.database.query(`
    CREATE EXTENSION citext;
    CREATE EXTENSION hstore;
    CREATE TYPE mood AS ENUM ('sad', 'so so', 'happy');
    CREATE TYPE pair AS (number int, word text);
    CREATE TYPE span AS RANGE (subtype = float8, multirange_type_name = spans);
    CREATE DOMAIN positive AS int CHECK (VALUE > 0);
    CREATE DOMAIN small_positive AS positive CHECK (VALUE < 10);
    CREATE DOMAIN price AS numeric(10, 2);
    CREATE DOMAIN moment AS timestamptz;
    CREATE DOMAIN payload AS jsonb;
    CREATE DOMAIN label AS citext;
    CREATE DOMAIN labels AS text[];
    CREATE DOMAIN outcome AS mood`)
  ;({ prisma } = world.open({ maxSize: 1 }))
})

afterAll(() => world.close())

async function valueOf(
  sql: string,
  client: Pick<PrismaClient, '$queryRawUnsafe'> = prisma,
): Promise<unknown> {
  const [row] = await client.$queryRawUnsafe<{ value: unknown }[]>(`SELECT ${sql} AS value`)
  return row!.value
}

async function oidOf(type: string): Promise<number> {
  const [row] = await world.database.query<{ oid: number }>('SELECT $1::regtype::oid AS oid', [type])
  return row!.oid
}

describe('a domain reads as the type below it', () => {
  test.each([
    [`7::positive`, 7],
    [`7::small_positive`, 7],
    [`1.5::price`, new Prisma.Decimal('1.5')],
    [`'2024-05-06 07:08:09+02'::moment`, new Date('2024-05-06T05:08:09Z')],
    [`'{"a": [1]}'::payload`, { a: [1] }],
    [`'Straße'::label`, 'Straße'],
    [`'{a,b}'::labels`, ['a', 'b']],
    [`'so so'::outcome`, 'so so'],
    [`'x'::information_schema.sql_identifier`, 'x'],
    [`3::information_schema.cardinal_number`, 3],
    [`'2024-05-06 07:08:09+00'::information_schema.time_stamp`, new Date('2024-05-06T07:08:09Z')],
    [`'YES'::information_schema.yes_or_no`, 'YES'],
  ])('%s', async (sql, value) => {
    expect(await valueOf(sql)).toEqual(value)
  })
})

describe('any other type of users reads as text, its arrays included', () => {
  test.each([
    [`'so so'::mood`, 'so so'],
    [`ARRAY['so so', NULL]::mood[]`, '{"so so",NULL}'],
    [`ROW(1, 'a b')::pair`, '(1,"a b")'],
    [`ARRAY[ROW(1, 'a b')::pair]`, '{"(1,\\"a b\\")"}'],
    [`ARRAY[1, 2]::positive[]`, '{1,2}'],
    [`'[1.5,2.5)'::span`, '[1.5,2.5)'],
    [`'{[1.5,2.5)}'::spans`, '{[1.5,2.5)}'],
    [`'Straße'::citext`, 'Straße'],
    [`ARRAY['a', 'B']::citext[]`, '{a,B}'],
    [`ARRAY['a', 'B']::citext[]::text[]`, ['a', 'B']],
    [`'a=>1, b=>NULL'::hstore`, '"a"=>"1", "b"=>NULL'],
  ])('%s', async (sql, text) => {
    expect(await valueOf(sql)).toEqual(text)
  })

  test('and is written as text, in arrays too', async () => {
    const [row] = await prisma.$queryRaw<Record<string, string>[]>`
      SELECT ${'so so'}::mood::text AS mood, ${['sad', 'so so']}::mood[]::text AS moods,
             ${'(1,"a b")'}::pair::text AS pair, (${'Straße'}::citext = 'straße')::text AS citext,
             ${['B']}::citext[]::text AS citexts, ${'a=>1'}::hstore::text AS hstore, ${7}::small_positive::text AS domain`
    expect(row).toEqual({
      mood: 'so so',
      moods: '{sad,"so so"}',
      pair: '(1,"a b")',
      citext: 'true',
      citexts: '{B}',
      hstore: '"a"=>"1"',
      domain: '7',
    })
  })
})

describe('userDefinedTypeParser', () => {
  function open(userDefinedTypeParser: UserDefinedTypeParser): PrismaClient {
    return world.open({ maxSize: 1 }, { userDefinedTypeParser }).prisma
  }

  test('is called for each value of such a type, NULL included, in order, and for no other', async () => {
    const calls: [number, unknown][] = []
    const client = open((oid, value) => {
      calls.push([oid, value])
      return Promise.resolve(value === null ? 'none' : `<${value as string}>`)
    })
    const rows = await client.$queryRaw`
      SELECT m::mood AS mood, 1 AS number, 7::positive AS domain, ARRAY['a'] AS list, ARRAY[m]::mood[] AS moods
        FROM (VALUES ('sad'), (NULL)) x (m)`
    expect(rows).toEqual([
      { mood: '<sad>', number: 1, domain: 7, list: ['a'], moods: '<{sad}>' },
      { mood: 'none', number: 1, domain: 7, list: ['a'], moods: '<{NULL}>' },
    ])
    const [mood, moods] = [await oidOf('mood'), await oidOf('mood[]')]
    expect(calls).toEqual([
      [mood, 'sad'],
      [mood, null],
      [moods, '{sad}'],
      [moods, '{NULL}'],
    ])
  })

  test('may make anything of a value', async () => {
    const client = open((_, value) => Promise.resolve(new Map([['text', value]])))
    expect(await valueOf(`'sad'::mood`, client)).toEqual(new Map([['text', 'sad']]))
  })

  test('may ask the database, outside of a transaction and in one, though there is one connection', async () => {
    const client = open(async (oid, value, queryable) => {
      const { rows } = await queryable.queryRaw({
        sql: 'SELECT typname, pg_backend_pid() FROM pg_type WHERE oid = $1',
        args: [oid],
        argTypes: [{ scalarType: 'int', arity: 'scalar' }],
      })
      const [[name, pid]] = rows as [[string, number]]
      return { name, pid, value }
    })
    const expected = { name: 'mood', pid: expect.any(Number), value: 'sad' }
    expect(await valueOf(`'sad'::mood`, client)).toEqual(expected)
    await client.$transaction(async (tx) => {
      const pid = await valueOf('pg_backend_pid()', tx)
      expect(await valueOf(`'sad'::mood`, tx)).toEqual({ ...expected, pid })
    })
  })

  test('that rejects makes the query reject with its error, and holds nothing', async () => {
    const client = open((_, value) => Promise.reject(new Error(`cannot read ${value as string}`)))
    expect((await errorOf(valueOf(`'sad'::mood`, client))).message).toContain('cannot read sad')
    expect(await valueOf('1', client)).toBe(1)
    expect((await statesOf(world)).filter((state) => state !== 'idle')).toEqual([])
  })
})
