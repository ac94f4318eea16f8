// Servers whose connections share one session, under load: nothing is mixed up, lost, or saved after all.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { RealPoolAdapter, type RealPoolAdapterOptions } from 'prisma-pg-real-pool'
import { eventually } from '../support/eventually.js'
import { startPglite } from '../support/pglite.js'
import { startPrismaDev } from '../support/prisma-dev.js'
import { ALL_WELL, auditOf, createStage, type Stage, underLoad } from './support.js'

describe.each([
  { name: 'prisma dev', start: startPrismaDev, takesTen: true },
  { name: 'pglite-socket, which takes one connection', start: () => startPglite(), takesTen: false },
  {
    name: 'pglite-socket with ten connections',
    start: () => startPglite({ maxConnections: 10 }),
    takesTen: true,
  },
])('on $name', ({ start, takesTen }) => {
  let stage: Stage
  beforeAll(async () => {
    stage = await createStage(start)
  }, 60_000)
  afterAll(() => stage.close())

  const underLoadWith = async (options: RealPoolAdapterOptions, isWarm = false) => {
    const adapter = new RealPoolAdapter(options)
    const prisma = stage.open(adapter)
    // Several connections at once may be too many: the server has not heard of the end of the last ones.
    if (isWarm) await eventually(() => prisma.log.count())
    const outcome = await underLoad(prisma)
    expect(adapter.pool.getStats().poolMax).toBe(1)
    return outcome
  }
  const passes = async (options: RealPoolAdapterOptions, isWarm?: boolean) => {
    expect(await auditOf(stage, await underLoadWith(options, isWarm))).toEqual(ALL_WELL)
  }

  test('reads, writes and transactions at the same time succeed with default options', () =>
    passes({ connectionString: stage.url }))

  test('reads, writes and transactions at the same time succeed with pipelining', () =>
    passes({ connectionString: stage.url, pool: { pipelining: 16 } }))

  test('reads, writes and transactions at the same time succeed with a savepoint around each statement', () =>
    passes({
      connectionString: stage.url,
      transaction: { autosave: 'always', idleTimeout: '20s' },
      statementNameGenerator: ({ sql }) => `n${sql.length}`,
    }))

  if (takesTen) {
    test('reads, writes and transactions at the same time succeed without a pool', () =>
      passes({ connectionString: stage.url, pool: false }, true))

    test('reads, writes and transactions at the same time succeed over a pg.Pool', async () => {
      const pgPool = new pg.Pool({ connectionString: stage.url, max: 5 })
      const outcome = await underLoadWith({ pool: pgPool }, true).finally(() => pgPool.end())
      expect(await auditOf(stage, outcome)).toEqual(ALL_WELL)
    })
  }
})
