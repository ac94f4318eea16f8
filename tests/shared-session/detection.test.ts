// The pool finds servers that run all connections in one session, and no others, and uses one connection to them.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { isOutcomeUnknown, RealPoolAdapter } from 'prisma-pg-real-pool'
import { createWorld, errorOf, PATIENT, warmUp, type World } from '../prisma/support.js'
import { collectWarnings } from '../integration/support.js'
import { eventually } from '../support/eventually.js'
import { startPglite } from '../support/pglite.js'
import { type Rewrite, Rewriter, textBody } from '../support/rewriter.js'
import { WireTap } from '../support/wire-tap.js'
import { ALL_WELL, auditOf, createStage, type Stage, underLoad } from './support.js'

/** Gives every connection another key. */
function withKey(keyOf: (processId: number, secretKey: number) => [number, number]): Rewrite {
  return (type, body) => {
    if (type !== 'K') return body
    const [processId, secretKey] = keyOf(body.readInt32BE(0), body.readInt32BE(4))
    const key = Buffer.alloc(8)
    key.writeInt32BE(processId, 0)
    key.writeInt32BE(secretKey, 4)
    return key
  }
}

describe('PGlite', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await createStage(() => startPglite({ maxConnections: 10 }))
  }, 60_000)
  afterEach(() => stage.disconnect())
  afterAll(() => stage.close())

  test('gets one connection, and a warning that says what was seen and what is done', async () => {
    const heard = collectWarnings()
    const adapter = new RealPoolAdapter({ connectionString: stage.url, pool: { minSize: 4 } })
    const prisma = stage.open(adapter)
    await Promise.all([1, 2, 3].map(() => prisma.log.count()))
    await adapter.pool.drain()
    await prisma.log.count()
    heard.stop()
    expect(heard.warnings).toEqual([
      expect.stringMatching(
        /^the server 127\.0\.0\.1:\d+\/postgres runs all its connections in one session \(it is PostgreSQL 18\.\d+ \(PGlite .*\): the pool uses one connection$/,
      ),
    ])
    expect(heard.details.join()).toContain('No statement is prepared by name')
    adapter.pool.resize({ minSize: 5, maxSize: 20 })
    expect(adapter.pool.getStats()).toMatchObject({ poolMin: 1, poolMax: 1, poolSize: 1 })
  })

  test('prepares nothing by name', async () => {
    const prisma = stage.open(
      new RealPoolAdapter({ connectionString: stage.url, statementNameGenerator: () => 'mine' }),
    )
    await prisma.log.count()
    await prisma.log.findMany()
    await prisma.log.count()
    const names = await prisma.$queryRaw`SELECT name FROM pg_prepared_statements`
    expect(names).toEqual([])
  })

  test('has the schema option for raw queries too, also after the session was reset', async () => {
    await stage.query('CREATE SCHEMA IF NOT EXISTS "Other side"')
    const prisma = stage.open(new RealPoolAdapter({ connectionString: stage.url, schema: 'Other side' }))
    const path = () => prisma.$queryRaw`SELECT current_schema() AS path`
    expect(await path()).toEqual([{ path: 'Other side' }])
    await prisma.$executeRaw`SET search_path TO public`
    expect(await path()).toEqual([{ path: 'Other side' }])
    await stage.query('SET search_path TO public')
  })

  test('refuses a transaction that cannot begin, and goes on', async () => {
    const prisma = stage.open(new RealPoolAdapter({ connectionString: stage.url }))
    await expect(
      prisma.$transaction(async (tx) => {
        await tx.log.create({ data: { text: 'one' } })
        await tx.$queryRaw`SELECT 1 / 0`
      }, PATIENT),
    ).rejects.toThrow('division by zero')
    await prisma.$transaction((tx) => tx.log.create({ data: { text: 'two' } }), PATIENT)
    const texts = (await prisma.log.findMany()).map(({ text }) => text)
    await prisma.log.deleteMany()
    expect(texts).toEqual(['two'])
  })

  test('reports a failed write as any server does', async () => {
    const prisma = stage.open(new RealPoolAdapter({ connectionString: stage.url }))
    await prisma.user.create({ data: { email: 'a@a' } })
    const error = await errorOf(prisma.user.create({ data: { email: 'a@a' } }))
    expect(error).toMatchObject({ code: 'P2002' })
    expect(isOutcomeUnknown(error)).toBe(false)
    expect(await prisma.user.count()).toBe(1)
  })

  test('rolls back a transaction that its timeout ends, and goes on', async () => {
    const prisma = stage.open(new RealPoolAdapter({ connectionString: stage.url }))
    const late = prisma.$transaction(
      async (tx) => {
        await tx.log.create({ data: { text: 'late' } })
        await new Promise((resolve) => setTimeout(resolve, 500))
        await tx.log.create({ data: { text: 'later' } })
      },
      { maxWait: PATIENT.maxWait, timeout: 200 },
    )
    await expect(late).rejects.toMatchObject({ code: 'P2028' })
    expect(await prisma.log.count()).toBe(0)
  })

  test('gives the connection of a statement that takes too long back to the next caller', async () => {
    const prisma = stage.open(new RealPoolAdapter({ connectionString: stage.url, queryTimeout: '200ms' }))
    await expect(prisma.$queryRaw`SELECT pg_sleep(3)::text`).rejects.toThrow()
    expect(await prisma.$queryRaw`SELECT 1 AS one`).toEqual([{ one: 1 }])
  })

  describe('that a proxy makes look like any other server', () => {
    let rewriter: Rewriter
    let url: string
    beforeAll(async () => {
      ;({ rewriter, url } = await Rewriter.inFrontOf(stage.url))
      const unchanged = Buffer.from('session_authorization\0\0')
      rewriter.rewrite = (type, body) =>
        type === 'S' && body.equals(unchanged) ? textBody('session_authorization\0postgres') : body
    })
    afterAll(() => rewriter.close())

    test('is found out when a second connection has the key of the first', async () => {
      const adapter = new RealPoolAdapter({ connectionString: url })
      const prisma = stage.open(adapter)
      const outcome = await underLoad(prisma)
      expect(adapter.pool.getStats().poolMax).toBe(1)
      expect(await auditOf(stage, outcome)).toEqual(ALL_WELL)
    })
  })
})

