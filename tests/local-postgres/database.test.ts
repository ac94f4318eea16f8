// The helpers that all other tests with a server rely on.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})

afterAll(() => database.drop())

async function connect(applicationName = 'subject'): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.url, application_name: applicationName })
  client.on('error', () => {})
  await client.connect()
  return client
}

describe('a test database', () => {
  test('shows the backends of others, and not the observer', async () => {
    const one = await connect()
    const other = await connect('other')
    await one.query('BEGIN')

    expect(await database.query('SELECT current_database() AS name')).toEqual([{ name: database.name }])
    expect(await database.backends()).toMatchObject([
      {
        application_name: 'subject',
        state: 'idle in transaction',
        query: 'BEGIN',
        xact_start: expect.any(Date),
      },
      { application_name: 'other', state: 'idle', xact_start: null },
    ])
    expect(await database.backends('other')).toHaveLength(1)

    await Promise.all([one.end(), other.end()])
    await eventually(async () => expect(await database.backends()).toEqual([]))
  })

  test('counts every session, at once and also when many open together', async () => {
    const before = await database.sessionsOpened()
    for (let round = 1; round <= 10; round++) {
      const clients = await Promise.all(Array.from({ length: 10 }, () => connect()))
      expect((await database.sessionsOpened()) - before).toBe(round * 10)
      await Promise.all(clients.map((client) => client.end()))
    }
    await eventually(async () => expect(await database.backends()).toEqual([]))
    expect((await database.sessionsOpened()) - before).toBe(100)
  })

  test('does not count its own sessions', async () => {
    const fresh = await createTestDatabase()
    expect(await fresh.sessionsOpened()).toBe(0)
    await fresh.query('SELECT 1')
    expect(await fresh.sessionsOpened()).toBe(0)
    await fresh.drop()
  })

  test('applies migrations in order', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'migrations-'))
    for (const [name, sql] of [
      ['2_second', 'INSERT INTO applied VALUES (1); INSERT INTO applied VALUES (2)'],
      ['1_first', 'CREATE TABLE applied (n int)'],
    ] as const) {
      await mkdir(path.join(folder, name))
      await writeFile(path.join(folder, name, 'migration.sql'), sql)
    }
    await writeFile(path.join(folder, 'migration_lock.toml'), '')
    const before = await database.sessionsOpened()

    await database.migrate(folder)

    expect(await database.query('SELECT n FROM applied ORDER BY n')).toEqual([{ n: 1 }, { n: 2 }])
    expect(await database.sessionsOpened()).toBe(before)
    await rm(folder, { recursive: true })
  })

  test('is dropped also while it is in use, and only once', async () => {
    const fresh = await createTestDatabase()
    const client = new pg.Client({ connectionString: fresh.url })
    const lost = new Promise((resolve) => client.on('error', resolve))
    await client.connect()

    await Promise.all([fresh.drop(), fresh.drop()])

    await lost
    const left = await database.query('SELECT FROM pg_database WHERE datname = $1', [fresh.name])
    expect(left).toEqual([])
  })
})
