// connectToShadowDb: a database of its own for Prisma Migrate, which goes when its adapter goes.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { RealPoolAdapter, type RealPoolAdapterOptions } from 'prisma-pg-real-pool'
import { createTestDatabase, fieldsOf, type TestDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { collectWarnings, errorOf, SUBJECT, valueOf } from './support.js'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})

afterAll(() => database.drop())

/** The same server, named by fields instead of by URL. */
const fields = () => fieldsOf(database.url)

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

test('two at the same time are two databases, with pools of other names, and the main one is not disturbed', async () => {
  const watch = collectWarnings()
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
  watch.stop()
  expect(watch.warnings).toEqual([])
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

describe('over a pg.Pool of the user', () => {
  const pools: pg.Pool[] = []

  afterEach(async () => {
    await Promise.all(pools.splice(0).map((pool) => pool.end()))
  })

  test.each([
    ['by URL', () => ({ connectionString: database.url })],
    ['by fields', () => fields()],
    ['by fields and a URL, which wins', () => ({ connectionString: database.url, database: 'nowhere' })],
    ['by a function for its password', () => ({ ...fields(), password: () => fields().password })],
  ])('configured %s', async (_, config) => {
    const pool = new pg.Pool({ ...config(), application_name: SUBJECT, max: 2 })
    pools.push(pool)
    const shadow = await new RealPoolAdapter({ pool }).connectToShadowDb()
    const name = (await valueOf(shadow, 'SELECT current_database()::text')) as string
    expect(name).toMatch(/^prisma_migrate_shadow_db_/)
    await shadow.dispose()
    expect(await exists(name)).toBe(false)
    expect((await pool.query('SELECT current_database() AS name')).rows).toEqual([{ name: database.name }])
  })
})

describe('goes also after an error', () => {
  async function shadowOf(pool?: RealPoolAdapterOptions['pool']) {
    const options = { connectionString: database.url, application_name: SUBJECT }
    const shadow = await new RealPoolAdapter({ ...options, pool }).connectToShadowDb()
    const name = (await valueOf(shadow, 'SELECT current_database()::text')) as string
    return { shadow, name }
  }

  test('of a script', async () => {
    const { shadow, name } = await shadowOf()
    await errorOf(shadow.executeScript('CREATE TABLE a (); SELECT 1 / 0'))
    await errorOf(shadow.executeScript('BEGIN; CREATE TABLE a ()'))
    await shadow.dispose()
    expect(await exists(name)).toBe(false)
  })

  test.each([
    ['with a pool', undefined],
    ['without pooling', false],
  ])('that cost the connections to it, %s', async (_, pool) => {
    const { shadow, name } = await shadowOf(pool)
    await database.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name])
    await shadow.dispose()
    expect(await exists(name)).toBe(false)
  })

  test('that cost the connections to the main one', async () => {
    const { shadow, name } = await shadowOf({ minSize: 1, maxSize: 1 })
    // Disposed of in the same turn, before the loss can be heard of.
    const [main] = await database.backends(SUBJECT)
    await database.query('SELECT pg_terminate_backend($1)', [main!.pid])
    await shadow.dispose()
    expect(await exists(name)).toBe(false)
  })

  test('to make it: nothing is left behind', async () => {
    const role = `powerless_${database.name}`
    await database.query(`CREATE ROLE ${role} LOGIN PASSWORD 'powerless'`)
    const factory = new RealPoolAdapter({
      ...fields(),
      user: role,
      password: 'powerless',
      application_name: SUBJECT,
      pool: { minSize: 1, maxSize: 1 },
    })
    expect(JSON.stringify(await errorOf(factory.connectToShadowDb()))).toContain(
      'permission denied to create database',
    )
    await eventually(async () => expect(await database.backends(SUBJECT)).toEqual([]))
    await database.query(`DROP ROLE ${role}`)
  })
})

test('disposed of by two at once, it is dropped once, and both hear of it', async () => {
  const shadow = await new RealPoolAdapter(database.url).connectToShadowDb()
  const name = (await valueOf(shadow, 'SELECT current_database()::text')) as string
  await Promise.all([shadow.dispose(), shadow.dispose()])
  expect(await exists(name)).toBe(false)
})
