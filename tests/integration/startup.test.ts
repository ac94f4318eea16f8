// What a session is begun with, and what the server makes of it: settings that reading values relies on, and the
// schema as search_path. Behind a pooler, nothing that it refuses.
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { RealPool, RealPoolAdapter, type RealPoolOptions } from 'prisma-pg-real-pool'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { WireTap } from '../support/wire-tap.js'
import { settingOf, SUBJECT, valueOf } from './support.js'

let database: TestDatabase
let tap: WireTap
let tapped: string

beforeAll(async () => {
  database = await createTestDatabase()
  await database.query(`
    ALTER DATABASE ${database.name} SET DateStyle = 'German, DMY';
    ALTER DATABASE ${database.name} SET extra_float_digits = 0;
    ALTER DATABASE ${database.name} SET search_path = elsewhere`)
  tap = new WireTap()
  tapped = await tap.inFrontOf(database.url)
})

afterAll(async () => {
  tap.close()
  await database.drop()
})

const savedOptions = process.env['PGOPTIONS']

afterEach(() => {
  if (savedOptions === undefined) delete process.env['PGOPTIONS']
  else process.env['PGOPTIONS'] = savedOptions
})

async function settings(options: RealPoolOptions, ...names: string[]): Promise<unknown[]> {
  await using pool = new RealPool({
    connectionString: tapped,
    application_name: SUBJECT,
    ...options,
    pool: { maxSize: 1 },
  })
  await pool.open()
  return await pool.use(async (client) => {
    const values: unknown[] = []
    for (const name of names) values.push(await settingOf(client, name))
    return values
  })
}

test('what reading values relies on is set without a round trip, whatever the database has', async () => {
  tap.take()
  expect(await settings({}, 'DateStyle', 'extra_float_digits', 'search_path')).toEqual([
    expect.stringMatching(/^ISO, /),
    '1',
    'elsewhere',
  ])
  expect(tap.take().texts.filter((text) => !text.includes('current_setting'))).toEqual([])
})

test('the settings of the user win, those of the environment too', async () => {
  expect(await settings({ options: '-c DateStyle=SQL -c geqo=off' }, 'DateStyle', 'geqo')).toEqual([
    expect.stringMatching(/^SQL, /),
    'off',
  ])
  process.env['PGOPTIONS'] = '-c geqo=off'
  expect(await settings({}, 'DateStyle', 'geqo')).toEqual([expect.stringMatching(/^ISO, /), 'off'])
})

test.each([
  'sales',
  'Sales',
  'my own',
  'my "own"\\one',
  `it's`,
  'a,b',
  '"$user"',
  'größe 💾',
  '-c geqo=off',
  'tab\tand\nline',
  '\\',
  ' ',
  'x'.repeat(63),
])('the schema %p is where raw statements look, and nowhere else', async (schema) => {
  const quoted = `"${schema.replaceAll('"', '""')}"`
  await database.query(`CREATE SCHEMA ${quoted}; CREATE TABLE ${quoted}.t AS SELECT ${quoted.length} AS n`)
  const url = new URL(tapped)
  url.searchParams.set('schema', schema)
  for (const options of [{ connectionString: tapped, schema }, { connectionString: url.href }]) {
    const adapter = await new RealPoolAdapter({ ...options, pool: { maxSize: 1 } }).connect()
    expect(await valueOf(adapter, 'SELECT n FROM t')).toBe(quoted.length)
    expect(await valueOf(adapter, 'SELECT current_schema()::text')).toBe(schema)
    expect(await valueOf(adapter, `SELECT array_length(current_schemas(false), 1)`)).toBe(1)
    expect(adapter.getConnectionInfo?.()).toMatchObject({ schemaName: quoted.slice(1, -1) })
    await adapter.dispose()
  }
})

/** What PgBouncer takes and keeps apart for each client; anything else it refuses (its manual, `ignore_startup_parameters`). */
const TAKEN_BY_POOLERS = [
  'user',
  'database',
  'application_name',
  'client_encoding',
  'DateStyle',
  'TimeZone',
  'standard_conforming_strings',
]

test.each([
  ['pooler', { pooler: 'transaction' as const }, ''],
  ['a URL of Prisma 6', {}, '?pgbouncer=true&schema=sales'],
])('behind a pooler nothing is asked of the session that it would refuse: %s', async (_, options, query) => {
  const connectionString = `${tapped}${query}`
  const adapter = await new RealPoolAdapter({
    connectionString,
    application_name: SUBJECT,
    schema: 'sales',
    pool: { maxSize: 1 },
    ...options,
  }).connect()
  expect(await valueOf(adapter, 'SHOW search_path')).toBe('elsewhere')
  expect(adapter.getConnectionInfo?.()).toMatchObject({ schemaName: 'sales' })
  expect(tap.startup).toMatchObject({ application_name: SUBJECT, database: database.name })
  expect(TAKEN_BY_POOLERS).toEqual(expect.arrayContaining(Object.keys(tap.startup)))
  await adapter.dispose()
})

test('what the user asks for himself is passed on behind a pooler, too', async () => {
  expect(await settings({ pooler: 'transaction', options: '-c geqo=off' }, 'geqo')).toEqual(['off'])
  expect(tap.startup['options']).toBe('-c geqo=off')
})
