// Listeners, parsers and properties that a holder puts on a client end with the lease. So does every way to use it.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { EventEmitter } from 'node:events'
import type { Client, Submittable } from 'pg'
import { RealPool } from 'prisma-pg-real-pool'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { errorOf, pidOf, SUBJECT, terminate } from './support.js'

let database: TestDatabase
let pool: RealPool
/** The client itself, which no borrower gets. */
let raw: LooseClient

/** Whatever a borrower without types may do with a client. */
type LooseClient = Client &
  Record<string | symbol, unknown> & {
    connection: EventEmitter & { stream: EventEmitter & { write(bytes: Buffer): unknown }; sync(): void }
  }

beforeAll(async () => {
  database = await createTestDatabase()
  pool = new RealPool({
    connectionString: database.url,
    application_name: SUBJECT,
    pool: { maxSize: 1, configure: (client) => void (raw = client as LooseClient) },
  })
  await pool.open({ wait: true })
})

afterAll(async () => {
  await pool.close()
  await database.drop()
})

function use<T>(work: (client: LooseClient) => Promise<T> | T): Promise<T> {
  return pool.use(async (client) => work(client as LooseClient))
}

/** In an object, because a promise of the client itself would use it. */
function lendAndRelease(): Promise<{ client: LooseClient }> {
  return use((client) => ({ client }))
}

describe('a lease leaves', () => {
  test.each(['on', 'addListener', 'once', 'prependListener', 'prependOnceListener'] as const)(
    'no listener that it added by `%s`',
    async (method) => {
      const emitters = [raw, raw.connection, raw.connection.stream]
      const count = () => emitters.map((emitter) => emitter.listenerCount('error'))
      const before = count()
      await use((client) => {
        for (const emitter of [client, client.connection, client.connection.stream] as EventEmitter[]) {
          expect(emitter[method]('error', () => {})).toBe(emitter)
        }
        expect(count()).toEqual(before.map((listeners) => listeners + 1))
      })
      expect(count()).toEqual(before)
    },
  )

  test('no listener that hears the notices of the next', async () => {
    const heard: unknown[] = []
    const returned = use((client) => client.on('notice', (notice) => heard.push(notice.message)))
    await expect(returned.then(() => 'a client')).resolves.toBe('a client')
    await use((client) => client.query(`DO $$ BEGIN RAISE NOTICE 'for another'; END $$`))
    expect(heard).toEqual([])
  })

  test('the listeners of the pool, whatever it removes', async () => {
    const before = raw.listenerCount('error')
    const own = () => {}
    await use((client) => {
      client.on('error', own)
      client.off('error', own)
      client.on('error', own)
      for (const listener of client.listeners('error')) client.removeListener('error', listener as () => void)
      expect(raw.listenerCount('error')).toBe(before)
      client.on('error', own)
      client.removeAllListeners('error')
      client.removeAllListeners()
      client.connection.removeAllListeners()
      expect(raw.listenerCount('error')).toBe(before)
    })
    await terminate({ database })
    expect(await pool.use(pidOf)).toEqual(expect.any(Number))
  })

  test('no type parser', async () => {
    const ask = async (client: LooseClient) =>
      (await client.query<{ n: unknown }>('SELECT 1 AS n')).rows[0]!.n
    const asked = await use(async (client) => {
      client.setTypeParser(23, (text: string) => `parsed ${text}`)
      return ask(client)
    })
    expect([asked, await use(ask)]).toEqual(['parsed 1', 1])
  })

  test('no property that it put on the client', async () => {
    const mark = Symbol('mark')
    await use((client) => {
      client.tenant = 'mine'
      client[mark] = 'mine'
      Object.assign(client.connection, { tenant: 'mine' })
      Object.defineProperty(client, 'defined', { value: 'mine', configurable: true })
      expect([client.tenant, client[mark], client.defined]).toEqual(['mine', 'mine', 'mine'])
      expect(Object.keys(client)).toContain('tenant')
    })
    await use((client) => {
      expect([client.tenant, client[mark], client.defined]).toEqual([undefined, undefined, undefined])
      expect(['tenant', mark, 'defined'].filter((key) => key in client)).toEqual([])
      expect(client.connection).not.toHaveProperty('tenant')
    })
  })

  test('no method that it replaced, and none that it deleted', async () => {
    const texts: unknown[] = []
    await use(async (client) => {
      const query = Reflect.get(client, 'query') as (...args: unknown[]) => unknown
      client.query = ((...args: unknown[]) => {
        texts.push(args[0])
        return query(...args)
      }) as never
      await client.query('SELECT 1')
      const { host } = client
      delete (client as Partial<Client>).host
      expect([host, client.host]).toEqual([raw.host ?? host, undefined])
    })
    await use(async (client) => {
      await client.query('SELECT 2')
      expect(client.host).toEqual(expect.any(String))
    })
    expect(texts).toEqual(['SELECT 1'])
  })
})

describe('after the lease', () => {
  test.each<[string, (client: LooseClient) => unknown]>([
    ['query', (client) => client.query('SELECT 1')],
    ['on', (client) => client.on('notice', () => {})],
    ['connection', (client) => client.connection],
    ['setting a property', (client) => (client.tenant = 'mine')],
    ['defining a property', (client) => Object.defineProperty(client, 'tenant', { value: 'mine' })],
    ['deleting a property', (client) => delete client.tenant],
  ])('%s is refused', async (_, misuse) => {
    const { client } = await lendAndRelease()
    expect(() => misuse(client)).toThrow(expect.objectContaining({ code: 'POOL_LEASE' }))
  })

  test('saved methods, the saved connection and its socket are refused, too', async () => {
    const { query, connection, stream, sync } = await use((client) => {
      const { connection } = client
      const method = (object: object, name: string) => Reflect.get(object, name) as (text?: string) => unknown
      const [query, sync] = [method(client, 'query'), method(connection, 'sync')]
      return { query, connection, stream: connection.stream, sync }
    })
    for (const misuse of [
      () => query('SELECT 1'),
      () => connection.stream,
      () => stream.write(Buffer.of()),
      () => sync(),
    ]) {
      expect(misuse).toThrow(expect.objectContaining({ code: 'POOL_LEASE' }))
    }
  })
})

test('a submittable of another library speaks to the connection itself', async () => {
  let submittedTo: unknown
  const done = await use(
    (client) =>
      new Promise<string>((resolve) => {
        const submittable = {
          submit(connection: { query(text: string): void }) {
            submittedTo = connection
            connection.query('SELECT 1')
          },
          handleRowDescription() {},
          handleDataRow() {},
          handleCommandComplete({ text }: { text: string }) {
            resolve(text)
          },
          handleReadyForQuery() {},
          handleError() {},
        }
        client.query(submittable as unknown as Submittable)
      }),
  )
  expect(done).toBe('SELECT 1')
  expect(submittedTo).toBe(raw.connection)
  expect(await errorOf(pool.use((client) => client.query('SELECT 1/0')))).toMatchObject({ code: '22012' })
})
