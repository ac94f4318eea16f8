// Servers whose connections share one session: errors, and what earlier connections left in the session.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { type RealPool, RealPoolAdapter } from 'prisma-pg-real-pool'
import type { PrismaClient } from '../generated/prisma/client.js'
import { errorOf, log } from '../prisma/support.js'
import { startPglite } from '../support/pglite.js'
import { startPrismaDev } from '../support/prisma-dev.js'
import { createStage, type Stage } from './support.js'

const FAILING: readonly [string, (prisma: PrismaClient, pool: RealPool) => Promise<unknown>][] = [
  ['a call', (prisma) => prisma.$executeRaw`INSERT INTO "Tag" ("id", "name") VALUES (1, 'taken')`],
  [
    'a nested transaction',
    (prisma) =>
      prisma.$transaction(async (tx) => {
        await errorOf(tx.$transaction((nested) => nested.tag.create({ data: { id: 1, name: 'taken' } })))
        await log(tx, 'nested')
        throw new Error('rolled back')
      }),
  ],
  [
    'a lease of the pool',
    (_, pool) => pool.use((client) => client.query(`INSERT INTO "Tag" ("name") VALUES ($1)`, ['taken'])),
  ],
]

describe.each([
  { name: 'prisma dev', start: startPrismaDev },
  { name: 'pglite-socket', start: () => startPglite({ maxConnections: 10 }) },
])('on $name', ({ start }) => {
  let stage: Stage
  beforeAll(async () => {
    stage = await createStage(start)
  }, 60_000)
  afterEach(() => stage.disconnect())
  afterAll(() => stage.close())

  // PGlite 0.4, in prisma dev, is ready twice after an error.
  test.each(FAILING)(
    'an error of %s is told to no other statement, and none seems to succeed',
    async (_, fail) => {
      const adapter = new RealPoolAdapter({ connectionString: stage.url })
      const prisma = stage.open(adapter)
      await prisma.tag.upsert({ where: { id: 1 }, create: { id: 1, name: 'taken' }, update: {} })
      await prisma.log.deleteMany()
      const texts = Array.from({ length: 40 }, (_value, index) => `${index}`)
      for (const text of texts) {
        const failed = errorOf(fail(prisma, adapter.pool))
        const [saved] = await Promise.all([log(prisma, text), failed])
        expect(saved.text).toBe(text)
      }
      const rows = await prisma.log.findMany({ select: { text: true }, orderBy: { id: 'asc' } })
      expect(rows).toEqual(texts.map((text) => ({ text })))
    },
  )

  test('a new connection does not meet the settings of one that has ended (sessionReset)', async () => {
    await stage.query(`SELECT set_config('app.tenant', 'mine', false)`)
    const options = { connectionString: stage.url, pool: { sessionReset: 'settings' } } as const
    const prisma = stage.open(new RealPoolAdapter(options))
    const rows = await prisma.$queryRaw`SELECT current_setting('app.tenant', true) AS tenant`
    expect(rows).toEqual([{ tenant: '' }])
  })
})
