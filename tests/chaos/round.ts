// One round of the run: an adapter of one kind, with options drawn for it, and the clients over it.
import pg from 'pg'
import { type PoolOptions, RealPoolAdapter, type RealPoolAdapterOptions } from 'prisma-pg-real-pool'
import { PrismaClient } from '../generated/prisma/client.js'
import type { Bank } from '../load/bank.js'
import type { Journal } from '../load/journal.js'
import type { Random } from '../load/random.js'
import type { Proxy } from '../support/proxy.js'
import { openPooler, optionsFor, type Pooler, type PoolerMode } from './poolers.js'
import type { Stories } from './stories.js'

export const BACKENDS = ['native', 'pg-pool', 'none', 'pgbouncer', 'pgbouncer-session'] as const
export type Backend = (typeof BACKENDS)[number]

const MODES: Partial<Record<Backend, PoolerMode>> = {
  pgbouncer: 'transaction',
  'pgbouncer-session': 'session',
}

export function modeOf(backend: Backend): PoolerMode | undefined {
  return MODES[backend]
}

export interface Terms {
  readonly backend: Backend
  readonly size: number
  readonly writers: number
  readonly clients: number
  readonly options: RealPoolAdapterOptions
}

export function drawTerms(backend: Backend, random: Random): Terms {
  const mode = modeOf(backend)
  const size = backend === 'none' ? 10 : random.between(1, 6)
  // What ends the statements and sessions of those who take too long, where anything does.
  const drawn = {
    ...(random.percent(30) && { lock_timeout: random.between(50, 500) }),
    ...(random.percent(30) && { statement_timeout: random.between(100, 500) }),
    ...(random.percent(30) && { idle_in_transaction_session_timeout: random.between(50, 300) }),
    ...(random.percent(20) && { query_timeout: random.between(50, 300) }),
  }
  // PgBouncer has no place for settings that a session begins with.
  const limits = mode === undefined ? drawn : {}
  return {
    backend,
    size,
    writers: random.between(6, 24),
    clients: random.between(1, 3),
    options: {
      ...limits,
      ...(mode !== undefined && optionsFor(mode)),
      ...(random.percent(50) && { queryTimeout: random.between(1_000, 1_500) }),
      ...(random.percent(20) && { queryTimeout: `${random.between(50, 300)}ms` }),
      transaction: {
        acquire: random.of('start', 'first-query'),
        autosave: random.of('never', 'never', 'always'),
        handOver: random.percent(80),
      },
      pool: backend === 'none' ? false : { ...drawPool(size, random), ...drawSharing(limits, random) },
    },
  }
}

function drawPool(maxSize: number, random: Random): PoolOptions {
  return {
    minSize: random.between(0, Math.min(maxSize, 2)),
    maxSize,
    timeout: random.of('50ms', '2s', '2s'),
    check: random.percent(50),
    checkIdleAfter: '100ms',
    connectTimeout: '500ms',
    reconnectTimeout: '2s',
    maxLifetime: random.of('500ms', '1h'),
    maxIdle: '500ms',
    growth: random.of('gradual', 'immediate'),
    invalidateOnLost: random.percent(30),
    maxIdleCount: random.of(2, Infinity, Infinity),
  }
}

/** With a read timeout of node-postgres nobody may share a connection. */
function drawSharing({ query_timeout }: { query_timeout?: number }, random: Random): PoolOptions {
  return query_timeout === undefined && random.percent(40) ? { pipelining: random.of(2, 16) } : {}
}

export interface Round extends Bank {
  /** By which the server knows the sessions of the round. */
  readonly name: string
  /** Where the round goes by way of PgBouncer. The bank's `proxy` and `url` are those before PgBouncer then. */
  readonly pooler: Pooler | undefined
  readonly terms: Terms
  readonly journal: Journal
  readonly stories: Stories
  readonly adapter: RealPoolAdapter
  readonly clients: readonly PrismaClient[]
}

export async function openRound(
  bank: Bank,
  terms: Terms,
  records: { journal: Journal; stories: Stories },
): Promise<Round> {
  const { options, backend, size } = terms
  const mode = modeOf(backend)
  const pooler = mode === undefined ? undefined : await openPooler(bank, mode)
  const { url, proxy }: { url: string; proxy: Proxy } =
    pooler === undefined ? bank : { url: pooler.url, proxy: pooler.near }
  const name = mode === undefined ? 'bank' : `bank by ${backend}`
  const connection = { connectionString: url, application_name: name }
  const pgPool = backend === 'pg-pool' ? makePgPool(connection, size, options) : undefined
  const adapter = new RealPoolAdapter(
    pgPool === undefined
      ? { ...connection, ...options }
      : { pool: pgPool, queryTimeout: options.queryTimeout, transaction: options.transaction },
  )
  const clients = Array.from(
    { length: terms.clients },
    () => new PrismaClient({ adapter, errorFormat: 'minimal' }),
  )
  await Promise.all(clients.map((client) => client.$connect()))
  return {
    ...bank,
    ...records,
    name,
    url,
    proxy,
    pooler,
    terms,
    adapter,
    clients,
    async close() {
      await Promise.all(clients.map((client) => client.$disconnect()))
      await pgPool?.end()
      await pooler?.close()
    },
  }
}

function makePgPool(connection: pg.PoolConfig, max: number, options: RealPoolAdapterOptions): pg.Pool {
  const { lock_timeout, statement_timeout, idle_in_transaction_session_timeout, query_timeout } = options
  return new pg.Pool({
    ...connection,
    lock_timeout,
    statement_timeout,
    idle_in_transaction_session_timeout,
    query_timeout,
    max,
    connectionTimeoutMillis: 1_000,
    idleTimeoutMillis: 500,
  })
}
