// Compares the adapter's lists of keywords and functions with the server's own catalog.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import {
  HARMLESS_VOLATILE_FUNCTIONS,
  HARMLESS_WRITING_FUNCTIONS,
  KEYWORDS,
  STABLE_FUNCTIONS,
} from '../../packages/adapter/src/pg/sql/functions.js'
import { createTestDatabase, type TestDatabase } from '../support/database.js'

let database: TestDatabase
/** The first version that has all functions of the lists. */
const NEWEST = 180_000

beforeAll(async () => {
  database = await createTestDatabase()
})

afterAll(() => database.drop())

/** The volatilities of the functions of `pg_catalog` by these names, all overloads together. */
async function volatilitiesOf(names: ReadonlySet<string>): Promise<Map<string, string>> {
  const rows = await database.query<{ name: string; kinds: string }>(
    `SELECT proname AS name, string_agg(DISTINCT provolatile::text, '') AS kinds FROM pg_proc
      WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = ANY ($1) GROUP BY proname`,
    [[...names]],
  )
  return new Map(rows.map(({ name, kinds }) => [name, kinds]))
}

async function isNewest(): Promise<boolean> {
  const [row] = await database.query<{ version: number }>(
    `SELECT current_setting('server_version_num')::int AS version`,
  )
  return (row?.version ?? 0) >= NEWEST
}

test('no function on the list of stable ones is volatile, in any of its overloads', async () => {
  const volatilities = await volatilitiesOf(STABLE_FUNCTIONS)
  const volatile = [...volatilities].filter(([, kinds]) => kinds.includes('v'))
  expect(volatile).toEqual([])
})

test('every function on the lists is one of the server', async () => {
  if (!(await isNewest())) return
  const names = new Set([...STABLE_FUNCTIONS, ...HARMLESS_VOLATILE_FUNCTIONS, ...HARMLESS_WRITING_FUNCTIONS])
  const volatilities = await volatilitiesOf(names)
  expect([...names].filter((name) => !volatilities.has(name))).toEqual([])
})

test('no function is on two lists', () => {
  const lists = [STABLE_FUNCTIONS, HARMLESS_VOLATILE_FUNCTIONS, HARMLESS_WRITING_FUNCTIONS]
  const names = lists.flatMap((list) => [...list])
  expect(new Set(names).size).toBe(names.length)
})

test('no keyword on the list can name a function without quotes', async () => {
  const rows = await database.query<{ word: string }>(
    `SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'C')`,
  )
  const reserved = new Set(rows.map(({ word }) => word))
  expect([...KEYWORDS].filter((word) => !reserved.has(word))).toEqual([])
})
