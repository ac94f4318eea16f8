// Calls outside of transactions by way of PgBouncer in transaction mode: what they read and write, how many share the
// server's sessions, and what they leave there.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { RealPoolAdapter } from 'prisma-pg-real-pool'
import type { PrismaClient } from '../generated/prisma/client.js'
import { knownErrorOf, type Opened, SUBJECT } from '../prisma/support.js'
import { describeBehindPgBouncer } from '../support/pgbouncer.js'
import { sleepRuns } from '../integration/support.js'
import { createStage, type Stage } from './support.js'

describeBehindPgBouncer('calls behind PgBouncer', () => {
  let stage: Stage
  let opened: Opened
  let prisma: PrismaClient

  beforeAll(async () => {
    stage = await createStage()
    opened = stage.open({ minSize: 2, maxSize: 20, check: true })
    prisma = opened.prisma
  })

  beforeEach(() => stage.world.empty())

  afterEach(() => stage.expectAtRest(opened))

  afterAll(() => stage.close())

  test('PgBouncer takes what the session is begun with, and the URL of Prisma 6 says the same', async () => {
    const { prisma: byUrl } = stage.world.open(
      {},
      { connectionString: `${stage.url}?pgbouncer=true` },
      'native',
    )
    expect(await byUrl.user.count()).toBe(0)
    const unaware = stage.world.open({ timeout: '5s' }, { connectionString: stage.url }, 'native')
    const error = await knownErrorOf(unaware.prisma.user.count())
    expect(error.message).toMatch(/unsupported startup parameter.*set pooler: 'transaction'/)
  })

  test('models are written and read, with what belongs to them', async () => {
    const { id } = await prisma.user.create({
      data: { email: 'a@x', profile: { create: { bio: 'b' } }, posts: { create: [{ title: 't' }] } },
    })
    await prisma.user.upsert({
      where: { id },
      create: { email: 'never' },
      update: { balance: { increment: 5 } },
    })
    expect(
      await prisma.user.findUnique({ where: { id }, include: { profile: true, posts: true } }),
    ).toMatchObject({ balance: 5, profile: { bio: 'b' }, posts: [{ title: 't' }] })
    expect(await knownErrorOf(prisma.user.create({ data: { email: 'a@x' } }))).toMatchObject({
      code: 'P2002',
    })
    expect(await prisma.user.deleteMany({ where: { email: 'none' } })).toEqual({ count: 0 })
    expect(await stage.world.database.query('SELECT "balance" FROM "User"')).toEqual([{ balance: 5 }])
  })

  test('a thousand calls at once share two sessions of the server', async () => {
    const before = await stage.world.database.sessionsOpened()
    const names = Array.from({ length: 1_000 }, (_, index) => `call ${index}`)
    await Promise.all(names.map((text) => prisma.log.create({ data: { text } })))
    const rows = await stage.world.database.query<{ text: string }>('SELECT "text" FROM "Log"')
    expect(rows.map(({ text }) => text).sort()).toEqual([...names].sort())
    expect((await stage.world.database.sessionsOpened()) - before).toBeLessThanOrEqual(2)
    expect(await stage.world.database.backends(SUBJECT)).toHaveLength(2)
  })

  test('no prepared statement is left in a session, whatever name one is given', async () => {
    const named = stage.open(
      { minSize: 1, maxSize: 2 },
      { statementNameGenerator: ({ sql }) => `n${sql.length}` },
    )
    for (const client of [prisma, named.prisma]) {
      for (let time = 0; time < 4; time++) {
        await Promise.all([1, 2].map((id) => client.user.findUnique({ where: { id } })))
      }
      expect(await client.$queryRaw`SELECT name FROM pg_prepared_statements`).toEqual([])
    }
  })

  test('COPY FROM STDIN is refused at once, and keeps the connection and the session of the server', async () => {
    const one = stage.open({ minSize: 1, maxSize: 1 })
    await one.prisma.log.create({ data: { text: 'a' } })
    const before = await stage.world.database.sessionsOpened()
    for (let round = 0; round < 3; round++) {
      const error = await knownErrorOf(one.prisma.$executeRaw`COPY "Log" ("text") FROM STDIN`)
      expect(error.message).toContain('pg-copy-streams')
      expect(await one.prisma.log.count()).toBe(1)
    }
    expect((await stage.world.database.sessionsOpened()) - before).toBeLessThanOrEqual(0)
    expect(one.adapter.pool.getStats()).toMatchObject({ connectionsNum: 1, connectionsLost: 0 })
  })

  test('a statement that takes too long is cancelled at the server, by way of PgBouncer', async () => {
    const hurried = stage.open({ minSize: 1, maxSize: 1 }, { queryTimeout: '300ms' })
    const slow = hurried.prisma.$queryRaw`SELECT 1 AS n FROM pg_sleep(60)`
    slow.catch(() => {})
    await sleepRuns(stage.world.database)
    // Of a raw query Prisma keeps the code of the server.
    expect((await knownErrorOf(slow)).message).toContain('queryTimeout')
    await stage.expectAtRest(hurried)
    expect(await hurried.prisma.$queryRaw`SELECT 1 AS n`).toEqual([{ n: 1 }])
    expect(hurried.adapter.pool.getStats().connectionsNum).toBe(1)
  })

  test('the pool tests its connections by asking through PgBouncer', async () => {
    await opened.adapter.pool.check()
    const { connectionsLost, poolSize } = opened.adapter.pool.getStats()
    expect({ connectionsLost, isOpen: poolSize >= 2 }).toEqual({ connectionsLost: 0, isOpen: true })
    await opened.adapter.pool.drain()
    expect(await prisma.user.count()).toBe(0)
  })

  test('a script runs as a whole, in one session', async () => {
    const adapter = await new RealPoolAdapter({
      connectionString: stage.url,
      pooler: 'transaction',
    }).connect()
    await adapter.executeScript(`
      BEGIN;
      CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS $$ SELECT n * 2; $$;
      INSERT INTO "Log" ("text") SELECT twice(21)::text;
      COMMIT;`)
    await adapter.dispose()
    expect(await stage.world.database.query('SELECT "text" FROM "Log"')).toEqual([{ text: '42' }])
  })
})
