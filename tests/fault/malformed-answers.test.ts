// A server, or something on the way to it, that breaks the protocol: no value is made of bytes that are not its own.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { DriverAdapterError, SqlDriverAdapter } from '@prisma/driver-adapter-utils'
import { isOutcomeUnknown, RealPool, RealPoolAdapter } from 'prisma-pg-real-pool'
import { errorOf, sql, SUBJECT, valueOf } from '../integration/support.js'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { WireTap } from '../support/wire-tap.js'

let database: TestDatabase
let tap: WireTap
let connectionString: string
let adapter: SqlDriverAdapter

beforeAll(async () => {
  database = await createTestDatabase()
  await database.query('CREATE TABLE t (id int)')
  tap = new WireTap()
  connectionString = await tap.inFrontOf(database.url)
})

afterAll(async () => {
  tap.close()
  await database.drop()
})

beforeEach(async () => {
  const factory = new RealPoolAdapter({
    connectionString,
    application_name: SUBJECT,
    pool: { minSize: 1, maxSize: 1 },
  })
  adapter = await factory.connect()
})

afterEach(() => adapter.dispose())

/** The length of the value before it, in four bytes, is 8 as it should be, and then 127. */
const spoilNextRow = () => tap.garbleAnswer('\0\0\0\x08abcdefgh', '\0\0\0\x7fabcdefgh')

const pidOf = () => valueOf(adapter, 'SELECT pg_backend_pid()')

test('a value that reaches beyond its row ends the connection, and the read runs again on another', async () => {
  const before = await pidOf()
  spoilNextRow()
  const { rows } = await adapter.queryRaw(sql(`SELECT 'abcdefgh', 'next', pg_backend_pid()`))
  expect(rows).toEqual([['abcdefgh', 'next', expect.any(Number)]])
  expect(rows[0]![2]).not.toBe(before)
  await eventually(async () => expect(await database.backends(SUBJECT)).toHaveLength(1))
  expect(await pidOf()).not.toBe(before)
})

test('a transaction whose row is malformed fails, and says why', async () => {
  await pidOf()
  const tx = await adapter.startTransaction()
  await tx.queryRaw(sql('SELECT 1'))
  spoilNextRow()
  const error = (await errorOf(tx.queryRaw(sql(`SELECT 'abcdefgh', 'next'`)))) as DriverAdapterError
  expect(error.cause).toMatchObject({
    kind: 'ConnectionClosed',
    originalMessage: expect.stringContaining('the server broke the protocol') as unknown,
  })
  await tx.rollback()
})

test('the outcome of a write whose row is malformed is unknown, and the error says so', async () => {
  await pidOf()
  spoilNextRow()
  const error = await errorOf(adapter.queryRaw(sql(`INSERT INTO t VALUES (1) RETURNING 'abcdefgh', 'next'`)))
  expect(isOutcomeUnknown(error)).toBe(true)
  expect(error.message).toContain('the server broke the protocol')
  expect(await database.query('SELECT count(*)::int AS n FROM t')).toEqual([{ n: 1 }])
})

test.each([
  ['too short for its fields', 'Z\0\0\0\x05I', 'R\0\0\0\x05I'],
  ['of an unknown kind', 'Z\0\0\0\x05I', 'R\0\0\0\x04I'],
])('a message that is %s ends the connection, and not the process', async (_, word, by) => {
  const before = await pidOf()
  tap.garbleAnswer(word, by)
  const error = (await errorOf(adapter.queryRaw(sql('INSERT INTO t VALUES (2)')))) as DriverAdapterError
  expect(error.message).toContain('the server broke the protocol')
  expect(isOutcomeUnknown(error)).toBe(true)
  expect(await pidOf()).not.toBe(before)
})

test('a server whose answer to the login cannot be read fails the attempt, and not the process', async () => {
  const front = new WireTap()
  const pool = new RealPool({
    connectionString: await front.inFrontOf(database.url),
    pool: { minSize: 0, maxSize: 1 },
  })
  await pool.open()
  // AuthenticationOk becomes a request that no client knows.
  front.garbleAnswer('R\0\0\0\x08\0\0\0\0', 'R\0\0\0\x08\0\0\0\x63')
  // The pool tries again by itself.
  expect((await pool.use((client) => client.query('SELECT 1 AS n'))).rows).toEqual([{ n: 1 }])
  await pool.close()
  front.close()
})
