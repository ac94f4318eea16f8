import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { RealPoolAdapterOptions } from '../../../packages/adapter/src/options.js'
import {
  resolveAdapterOptions,
  resolveRealPoolOptions,
} from '../../../packages/adapter/src/resolved-options.js'
import { collectWarnings, type Warnings } from '../../integration/support.js'
import { realProcess } from '../../support/real-process.js'

let heard: Warnings

beforeEach(() => {
  heard = collectWarnings()
})

afterEach(() => heard.stop())

/** What Node warns of arrives a turn later. */
async function warnings(): Promise<string[]> {
  await new Promise((resolve) => setImmediate(resolve))
  return heard.warnings
}

function resolve(query: string, options: RealPoolAdapterOptions = {}) {
  return resolveAdapterOptions({ connectionString: `postgresql://ann:hunter2@h/d?${query}`, ...options })
}

describe("Prisma 6's parameters", () => {
  test('set what they set there, in seconds', async () => {
    const query =
      'connection_limit=7&pool_timeout=20&connect_timeout=3&socket_timeout=4&max_connection_lifetime=50' +
      '&max_idle_connection_lifetime=60&schema=sales&statement_cache_size=99&sslaccept=strict'
    expect(resolve(query)).toMatchObject({
      pool: { minSize: 2, maxSize: 7, timeout: 20_000, maxLifetime: 50_000, maxIdle: 60_000 },
      connectTimeout: 3_000,
      queryTimeout: 4_000,
      statementCacheSize: 99,
      pooler: 'none',
      schema: 'sales',
    })
    expect(await warnings()).toEqual([])
  })

  test('0 means without limit', () => {
    const query =
      'connection_limit=0&pool_timeout=0&connect_timeout=0&socket_timeout=0&max_connection_lifetime=0' +
      '&max_idle_connection_lifetime=0'
    expect(resolve(query)).toMatchObject({
      pool: { maxSize: Infinity, timeout: Infinity, maxLifetime: Infinity, maxIdle: Infinity },
      connectTimeout: Infinity,
      queryTimeout: Infinity,
    })
  })

  test('yield to options, but not to those that are undefined', () => {
    const query = 'connection_limit=7&pool_timeout=20&socket_timeout=4&pgbouncer=true&schema=sales'
    expect(
      resolve(query, {
        pool: { maxSize: 3, timeout: undefined },
        queryTimeout: '9s',
        pooler: 'none',
        schema: undefined,
      }),
    ).toMatchObject({
      pool: { minSize: 2, maxSize: 3, timeout: 20_000 },
      queryTimeout: 9_000,
      pooler: 'none',
      schema: 'sales',
    })
  })

  test('pgbouncer keeps no statements, unless an option says so', () => {
    expect(resolve('pgbouncer=true')).toMatchObject({ pooler: 'transaction', statementCacheSize: 0 })
    expect(resolve('pgbouncer=true&statement_cache_size=99').statementCacheSize).toBe(0)
    expect(resolve('pgbouncer=true', { statementCacheSize: 50 }).statementCacheSize).toBe(50)
    expect(resolve('', { pooler: 'transaction' }).statementCacheSize).toBe(0)
    expect(resolve('').statementCacheSize).toBe(256)
  })

  test('a limit of one makes room for itself', () => {
    expect(resolve('connection_limit=1').pool).toMatchObject({ minSize: 1, maxSize: 1 })
  })

  test('hold without pooling, too', () => {
    expect(resolve('connection_limit=4&pool_timeout=20', { pool: false }).pool).toMatchObject({
      minSize: 0,
      maxSize: 4,
      maxIdleCount: 0,
      growth: 'immediate',
      timeout: 20_000,
    })
  })

  test.each(['connection_limit=many', 'pool_timeout=-1', 'connect_timeout=1.5'])(
    'are refused with a value that makes no sense: %s',
    (query) => {
      const [name] = query.split('=') as [string]
      expect(() => resolve(query)).toThrow(
        `\`${name}\` in the connection URL must be a whole number, 0 or more`,
      )
    },
  )

  test('a sense of yes and no', () => {
    expect(resolve('pgbouncer=false').pooler).toBe('none')
    expect(() => resolve('pgbouncer=maybe')).toThrow(
      '`pgbouncer` in the connection URL must be true or false',
    )
  })

  test('socket_timeout has no statements to limit in a pool without Prisma, and says so', async () => {
    resolveRealPoolOptions('postgresql://h/d?socket_timeout=5')
    expect(await warnings()).toEqual([
      '`socket_timeout` in the connection URL has no effect here: it is for the statements of Prisma, and a RealPool has none',
    ])
  })
})

describe('what has no effect', () => {
  test('is warned of once, by name, with a code and without a value', async () => {
    const emitted: (Error & { code?: string })[] = []
    const note = (warning: Error) => void emitted.push(warning)
    realProcess.on('warning', note)
    resolve('krbsrvname=ann&passfile=hunter2')
    resolve('krbsrvname=ann&sslkeylogfile=x')
    expect(await warnings()).toEqual([
      '`krbsrvname` in the connection URL has no effect here',
      '`passfile` in the connection URL has no effect here',
      '`sslkeylogfile` in the connection URL has no effect here',
    ])
    expect(emitted.map(({ code }) => code)).toEqual(Array(3).fill('REAL_POOL_URL_PARAMETER'))
    realProcess.off('warning', note)
  })

  test('is not warned of where it asks for nothing', async () => {
    resolve('target_session_attrs=any&gssencmode=prefer&sslcompression=0&uselibpqcompat=true&options=')
    expect(await warnings()).toEqual([])
  })

  test('a parameter that is not known is warned of by its place and by what was probably meant, not by its name', async () => {
    resolve('conection_limit=5&poolTimeout=5&sslrotcert=x&zzz=1')
    expect(await warnings()).toEqual([
      'the parameter 1 of the connection URL is not known and has no effect: did you mean `connection_limit`?',
      'the parameter 2 of the connection URL is not known and has no effect: did you mean `pool_timeout`?',
      'the parameter 3 of the connection URL is not known and has no effect: did you mean `sslrootcert`?',
      'the parameter 4 of the connection URL is not known and has no effect',
    ])
  })

  test.each(['postgresql://ann:12?Secret=1@h/d', 'postgresql://ann:12?a=b&Secret=1@h/d'])(
    'a password with a question mark in it is refused, and no part of it is told: %s',
    async (url) => {
      const message = errorOf(() => resolveAdapterOptions(url))
      expect(message).toMatch(/^`connectionString` cannot be parsed: .*percent-encoded/)
      expect(message).not.toContain('Secret')
      expect(await warnings()).toEqual([])
    },
  )
})

function errorOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('was not refused')
}