describe('PostgreSQL', () => {
  let world: World
  let rewriter: Rewriter
  let url: string
  beforeAll(async () => {
    world = await createWorld()
    ;({ rewriter, url } = await Rewriter.inFrontOf(world.database.url))
  })
  afterEach(() => world.disconnect())
  afterAll(async () => {
    await world.close()
    rewriter.close()
  })

  test.each([
    ['on two hosts, with the same process numbers', withKey((_processId, secretKey) => [42, secretKey])],
    ['behind a proxy that gives everybody one key', withKey(() => [42, 815])],
    ['behind a proxy that gives nobody a key', withKey(() => [0, 0])],
    [
      'behind a proxy that does not name the user',
      (type: string, body: Buffer) =>
        type === 'S' && body.toString().startsWith('session_authorization')
          ? textBody('session_authorization\0')
          : body,
    ],
  ])('%s is used by as many connections as the pool may have', async (_name, rewrite) => {
    rewriter.rewrite = rewrite
    const heard = collectWarnings()
    const { adapter, prisma } = world.open({ maxSize: 3 }, { connectionString: url }, 'native')
    await warmUp(prisma, 3)
    heard.stop()
    expect(adapter.pool.getStats()).toMatchObject({ poolMax: 3, poolSize: 3 })
    await eventually(async () => expect(await world.database.backends('subject')).toHaveLength(3))
    expect(heard.warnings).toEqual([])
  })

  test('is asked nothing when a connection opens', async () => {
    const tap = new WireTap()
    const { adapter } = world.open(
      { minSize: 2, maxSize: 2 },
      { connectionString: await tap.inFrontOf(world.database.url) },
      'native',
    )
    await adapter.pool.open({ wait: true })
    expect(tap.take().texts).toEqual([])
    await world.disconnect()
    await adapter.pool.close()
    tap.close()
  })
})
