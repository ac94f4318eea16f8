// Failures to get a connection as users of Prisma see them: each names the host or the numbers, never the
// password, and says what to do.
import { inspect } from 'node:util'
import { createServer } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { RealPoolAdapter } from 'prisma-pg-real-pool'
import { freePort } from '../../packages/local-postgres/src/ports.js'
import { PrismaClient } from '../generated/prisma/client.js'
import { testUnless } from '../support/backends.js'
import { eventually } from '../support/eventually.js'
import { listen, urlBy } from '../support/listening.js'
import { createWorld, gate, hold, knownErrorOf, statesOf, type World } from './support.js'

const SECRET = 'hunter2-s3cr3t'

let world: World

beforeAll(async () => {
  world = await createWorld()
  await world.database.query(`CREATE ROLE "${world.database.name}" LOGIN PASSWORD '${SECRET}'`)
})

afterAll(async () => {
  await world.database.query(`DROP ROLE "${world.database.name}"`)
  await world.close()
})

/** The database's URL with the secret, and with other parts changed. */
function urlWith(change = (_url: URL): void => {}): string {
  const url = new URL(world.database.url)
  url.password = SECRET
  change(url)
  return url.href
}

interface Failure {
  readonly code: string
  readonly message: string
  readonly tookMs: number
}

/** What the first call says; also that neither it nor the adapter tells the password in any way. */
async function failureOf(connectionString: string, timeout: '300ms' | '20s'): Promise<Failure> {
  const adapter = new RealPoolAdapter({ connectionString, pool: { timeout, maxSize: 2 } })
  const prisma = new PrismaClient({ adapter })
  const startedAt = performance.now()
  const error = await knownErrorOf(prisma.user.count())
  const tookMs = performance.now() - startedAt
  const inTransaction = await knownErrorOf(prisma.$transaction((tx) => tx.user.count(), { maxWait: 20_000 }))
  expect(inTransaction.code).toBe(error.code)
  for (const value of [error, inTransaction, adapter, adapter.pool]) {
    expect(inspect(value, { depth: 10, showHidden: true })).not.toContain(SECRET)
    expect(JSON.stringify(value)).not.toContain(SECRET)
  }
  await prisma.$disconnect()
  return { code: error.code, message: error.message, tookMs }
}

describe('a server that cannot be reached', () => {
  test('a refused port: P1001, with host and port, after the timeout of the pool', async () => {
    const port = await freePort()
    const { code, message, tookMs } = await failureOf(urlBy(port, urlWith()), '300ms')
    expect(code).toBe('P1001')
    expect(message).toContain(`127.0.0.1:${port}`)
    expect(tookMs).toBeGreaterThanOrEqual(290)
  })

  test('a host that does not exist: P1001, with its name', async () => {
    const { code, message } = await failureOf(
      urlWith((url) => (url.hostname = 'nowhere.invalid')),
      '300ms',
    )
    expect(code).toBe('P1001')
    expect(message).toContain('nowhere.invalid')
  })

  test('a server that accepts and says nothing: P1001 after connectTimeout', async () => {
    const mute = createServer((socket) => socket.on('error', () => {}))
    const adapter = new RealPoolAdapter({
      connectionString: urlBy(await listen(mute), urlWith()),
      pool: { timeout: '400ms', connectTimeout: '100ms', maxSize: 1 },
    })
    const prisma = new PrismaClient({ adapter })
    const error = await knownErrorOf(prisma.user.count())
    expect(error.code).toBe('P1001')
    await prisma.$disconnect()
    mute.close()
  })
})

describe('a server that refuses us fails fast, whatever the timeout of the pool', () => {
  test('a wrong password: P1000, with host and user', async () => {
    const url = urlWith((parts) => {
      parts.username = world.database.name
      parts.password = `${SECRET}-wrong`
    })
    const { code, message, tookMs } = await failureOf(url, '20s')
    expect(code).toBe('P1000')
    expect(message).toContain(world.database.name)
    expect(tookMs).toBeLessThan(5_000)
  })

  test('a missing database: P1003, with its name', async () => {
    const url = urlWith((parts) => {
      parts.password = new URL(world.database.url).password
      parts.pathname = '/no_such_database'
    })
    const { code, message, tookMs } = await failureOf(url, '20s')
    expect(code).toBe('P1003')
    expect(message).toContain('no_such_database')
    expect(tookMs).toBeLessThan(5_000)
  })

  test('a role without the right to connect to the database: P1010, with its name', async () => {
    await world.database.query(`REVOKE CONNECT ON DATABASE ${world.database.name} FROM PUBLIC`)
    const url = urlWith((parts) => (parts.username = world.database.name))
    const { code, message, tookMs } = await failureOf(url, '20s')
    await world.database.query(`GRANT CONNECT ON DATABASE ${world.database.name} TO PUBLIC`)
    expect(code).toBe('P1010')
    expect(message).toContain(`denied access on the database \`${world.database.name}\``)
    expect(tookMs).toBeLessThan(5_000)
  })

  test('a role without rights in the database connects, and its query fails', async () => {
    const url = urlWith((parts) => (parts.username = world.database.name))
    const prisma = new PrismaClient({ adapter: new RealPoolAdapter(url) })
    const error = await knownErrorOf(prisma.user.count())
    expect(error.message).toMatch(/permission denied for table User/)
    await prisma.$disconnect()
  })
})

describe('a pool that has nothing to give', () => {
  afterEach(() => world.leave())

  test('its timeout: P2037, with the numbers', async () => {
    const { adapter, prisma } = world.open({ maxSize: 1, timeout: '100ms', name: 'narrow' })
    const { name } = adapter.pool.getStats()
    await adapter.pool.open()
    // To make the connection may take longer than the timeout.
    await adapter.pool.use(() => Promise.resolve(), { timeout: '20s' })
    const inside = gate()
    const holder = hold(prisma, inside)
    await eventually(async () => expect(await statesOf(world)).toEqual(['idle in transaction']))
    const error = await knownErrorOf(prisma.user.count())
    expect(error.code).toBe('P2037')
    expect(error.message).toContain(`'${name}'`)
    expect(error.message).toMatch(/within 100 ms/)
    expect(error.message).toMatch(/1 of at most 1 in use/)
    const transaction = await knownErrorOf(prisma.$transaction((tx) => tx.user.count()))
    expect(transaction.code).toBe('P2037')
    inside.open()
    await holder
    expect(await prisma.user.count()).toBe(0)
  })

  testUnless({ 'pg-pool': 'has no limit for those who wait' })(
    'a full queue: P2037 at once, with the numbers',
    async () => {
      const { adapter, prisma } = world.open({ maxSize: 1, timeout: '20s', maxWaiting: 2, name: 'busy' })
      await prisma.user.count()
      const inside = gate()
      const holder = hold(prisma, inside)
      await eventually(async () => expect(await statesOf(world)).toEqual(['idle in transaction']))
      const waiting = Promise.all([prisma.user.count(), prisma.log.count()])
      await eventually(() => expect(adapter.pool.getStats().requestsWaiting).toBe(2))
      const error = await knownErrorOf(prisma.user.count())
      expect(error.code).toBe('P2037')
      expect(error.message).toContain('busy')
      expect(error.message).toMatch(/2 waiting/)
      expect(error.message).toContain('maxWaiting')
      inside.open()
      await Promise.all([holder, waiting])
    },
  )
})
