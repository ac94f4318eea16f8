// What is lost and comes back behind PgBouncer, or is PgBouncer itself: on a throwaway server, met through it.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { type LocalPostgres, startLocalPostgres } from 'local-postgres'
import { knownErrorOf, type Opened, pidOf } from '../prisma/support.js'
import { eventually } from '../support/eventually.js'
import { describeBehindPgBouncer, PgBouncer } from '../support/pgbouncer.js'
import { createStage, type Stage } from './support.js'

const MOST_CLIENTS = 12

describeBehindPgBouncer('faults behind PgBouncer', () => {
  let server: LocalPostgres
  let stage: Stage
  let opened: Opened

  beforeAll(async () => {
    server = await startLocalPostgres()
    stage = await createStage({ serverUrl: server.url, bouncer: { max_client_conn: MOST_CLIENTS } })
  })

  beforeEach(async () => {
    await stage.world.empty()
    opened = stage.open({ minSize: 2, maxSize: 4, timeout: '25s', check: true })
    // Without it, $disconnect would leave the pool of a client that was not used open.
    await opened.prisma.$connect()
    await opened.adapter.pool.open({ wait: true })
  })

  afterEach(async () => {
    await stage.expectAtRest(opened)
    await opened.prisma.$disconnect()
  })

  afterAll(async () => {
    await stage.close()
    await server.stop()
  })

  async function logged(): Promise<string[]> {
    const rows = await stage.world.database.query<{ text: string }>('SELECT "text" FROM "Log" ORDER BY "id"')
    return rows.map(({ text }) => text)
  }

  test('a server that was restarted is used again, without a word to those who were not on it', async () => {
    const { prisma } = opened
    await prisma.log.create({ data: { text: 'before' } })
    await server.restart()
    await eventually(() => prisma.log.create({ data: { text: 'after' } }), { timeoutMs: 20_000 })
    expect(await logged()).toEqual(['before', 'after'])
  })

  test('a session that is ended in a transaction takes it with it, and the next one goes on', async () => {
    const { prisma } = opened
    const error = await knownErrorOf(
      prisma.$transaction(async (tx) => {
        await tx.log.create({ data: { text: 'undone' } })
        await stage.world.database.query('SELECT pg_terminate_backend($1, 5000)', [await pidOf(tx)])
        await tx.log.create({ data: { text: 'too late' } })
      }),
    )
    expect(error.code).toBe('P1017')
    await prisma.log.create({ data: { text: 'after' } })
    expect(await logged()).toEqual(['after'])
  })

  test('a PgBouncer that was restarted is found again, and no call that comes later notices', async () => {
    const { prisma, adapter } = opened
    await stage.bouncer.stop()
    const during = prisma.log.create({ data: { text: 'during' } }).then(() => {})
    await eventually(() => expect(adapter.pool.getStats().requestsWaiting).toBe(1))
    await stage.bouncer.start()
    await during
    await prisma.log.create({ data: { text: 'after' } })
    expect(await logged()).toEqual(['during', 'after'])
  })

  test('one that takes no more clients is shared as far as it goes', async () => {
    const { prisma, adapter } = stage.open({ minSize: 0, maxSize: MOST_CLIENTS + 4, timeout: '20s' })
    const calls = Array.from({ length: 40 }, () => prisma.$queryRaw`SELECT 1 AS n FROM pg_sleep(0.01)`)
    expect(await Promise.all(calls)).toHaveLength(40)
    expect(adapter.pool.getStats().poolSize).toBeLessThanOrEqual(MOST_CLIENTS)
    await prisma.$disconnect()
  })

  test('where it takes nobody, the error is that of the connection, not of the wait', async () => {
    const narrow = await PgBouncer.inFrontOf(stage.world.database.url, { max_client_conn: 1 })
    const connectionString = narrow.urlOf(stage.world.database.url)
    const first = stage.open({ minSize: 1, maxSize: 1 }, { connectionString })
    // The connection that asked whether PgBouncer runs may take a moment to go.
    expect(await first.prisma.log.count()).toBe(0)
    const late = stage.open({ minSize: 0, maxSize: 1, timeout: '1s' }, { connectionString })
    const error = await knownErrorOf(late.prisma.log.count())
    expect(error.message).toContain('no more connections allowed')
    await late.prisma.$disconnect()
    await first.prisma.$disconnect()
    await narrow.close()
  })
})
