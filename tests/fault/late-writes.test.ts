// The pool gives a write up, and its call rejects with an unknown outcome. The write is not saved later: the kernel of
// this machine drops the part that it has not delivered.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { isOutcomeUnknown, RealPoolAdapter, type RealPoolAdapterOptions } from 'prisma-pg-real-pool'
import { errorOf, sql, SUBJECT } from '../integration/support.js'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { Proxy } from '../support/proxy.js'
import { startTlsServer, type TlsServer } from '../support/tls-server.js'

/** More than the proxy's receive buffer takes, and less than the send buffer of this machine's kernel. */
const LARGE = 'x'.repeat(1_000_000)

const SESSIONS = `SELECT pid FROM pg_stat_activity
  WHERE application_name = '${SUBJECT}' AND datname = current_database()`

interface Place {
  readonly query: TestDatabase['query']
  readonly url: string
}

let database: TestDatabase
let tlsServer: TlsServer

beforeAll(async () => {
  database = await createTestDatabase()
  await database.query('CREATE TABLE late (text text)')
  tlsServer = await startTlsServer()
  await tlsServer.query('CREATE TABLE late (text text)')
  await tlsServer.query('GRANT ALL ON late TO anyone')
}, 60_000)

afterAll(async () => {
  await tlsServer.stop()
  await database.drop()
})

afterEach(async () => {
  for (const { query } of Object.values(places)) await query('TRUNCATE late')
})

const places: Record<string, Place> = {
  'without TLS': {
    query: (text) => database.query(text),
    get url() {
      return database.url
    },
  },
  'with TLS': {
    query: (text) => tlsServer.query(text),
    get url() {
      return tlsServer.url('anyone', '?sslmode=require', 'localhost')
    },
  },
}

/** Options of a pool with one connection to that URL. */
type OptionsFor = (connectionString: string) => RealPoolAdapterOptions

const pooled =
  (options: RealPoolAdapterOptions = {}): OptionsFor =>
  (connectionString) => ({
    connectionString,
    application_name: SUBJECT,
    pool: { minSize: 1, maxSize: 1, connectTimeout: '1s' },
    ...options,
  })

/** Writes a large row by way of a proxy that does not read on before the connection is given up. */
async function writeInVain(
  { url, query }: Place,
  optionsFor: OptionsFor,
  giveUp: (adapter: RealPoolAdapter) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const proxy = await Proxy.inFrontOf(url)
  try {
    const adapter = new RealPoolAdapter(optionsFor(proxy.urlOf(url)))
    const db = await adapter.connect()
    await db.queryRaw(sql('SELECT 1'))
    // A request to cancel does not reach the server either.
    proxy.deafen()
    proxy.stopReading()
    const failure = errorOf(db.executeRaw(sql('INSERT INTO late VALUES ($1)', LARGE)))
    await giveUp(adapter)
    expect(isOutcomeUnknown(await failure)).toBe(true)
    proxy.readOn()
    await eventually(async () => expect(await query(SESSIONS)).toEqual([]))
    expect(await query('SELECT length(text) FROM late')).toEqual([])
    proxy.hear()
    await db.dispose()
  } finally {
    proxy.close()
  }
}

describe.each(Object.keys(places))('%s', (name) => {
  test('a write that took longer than queryTimeout is not saved when the network goes on', async () => {
    await writeInVain(places[name]!, pooled({ queryTimeout: '1s' }))
  })

  test('a write that `close({ force: true })` broke off is not saved when the network goes on', async () => {
    await writeInVain(places[name]!, pooled(), (adapter) =>
      adapter.pool.close({ force: true, timeout: '1s' }),
    )
  })

  test('a write that `query_timeout` gave up is not saved when the network goes on', async () => {
    await writeInVain(places[name]!, pooled({ query_timeout: 500 }))
  })
})

test('a write over a pg.Pool that took longer than queryTimeout is not saved when the network goes on', async () => {
  const pools: pg.Pool[] = []
  await writeInVain(places['without TLS']!, (connectionString) => {
    const pool = new pg.Pool({ connectionString, application_name: SUBJECT, max: 1 })
    pools.push(pool)
    return { pool, queryTimeout: '1s' }
  })
  await Promise.all(pools.map((pool) => pool.end()))
})
