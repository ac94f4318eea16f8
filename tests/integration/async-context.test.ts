// The user's code that runs for the pool runs in no caller's AsyncLocalStorage context: which caller it happened to serve
// says nothing.
import { AsyncLocalStorage } from 'node:async_hooks'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import pg from 'pg'
import { RealPool, type RealPoolOptions, RealPoolAdapter } from 'prisma-pg-real-pool'
import { createTestDatabase, fieldsOf, type TestDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { pidOf, SUBJECT, terminate, valueOf } from './support.js'

const requests = new AsyncLocalStorage<string>()

let database: TestDatabase
/** In which request each piece of the user's code ran. */
let ran: [string, string | undefined][] = []
const ends: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  database = await createTestDatabase()
})

afterAll(() => database.drop())

beforeEach(() => {
  ran = []
})

afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()))
})

function note(what: string): void {
  ran.push([what, requests.getStore()])
}

/** The hooks and functions that ran, sorted by name, each with the requests in which it ran. */
function told(): Record<string, (string | undefined)[]> {
  return Object.fromEntries(
    [...new Set(ran.map(([what]) => what))]
      .sort()
      .map((what) => [
        what,
        [...new Set(ran.filter(([name]) => name === what).map(([, request]) => request))],
      ]),
  )
}

function makePool(options: RealPoolOptions): RealPool {
  const pool = new RealPool({ application_name: SUBJECT, ...options })
  ends.push(() => pool.close({ force: true, timeout: 0 }))
  return pool
}

test('configure, password, connection, check and reset run in no request', async () => {
  const { password, ...fields } = fieldsOf(database.url)
  await requests.run('the one that made the pool', async () => {
    const pool = makePool({
      connection: () => {
        note('connection')
        return fields
      },
      password: async () => {
        note('password')
        return Promise.resolve(password)
      },
      pool: {
        minSize: 0,
        maxSize: 1,
        checkIdleAfter: 0,
        configure: () => note('configure'),
        reset: () => note('reset'),
        check: () => Promise.resolve(note('check')),
      },
    })
    await pool.open()
    const ask = (request: string) =>
      requests.run(request, async () => {
        const request = await pool.use(async (client) => {
          await client.query(`SET work_mem = '1MB'`)
          return requests.getStore()
        })
        return [request, requests.getStore()]
      })
    // The callers keep theirs.
    expect(await Promise.all([ask('a'), ask('b')])).toEqual([
      ['a', 'a'],
      ['b', 'b'],
    ])
    expect(await ask('c')).toEqual(['c', 'c'])
  })
  expect(told()).toEqual({
    check: [undefined],
    configure: [undefined],
    connection: [undefined],
    password: [undefined],
    reset: [undefined],
  })
})

test('`onPoolError` and `onReconnectFailed` run in no request', async () => {
  const { adapter, client } = await requests.run('a', async () => {
    const adapter = new RealPoolAdapter({
      connectionString: database.url,
      application_name: SUBJECT,
      pool: { minSize: 0, maxSize: 1 },
      onPoolError: () => note('onPoolError'),
    })
    const client = await adapter.connect()
    expect(await valueOf(client, '  SELECT 1')).toBe(1)
    const failing = makePool({
      host: '127.0.0.1',
      port: 1,
      pool: { minSize: 0, reconnectTimeout: 0, onReconnectFailed: () => note('onReconnectFailed') },
    })
    await failing.open()
    await failing.acquire({ timeout: '1s' }).catch(() => {})
    return { adapter, client }
  })
  ends.push(
    () => client.dispose(),
    () => adapter.pool.close(),
  )
  await terminate({ database })
  await eventually(() => expect(told()).toEqual({ onPoolError: [undefined], onReconnectFailed: [undefined] }))
})

test('a listener for new connections of a pg.Pool runs in no request', async () => {
  const pgPool = new pg.Pool({ connectionString: database.url, application_name: SUBJECT })
  ends.push(() => pgPool.end())
  pgPool.on('connect', () => note('connect'))
  const pool = makePool({ application_name: undefined, pool: pgPool })
  await pool.open()
  await requests.run('a', () => pool.use(pidOf))
  expect(told()).toEqual({ connect: [undefined] })
})
