// The backends that an adapter can stand on, by name: the pool of our own, none, and a `pg.Pool` of the user's.
// TEST_BACKEND chooses one of them for the whole run.
import pg from 'pg'
import type { PoolOptions, RealPoolAdapterOptions } from 'prisma-pg-real-pool'
import { CONNECTION_KEYS } from '../../packages/adapter/src/connection-schema.js'
import { parseDuration } from '../../packages/adapter/src/option-schema.js'
import { NO_POOLING } from '../integration/support.js'
import { testOrSkip } from './or-skip.js'

const NAMES = ['native', 'null', 'pg-pool'] as const

export type BackendName = (typeof NAMES)[number]

function choose(): BackendName | undefined {
  const name = process.env.TEST_BACKEND
  if (name === undefined || name === '') return undefined
  const known = NAMES.find((each) => each === name)
  if (known === undefined)
    throw new Error(`TEST_BACKEND is '${name}', and must be one of ${NAMES.join(', ')}.`)
  return known
}

const chosen = choose()

/** Those that a test of all of them runs over. */
export const BACKENDS: readonly BackendName[] = chosen === undefined ? NAMES : [chosen]

/** The one that every other test runs over. */
export const BACKEND: BackendName = chosen ?? 'native'

/** How many calls may share a connection, where a test does not say: TEST_PIPELINING. */
const PIPELINING = Number(process.env.TEST_PIPELINING || 1)

/** `test`, except on backends that have no such behaviour: there it is skipped, with the reason in its name. */
export function testUnless(reasons: Partial<Record<BackendName, string>>) {
  const reason = reasons[BACKEND]
  return testOrSkip(reason === undefined ? undefined : `${BACKEND} ${reason}`)
}

/** Options of an adapter, all but the pool. A URL among them wins, such as one by way of a proxy. */
export type OtherOptions = Omit<RealPoolAdapterOptions, 'pool'>

/** Options that are not those of the test: TEST_STATEMENT_CACHE. */
const CACHE = process.env.TEST_STATEMENT_CACHE
const COMMON: OtherOptions = CACHE === undefined || CACHE === '' ? {} : { statementCacheSize: Number(CACHE) }

export interface Backend {
  readonly options: RealPoolAdapterOptions
  /** What the application does with its own pool at its end. */
  end(): Promise<void>
}

/** What makes an adapter stand on that backend, with as much of the pool's options as it has. */
export function backendFor(
  name: BackendName,
  connectionString: string,
  pool: PoolOptions,
  given: OtherOptions,
): Backend {
  const options = { ...COMMON, ...given }
  switch (name) {
    case 'native':
      return {
        options: { connectionString, pool: { ...sharing(options), ...pool }, ...options },
        end: () => Promise.resolve(),
      }
    case 'null': {
      const nullPool = { ...pool, ...NO_POOLING }
      return { options: { connectionString, pool: nullPool, ...options }, end: () => Promise.resolve() }
    }
    case 'pg-pool': {
      const { maxSize: max = 10, timeout = '30s' } = pool
      const [others, connection] = partition(options)
      const pgPool = new pg.Pool({
        connectionString,
        ...connection,
        max,
        connectionTimeoutMillis: parseDuration('timeout', timeout),
        idleTimeoutMillis: 0,
      })
      return { options: { pool: pgPool, ...others }, end: () => pgPool.end() }
    }
  }
}

/** A read timeout of node-postgres is refused where calls share. */
function sharing({ query_timeout: timeout }: OtherOptions): PoolOptions {
  return timeout === undefined ? { pipelining: PIPELINING } : {}
}

/** What is the adapter's, and what is for the connections of a pool that is not its own. */
function partition(options: OtherOptions): [RealPoolAdapterOptions, pg.ClientConfig] {
  const isForConnections = ([key]: [string, unknown]) => (CONNECTION_KEYS as readonly string[]).includes(key)
  const entries = Object.entries(options)
  return [
    Object.fromEntries(entries.filter((entry) => !isForConnections(entry))),
    Object.fromEntries(entries.filter(isForConnections)),
  ]
}
