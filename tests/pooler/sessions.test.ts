// What a client finds of the server's sessions behind PgBouncer, which lends each transaction whichever is free.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { describeBehindPgBouncer, PgBouncer } from '../support/pgbouncer.js'
import { WireTap } from '../support/wire-tap.js'
import { createStage, type Stage } from './support.js'

const VALUES = {
  timestamp: new Date('2024-05-06T07:08:09.123Z'),
  timestamp6: new Date('0044-03-15T01:02:03.004Z'),
  timestamptz: new Date('2024-07-06T07:08:09.123Z'),
  date: new Date('2024-05-06T00:00:00.000Z'),
  time: new Date('1970-01-01T07:08:09.123Z'),
  timetz: new Date('1970-01-01T17:08:09.123Z'),
}

describeBehindPgBouncer('sessions behind PgBouncer', () => {
  let stage: Stage

  beforeAll(async () => {
    stage = await createStage()
  })

  afterAll(() => stage.close())

  test.each(['ISO, DMY', 'German, DMY', 'SQL, DMY', 'SQL, MDY', 'Postgres, DMY'])(
    'dates of every type read right, and were stored right, where the server prints them as %s',
    async (style) => {
      const settings = `
        ALTER DATABASE % SET DateStyle = '${style}';
        ALTER DATABASE % SET TimeZone = 'America/New_York'`
      const other = await createStage({ settings })
      const { prisma, adapter } = other.open({ minSize: 4, maxSize: 4 })
      await adapter.pool.open({ wait: true })
      await prisma.scalars.create({ data: VALUES })
      // Each connection, on each of the sessions.
      const found = await Promise.all(Array.from({ length: 20 }, () => prisma.scalars.findFirstOrThrow()))
      for (const row of found) expect(row).toMatchObject(VALUES)
      const [row] = await other.world.database.query<{ epoch: string }>(
        `SELECT extract(epoch FROM "timestamptz") * 1000 AS epoch FROM "Scalars"`,
      )
      expect(Number(row!.epoch)).toBe(VALUES.timestamptz.getTime())
      // The order of day and month in what users write stays the database's own.
      expect(await prisma.$queryRaw`SELECT current_setting('DateStyle') AS style`).toEqual([
        { style: `ISO, ${style.slice(-3)}` },
      ])
      await other.close()
    },
  )

  test.each([
    ['ISO, DMY', false],
    ['SQL, DMY', true],
  ])(
    '%s: that is asked for only where it is not so already, and PgBouncer never sets it again',
    async (style, isSet) => {
      const tap = new WireTap()
      const other = await createStage({ settings: `ALTER DATABASE % SET DateStyle = '${style}'` })
      const tapped = await PgBouncer.inFrontOf(await tap.inFrontOf(other.world.database.url), {
        default_pool_size: 1,
      })
      const connectionString = tapped.urlOf(other.world.database.url)
      const { prisma, adapter } = other.open({ minSize: 4, maxSize: 4 }, { connectionString })
      await adapter.pool.open({ wait: true })
      await Promise.all(Array.from({ length: 4 }, () => prisma.$queryRaw`SELECT 1 AS n`))
      expect(tap.take().texts.some((text) => text.startsWith('SET DateStyle'))).toBe(isSet)
      await Promise.all(Array.from({ length: 20 }, () => prisma.$queryRaw`SELECT 1 AS n`))
      expect(new Set(tap.take().texts)).toEqual(new Set(['SELECT 1 AS n']))
      await other.world.disconnect()
      await tapped.close()
      await other.close()
      tap.close()
    },
  )

  test('what a call sets that PgBouncer keeps for its client is gone with the next call', async () => {
    const { prisma, adapter } = stage.open({ minSize: 1, maxSize: 1 })
    const zone = () => prisma.$queryRaw<{ TimeZone: string }[]>`SHOW TimeZone`
    const own = await zone()
    await prisma.$executeRaw`SET TimeZone = 'Asia/Kolkata'`
    await prisma.$executeRaw`SET DateStyle = 'SQL, DMY'`
    expect(await zone()).toEqual(own)
    expect(await prisma.$queryRaw`SELECT DATE '2024-05-06' AS day`).toEqual([{ day: new Date('2024-05-06') }])
    expect(adapter.pool.getStats().returnsBad).toBe(2)
  })

  test('a session that is discarded behind a call does not bring back dates that cannot be read', async () => {
    const other = await createStage({
      settings: `ALTER DATABASE % SET DateStyle = 'SQL, DMY'`,
      bouncer: { default_pool_size: 1 },
    })
    const { prisma } = other.open({ minSize: 1, maxSize: 1 })
    const day = () => prisma.$queryRaw`SELECT DATE '06/05/2024' AS day`
    await prisma.$executeRaw`SET work_mem = '64MB'`
    expect(await day()).toEqual([{ day: new Date('2024-05-06') }])
    await other.close()
  })

  test('what is set for a transaction, no other client finds', async () => {
    const one = stage.open({ minSize: 1, maxSize: 1 })
    const other = stage.open({ minSize: 1, maxSize: 1 })
    await one.prisma.$transaction(async (tx) => {
      await tx.$executeRaw`SET LOCAL work_mem = '64MB'`
      await tx.$executeRaw`SELECT set_config('app.tenant', 'x', true)`
    })
    expect(
      await other.prisma
        .$queryRaw`SELECT current_setting('work_mem') AS mem, coalesce(current_setting('app.tenant', true), '') AS tenant`,
    ).toEqual([{ mem: '4MB', tenant: '' }])
  })

  test('the session that was most likely changed is reset before PgBouncer lends it to others', async () => {
    const alone = await PgBouncer.inFrontOf(stage.world.database.url, { default_pool_size: 1 })
    const connectionString = alone.urlOf(stage.world.database.url)
    const one = stage.open({ minSize: 1, maxSize: 1 }, { connectionString })
    const other = stage.open({ minSize: 1, maxSize: 1 }, { connectionString })
    await one.prisma.$executeRaw`SET work_mem = '64MB'`
    // The reset runs behind the call, on the connection that the call had.
    expect(await one.prisma.$queryRaw`SELECT current_setting('work_mem') AS mem`).toEqual([{ mem: '4MB' }])
    expect(await other.prisma.$queryRaw`SELECT current_setting('work_mem') AS mem`).toEqual([{ mem: '4MB' }])
    await one.prisma.$disconnect()
    await other.prisma.$disconnect()
    await alone.close()
  })

  test('the schema is that of generated queries; raw ones go by the search_path of the server', async () => {
    await stage.world.database.query(
      'CREATE SCHEMA sales; CREATE TABLE sales."Log" (LIKE "Log" INCLUDING ALL)',
    )
    const { prisma } = stage.open({ maxSize: 1 }, { schema: 'sales' })
    await prisma.log.create({ data: { text: 'of sales' } })
    expect(await stage.world.database.query('SELECT "text" FROM sales."Log"')).toEqual([{ text: 'of sales' }])
    expect(await prisma.$queryRaw`SELECT current_schema()::text AS name`).toEqual([{ name: 'public' }])
  })
})
