// A server that lets no more in: the limit of a role, and max_connections. What the pool has, it shares out;
// what it lacks, it opens once there is room.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { type LocalPostgres, startLocalPostgres } from 'local-postgres'
import pg from 'pg'
import type { PoolOptions } from 'prisma-pg-real-pool'
import { eventually } from '../support/eventually.js'
import {
  createStage,
  expectRefused,
  expectWhole,
  failureOf,
  pidOf,
  pidsOf,
  type Stage,
  Subject,
  terminate,
} from './support.js'

const USER = 'limited'
const AS_USER = { user: USER, password: 'secret' }
/** Of them, so many stay with superusers. */
const MAX_CONNECTIONS = 14
const RESERVED = 6

let server: LocalPostgres
let stage: Stage
const others: pg.Client[] = []

beforeAll(async () => {
  server = await startLocalPostgres({
    settings: {
      max_connections: String(MAX_CONNECTIONS),
      superuser_reserved_connections: String(RESERVED),
    },
  })
  stage = await createStage(server.url)
  await stage.database.query(`
    CREATE ROLE ${USER} LOGIN PASSWORD 'secret';
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${USER}`)
})

beforeEach(() => setLimit(-1))

afterEach(async () => {
  await Promise.all(others.splice(0).map((client) => client.end()))
  await stage.clear()
})

afterAll(async () => {
  await stage.close()
  await server.stop()
})

async function setLimit(count: number): Promise<void> {
  await stage.database.query(`ALTER ROLE ${USER} CONNECTION LIMIT ${count}`)
}

/** Other programs take every session that is left for ordinary users. */
async function takeTheRest(): Promise<void> {
  for (;;) {
    const client = new pg.Client({
      connectionString: stage.database.url,
      ...AS_USER,
      application_name: 'other',
    })
    client.on('error', () => {})
    try {
      await client.connect()
    } catch (error) {
      expect(error).toMatchObject({ code: '53300' })
      return
    }
    others.push(client)
  }
}

describe.each(['the role', 'the server'] as const)('the limit of %s', (whose) => {
  const pool: PoolOptions = { minSize: 2, maxSize: 4, timeout: '20s', reconnectTimeout: '1m' }

  async function close(): Promise<void> {
    if (whose === 'the role') await setLimit((await pidsOf(stage)).length)
    else await takeTheRest()
  }

  async function lift(): Promise<void> {
    if (whose === 'the role') await setLimit(-1)
    else await Promise.all(others.splice(0).map((client) => client.end()))
  }

  test('a burst is served by the connections that there are; the others come when there is room', async () => {
    const subject = await stage.open(pool, AS_USER)
    await close()
    const before = await pidsOf(stage)
    const pids = await Promise.all(Array.from({ length: 40 }, () => subject.use(pidOf)))
    expect(new Set(pids)).toEqual(new Set(before))
    await eventually(() => expect(subject.pool.getStats().connectionsErrors).toBeGreaterThan(0))
    expect(subject.pool.getStats()).toMatchObject({ requestsErrors: 0 })
    await lift()
    await expectWhole(stage, subject)
  })

  test('a pool that has none says why: P2037 in Prisma; and serves when there is room', async () => {
    const { adapter, prisma } = await stage.openPrisma({ ...pool, minSize: 0, maxSize: 2 }, AS_USER)
    const impatient = await stage.openPrisma({ minSize: 0, maxSize: 1, timeout: '100ms' }, AS_USER)
    if (whose === 'the role') await setLimit(0)
    else await takeTheRest()
    await expectRefused(new Subject(adapter.pool), {
      code: 'POOL_TIMEOUT',
      cause: { code: '53300' },
      message: expect.stringContaining('Lower maxSize, or raise max_connections on the server'),
    })
    await eventually(async () =>
      expect(await failureOf(impatient.prisma.log.count())).toMatchObject({
        code: 'P2037',
        message: expect.stringMatching(
          /too many (connections for role|clients)|connection slots are reserved/,
        ),
      }),
    )
    await impatient.prisma.$disconnect()
    const waiting = Promise.all(Array.from({ length: 5 }, () => prisma.log.count()))
    await eventually(() => expect(adapter.pool.getStats().requestsWaiting).toBe(5))
    await lift()
    expect(await waiting).toEqual(Array(5).fill(0))
    await expectWhole(stage, adapter.pool)
  })

  test('while it is reached, connections that die are missed, not lost: they come back with the room', async () => {
    const subject = await stage.open({ ...pool, minSize: 4 }, AS_USER)
    await close()
    const died = await pidsOf(stage)
    if (whose === 'the role') await setLimit(2)
    await terminate(stage, `pid IN (${died.slice(0, 2).join()})`)
    if (whose === 'the server') await takeTheRest()
    await Promise.all(Array.from({ length: 20 }, () => subject.use(pidOf)))
    expect(subject.pool.getStats()).toMatchObject({ requestsErrors: 0 })
    await lift()
    await expectWhole(stage, subject)
  })
})
