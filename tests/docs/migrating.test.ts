// docs/migrating.md: its examples run as they stand, against the server of the tests.
import type { RealPoolAdapter } from 'prisma-pg-real-pool'
import * as realPool from 'prisma-pg-real-pool'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { optionsInUrl } from '../../packages/adapter/src/pg/url-options.js'
import { resolveAdapterOptions } from '../../packages/adapter/src/resolved-options.js'
import * as client from '../generated/prisma/client.js'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { code, codes, examples, read, rows, section } from './markdown.js'
import { run } from './running.js'

const text = read('docs/migrating.md')
const savedEnvironment = { ...process.env }

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
  await database.query('CREATE SCHEMA billing')
  const { hostname, port, username, password } = new URL(database.url)
  Object.assign(process.env, {
    DATABASE_URL: database.url,
    DB_HOST: hostname,
    DB_PORT: port === '' ? '5432' : port,
    DB_USER: decodeURIComponent(username),
    DB_PASSWORD: decodeURIComponent(password),
    DB_NAME: database.name,
  })
})

afterAll(async () => {
  process.env = savedEnvironment
  await database.drop()
})

interface Exported {
  readonly adapter?: RealPoolAdapter
  readonly prisma?: client.PrismaClient
}

test.each(
  examples(text).map((example) => ({
    example,
    line: example.split('\n').find((line) => !/^(\/\/|import)/.test(line) && line !== ''),
  })),
)('runs: $line', async ({ example }) => {
  const pools: pg.Pool[] = []
  // A pool of the example's own must be ended by us.
  class Pool extends pg.Pool {
    constructor(config: pg.PoolConfig) {
      super(config)
      pools.push(this)
    }
  }
  const { adapter, prisma = new client.PrismaClient({ adapter: adapter! }) }: Exported = run(example, {
    pg: { __esModule: true, default: { ...pg, Pool } },
    'prisma-pg-real-pool': realPool,
    './generated/client.js': client,
  })
  const [row] = await prisma.$queryRaw<{ name: string; path: string }[]>`
      SELECT current_database()::text AS name, current_setting('search_path') AS path`
  expect(row?.name).toBe(database.name)
  expect(row?.path.includes('billing')).toBe(example.includes('billing'))
  await prisma.$disconnect()
  for (const pool of pools) await pool.end()
})

test('there are examples for each origin', () => {
  for (const origin of ['From @prisma/adapter-pg', 'From Prisma 6', 'From Django']) {
    expect(section(text, `## ${origin}`)).toContain('```ts\n')
  }
})

test('the parameters of Prisma 6 are the options that the table says, and so are the defaults', () => {
  const table = rows(section(text, '## From Prisma 6')).filter(({ length }) => length === 5)
  const defaults = resolveAdapterOptions({ host: 'h' })
  for (const [parameter = '', option = '', ofZero = '', , byDefault = ''] of table) {
    const name = code(parameter)
    const path = code(option).split('.')
    const get = (url: string): unknown => {
      const { pool, ...others } = optionsInUrl(url, true)
      return path[0] === 'pool'
        ? (pool as Record<string, unknown>)[path[1]!]
        : others[path[0] as 'queryTimeout']
    }
    expect([name, get(`postgresql://h/d?${name}=7`)]).toEqual([name, name === 'connection_limit' ? 7 : '7s'])
    const resolved = resolveAdapterOptions(`postgresql://h/d?${name}=0`)
    const now = (options: typeof resolved) =>
      path[0] === 'pool' && path[1] !== 'connectTimeout'
        ? options.pool[path[1] as 'timeout']
        : options[path.at(-1) as 'connectTimeout']
    expect(ofZero).toMatch(/no limit|without end|for ever/)
    expect([name, now(resolved)]).toEqual([name, Infinity])
    const given = code(byDefault).replaceAll("'", '')
    const [first = '', second] = path
    const value = /^\d+$/.test(given) ? Number(given) : given
    const written = resolveAdapterOptions({
      host: 'h',
      [first]: second === undefined ? value : { [second]: value },
    })
    expect([name, now(written)]).toEqual([name, now(defaults)])
  }
  expect(table).toHaveLength(6)
  expect(codes(text)).toContain('REAL_POOL_URL_PARAMETER')
})
