// Several statements in one raw call: refused by default, and with `rawScripts: 'allow'` sent as a script.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { DriverAdapterError, SqlDriverAdapter } from '@prisma/driver-adapter-utils'
import { RealPoolAdapter, type RealPoolAdapterOptions } from 'prisma-pg-real-pool'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { errorOf, sql, SUBJECT } from './support.js'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})

afterAll(() => database.drop())

beforeEach(() => database.query('DROP TABLE IF EXISTS t; CREATE TABLE t (id int, text text)'))

async function withAdapter(
  options: RealPoolAdapterOptions,
  work: (adapter: SqlDriverAdapter) => Promise<void>,
): Promise<void> {
  const factory = new RealPoolAdapter({
    connectionString: database.url,
    application_name: SUBJECT,
    pool: { minSize: 1, maxSize: 2 },
    ...options,
  })
  const adapter = await factory.connect()
  await work(adapter)
  await adapter.dispose()
}

const rows = () => database.query('SELECT id FROM t ORDER BY id')

const TWO = `INSERT INTO t (id) VALUES (1); INSERT INTO t (id) VALUES (2), (3)`

describe('by default', () => {
  test('a call with two statements is refused, runs nothing, and is told both ways out', async () => {
    await withAdapter({}, async (adapter) => {
      for (const call of [adapter.executeRaw(sql(TWO)), adapter.queryRaw(sql(TWO))]) {
        const error = await errorOf(call)
        expect((error as DriverAdapterError).cause).toMatchObject({ originalCode: '42601' })
        for (const text of [error.message, (error as DriverAdapterError).cause.originalMessage]) {
          expect(text).toContain('cannot insert multiple commands into a prepared statement')
          expect(text).toContain(`rawScripts: 'allow'`)
          expect(text).toContain('executeScript')
        }
      }
      expect(await rows()).toEqual([])
    })
  })

  test('an ordinary syntax error has no such advice', async () => {
    await withAdapter({}, async (adapter) => {
      expect((await errorOf(adapter.executeRaw(sql('SELEC 1')))).message).not.toContain('rawScripts')
    })
  })
})
