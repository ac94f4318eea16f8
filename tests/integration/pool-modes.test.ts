// What holds for a pool and for one that keeps nothing (`pool: false`) alike, on a real server.
import { afterEach, afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { PoolClosedError, type PoolOptions, RealPool, type RealPoolOptions } from 'prisma-pg-real-pool'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { errorOf, NO_POOLING, pidOf, settingOf, statementWaits, statesOf, SUBJECT } from './support.js'

let database: TestDatabase
const pools: RealPool[] = []

beforeAll(async () => {
  database = await createTestDatabase()
  await database.query('CREATE TABLE t (n int)')
})

afterAll(() => database.drop())

beforeEach(() => database.query('TRUNCATE t'))

// Each test leaves its pools closed, and then the server has no session of theirs.
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close({ force: true, timeout: 0 })))
  await eventually(async () => expect(await database.backends(SUBJECT)).toEqual([]))
})

function makePool(options: PoolOptions, fields: RealPoolOptions = {}): RealPool {
  const pool = new RealPool({
    connectionString: database.url,
    application_name: SUBJECT,
    ...fields,
    pool: options,
  })
  pools.push(pool)
  return pool
}

describe.each<[string, PoolOptions]>([
  ['a pool', {}],
  ['a null pool', NO_POOLING],
])('%s', (name, mode) => {
  const keeps = name === 'a pool'

  async function openPool(options: PoolOptions = {}, fields: RealPoolOptions = {}): Promise<RealPool> {
    const pool = makePool({ maxSize: 1, ...mode, ...options }, fields)
    await pool.open({ wait: true })
    return pool
  }

  test('lends clients of node-postgres', async () => {
    const pool = await openPool()
    const lease = await pool.acquire()
    expect(lease.client).toBeInstanceOf(pg.Client)
    await lease.release()
    await pool.use((client) => Promise.resolve(expect(client).toBeInstanceOf(pg.Client)))
  })

  test('gives every session the fields of the connection', async () => {
    const pool = await openPool({ maxSize: 2 }, { statement_timeout: 12_345, options: '-c work_mem=5MB' })
    const settings = async (client: pg.Client) => [
      await settingOf(client, 'application_name'),
      await settingOf(client, 'statement_timeout'),
      await settingOf(client, 'work_mem'),
    ]
    const expected = [SUBJECT, '12345ms', '5MB']
    expect(await Promise.all([pool.use(settings), pool.use(settings)])).toEqual([expected, expected])
  })

  test('is open from open to the end of its scope', async () => {
    let outlived: RealPool
    {
      await using pool = makePool({ maxSize: 1, ...mode })
      outlived = pool
      expect(await errorOf(pool.acquire())).toBeInstanceOf(PoolClosedError)
      await pool.open()
      expect(await pool.use(pidOf)).toEqual(expect.any(Number))
    }
    expect(await errorOf(outlived.acquire())).toBeInstanceOf(PoolClosedError)
    await eventually(async () => expect(await database.backends(SUBJECT)).toEqual([]))
  })

  test('lends a connection to one borrower at a time, and to a later one what it kept, or a new one', async () => {
    const pool = await openPool({ maxSize: 2 })
    const [first, second] = [await pool.acquire(), await pool.acquire()]
    const pids = [await pidOf(first.client), await pidOf(second.client)]
    expect(pids[0]).not.toBe(pids[1])
    await Promise.all([first.release(), second.release()])
    expect(pids.includes(await pool.use(pidOf))).toBe(keeps)
  })

  test('a client that its borrower ended costs the connection, and nobody else notices', async () => {
    const pool = await openPool()
    const lease = await pool.acquire()
    const pid = await pidOf(lease.client)
    await lease.client.end()
    await lease.release()
    expect(await pool.use(pidOf)).not.toBe(pid)
    expect(pool.getStats()).toMatchObject({ returnsBad: 1, requestsErrors: 0 })
  })

  test('popStats tells the counters and sets them back, while the gauges go on', async () => {
    const pool = await openPool()
    pool.popStats()
    await pool.use(pidOf)
    await pool.use((client) => client.end())
    await eventually(() => expect(pool.getStats()).toMatchObject({ poolSize: keeps ? 1 : 0 }))
    const gauges = { poolMin: keeps ? 1 : 0, poolMax: 1, poolSize: keeps ? 1 : 0, requestsWaiting: 0 }
    expect(pool.popStats()).toMatchObject({ ...gauges, requestsNum: 2, returnsBad: 1 })
    expect(pool.getStats()).toMatchObject({ ...gauges, requestsNum: 0, returnsBad: 0, usageMs: 0 })
    await pool.use(pidOf)
    expect(pool.getStats().requestsNum).toBe(1)
  })

  test.each<[string, PoolOptions['configure'], RegExp]>([
    ['that throws', () => Promise.reject(new Error('no tenant')), /the configure hook failed: no tenant/],
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
    ['that throws nothing', () => Promise.reject(), /the configure hook failed: undefined/],
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
    ['that throws no text', () => Promise.reject(Object.create(null)), /the configure hook failed: object/],
    ['that fails in SQL', (client) => client.query('WAT'), /the configure hook failed: syntax error/],
    [
      'that leaves a transaction open',
      (client) => client.query('BEGIN'),
      /left the connection in a transaction/,
    ],
  ])(
    'a configure hook %s is a failure to connect, and the connection is closed',
    async (_, configure, text) => {
      const pool = makePool({ minSize: 1, maxSize: 1, ...mode, configure })
      await pool.open()
      // The one tries by itself, again and again; the other when it is asked, and tells at once.
      if (keeps) await eventually(() => expect(pool.getStats().connectionsErrors).toBeGreaterThan(0))
      const [code, timeout] = keeps ? (['POOL_TIMEOUT', '50ms'] as const) : (['POOL_CONNECT', '10s'] as const)
      const refusal = { code, message: expect.stringMatching(text) }
      expect(await errorOf(pool.wait(timeout))).toMatchObject(refusal)
      expect(await errorOf(pool.acquire({ timeout }))).toMatchObject(refusal)
      await eventually(async () => expect(await database.backends(SUBJECT)).toEqual([]))
    },
  )

  describe('hands to the one who waits', () => {
    /** Lends a connection to the one who waits for it, after its borrower left it so; tells whether it is the same. */
    async function handOver(
      leave: (client: pg.Client) => Promise<unknown>,
      options: PoolOptions = {},
      probe: (client: pg.Client) => Promise<unknown> = () => Promise.resolve(),
    ): Promise<'the same' | 'another'> {
      const pool = await openPool(options)
      const lease = await pool.acquire()
      const pid = await pidOf(lease.client)
      const next = pool.use(async (client) => {
        // The server needs a moment to notice that the other one has gone.
        await eventually(async () => expect(await statesOf(database)).toEqual(['idle']))
        await probe(client)
        return pidOf(client)
      })
      expect(pool.getStats().requestsWaiting).toBe(1)
      await leave(lease.client)
      await lease.release()
      const isSame = (await next) === pid
      expect(pool.getStats()).toMatchObject({ returnsBad: isSame ? 0 : 1, requestsErrors: 0 })
      return isSame ? 'the same' : 'another'
    }

    test('the same connection, its open transaction rolled back', async () => {
      const leave = (client: pg.Client) => client.query('BEGIN; INSERT INTO t VALUES (1)')
      expect(await handOver(leave)).toBe('the same')
      expect(await database.query('SELECT * FROM t')).toEqual([])
    })

    test('the same connection, its failed transaction rolled back', async () => {
      const leave = async (client: pg.Client) => {
        await client.query('BEGIN')
        await errorOf(client.query('wat'))
      }
      expect(await handOver(leave)).toBe('the same')
    })

    test('another connection when the first is busy and cannot be stopped', async () => {
      const leave = async (client: pg.Client) => {
        client.query(new EndlessCopy())
        // It can be cancelled until it waits for data.
        await statementWaits(database, 'ClientRead')
      }
      expect(await handOver(leave)).toBe('another')
    })

    test('another connection when the rollback fails', async () => {
      // Replace the method on the raw client: the release puts back what is replaced on the client of a lease.
      let raw: pg.Client | undefined
      const configure = (client: pg.Client) => void (raw = client)
      const leave = async (client: pg.Client) => {
        await client.query('BEGIN')
        await errorOf(client.query('wat'))
        const [backend] = await database.backends(SUBJECT)
        // The server ends the session in the very moment of the rollback.
        const query = Reflect.get(pg.Client.prototype, 'query') as Query
        raw!.query = async function (this: pg.Client, config: { text: string }) {
          if (config.text === 'ROLLBACK')
            await database.query('SELECT pg_terminate_backend($1, 5000)', [backend?.pid])
          return query.call(this, config)
        } as typeof client.query
      }
      expect(await handOver(leave, { configure })).toBe('another')
    })

    test('the same connection, after its reset, which does not run for nobody', async () => {
      let resets = 0
      const reset = (client: pg.Client) => client.query(`SET app.resets = ${++resets}`)
      const probe = async (client: pg.Client) => {
        expect(await settingOf(client, 'app.resets')).toBe('1')
        expect(await settingOf(client, 'work_mem')).toBe('4MB')
      }
      const leave = (client: pg.Client) => client.query(`SET work_mem = '5MB'`)
      expect(await handOver(leave, { reset }, probe)).toBe('the same')
      expect(resets).toBe(keeps ? 2 : 1)
    })

    test.each<[string, PoolOptions['reset']]>([
      ['throws', () => Promise.reject(new Error('mine'))],
      ['fails in SQL', (client) => client.query('WAT')],
      ['leaves a transaction open', (client) => client.query('BEGIN')],
    ])('another connection when its reset %s', async (_, hook) => {
      let runs = 0
      const reset: PoolOptions['reset'] = (client) => (++runs === 1 ? hook?.(client) : undefined)
      expect(await handOver(() => Promise.resolve(), { reset })).toBe('another')
    })
  })
})

type Query = (this: pg.Client, config: { text: string }) => Promise<unknown>

/** A statement that goes on for ever, and that the server does not stop when it is asked to. */
class EndlessCopy {
  submit(connection: pg.Connection): void {
    connection.query('COPY t FROM STDIN')
  }
  handleCopyInResponse(): void {}
  handleError(): void {}
  handleReadyForQuery(): void {}
}
