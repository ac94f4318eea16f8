// connectToShadowDb: a database of its own for Prisma Migrate, which goes when its adapter goes.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { RealPoolAdapter, type RealPoolAdapterOptions } from 'prisma-pg-real-pool'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { SUBJECT, valueOf } from './support.js'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})

afterAll(() => database.drop())

/** The same server, named by fields instead of by URL. */
function fields(): RealPoolAdapterOptions {
  const url = new URL(database.url)
  return {
    host: url.hostname,
    port: Number(url.port === '' ? 5432 : url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: database.name,
  }
}

/** The shadow databases that belong to this file: others may be at work on the same server. */
async function exists(name: string): Promise<boolean> {
  return (await database.query('SELECT FROM pg_database WHERE datname = $1', [name])).length > 0
}

test.each([
  ['a URL', () => database.url],
  ['a URL in options', () => ({ connectionString: database.url, application_name: SUBJECT })],
  ['fields', () => ({ ...fields(), application_name: SUBJECT })],
])('connects to a new database, and drops it on dispose, when configured by %s', async (_, options) => {
  const factory = new RealPoolAdapter(options())
  const shadow = await factory.connectToShadowDb()
  const name = (await valueOf(shadow, 'SELECT current_database()::text')) as string
  expect(name).toMatch(/^prisma_migrate_shadow_db_/)
  expect(await exists(name)).toBe(true)

  await shadow.executeScript(
    'CREATE TABLE only_here (); CREATE TYPE mood AS ENUM ($$glad$$)'.replaceAll('$$', `'`),
  )
  const tx = await shadow.startTransaction()
  expect(await valueOf(tx, 'SELECT current_database()::text')).toBe(name)
  await tx.commit()
  expect(await database.query(`SELECT to_regclass('only_here')::text AS found`)).toEqual([{ found: null }])

  await shadow.dispose()
  await shadow.dispose()
  expect(await exists(name)).toBe(false)
  await eventually(async () => expect(await database.backends()).toEqual([]))
})

test('two at the same time are two databases, and the main one is not disturbed', async () => {
  const factory = new RealPoolAdapter({ connectionString: database.url, application_name: SUBJECT })
  const main = await factory.connect()
  const shadows = await Promise.all([factory.connectToShadowDb(), factory.connectToShadowDb()])
  const names = await Promise.all(shadows.map((shadow) => valueOf(shadow, 'SELECT current_database()::text')))
  expect(new Set(names).size).toBe(2)
  await Promise.all(shadows.map((shadow) => shadow.dispose()))
  for (const name of names) expect(await exists(name as string)).toBe(false)
  expect(await valueOf(main, 'SELECT current_database()::text')).toBe(database.name)
  await main.dispose()
  await eventually(async () => expect(await database.backends(SUBJECT)).toEqual([]))
})

test('goes also while something runs in it', async () => {
  const factory = new RealPoolAdapter({ connectionString: database.url, application_name: SUBJECT })
  const shadow = await factory.connectToShadowDb()
  const name = (await valueOf(shadow, 'SELECT current_database()::text')) as string
  const tx = await shadow.startTransaction()
  await valueOf(tx, 'SELECT 1')
  const disposed = shadow.dispose()
  await tx.rollback()
  await disposed
  expect(await exists(name)).toBe(false)
})
