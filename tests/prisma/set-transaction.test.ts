// SET TRANSACTION as the first statement of a transaction, which PostgreSQL allows only before any query and outside of
// savepoints, together with what the adapter sends before the first statement.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { Prisma, PrismaClient } from '../generated/prisma/client.js'
import type { OtherOptions } from '../support/backends.js'
import { createWorld, errorOf, log, logged, type World } from './support.js'

let world: World

beforeAll(async () => {
  world = await createWorld()
})

afterAll(() => world.close())

beforeEach(() => world.empty())

async function modesOf(tx: Prisma.TransactionClient): Promise<unknown> {
  const [row] = await tx.$queryRaw<unknown[]>`
    SELECT current_setting('transaction_isolation') AS level, current_setting('transaction_read_only') AS read_only,
           current_setting('idle_in_transaction_session_timeout') AS idle`
  return row
}

describe.each<[string, OtherOptions['transaction'], string]>([
  ['nothing else', {}, '0'],
  ['idleTimeout', { idleTimeout: '20s' }, '20s'],
  ['maxDuration', { maxDuration: '20s' }, '0'],
  ['autosave', { autosave: 'always' }, '0'],
  [
    'all of them',
    { idleTimeout: '20s', maxDuration: '20s', autosave: 'always', acquire: 'first-query' },
    '20s',
  ],
])('with %s', (_name, transaction, idle) => {
  let prisma: PrismaClient

  beforeAll(() => {
    ;({ prisma } = world.open({ minSize: 1, maxSize: 1 }, { transaction }))
  })

  test('SET TRANSACTION sets the isolation level', async () => {
    for (const text of [
      'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE',
      "/* first */ set local transaction_isolation to 'serializable'",
    ]) {
      const modes = await prisma.$transaction(async (tx) => {
        await tx.$executeRawUnsafe(text)
        return modesOf(tx)
      })
      expect(modes).toEqual({ level: 'serializable', read_only: 'off', idle })
    }
  })

  test('SET TRANSACTION may come twice, after SET LOCAL, and before writes that fail', async () => {
    await prisma.$transaction(async (tx) => {
      await tx.$executeRaw`SET LOCAL app.tenant = 'a'`
      await tx.$executeRaw`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ`
      await tx.$executeRaw`SET TRANSACTION READ WRITE, DEFERRABLE`
      await log(tx, 'saved')
      if (transaction?.autosave === 'always') await errorOf(tx.$queryRaw`SELECT 1 / 0`)
      expect(await modesOf(tx)).toEqual({ level: 'repeatable read', read_only: 'off', idle })
    })
    expect(await logged(world)).toEqual(['saved'])
  })

  test('SET TRANSACTION READ ONLY makes writes fail', async () => {
    const work = prisma.$transaction(async (tx) => {
      await tx.$executeRaw`SET TRANSACTION READ ONLY`
      await log(tx, 'never')
    })
    expect((await errorOf(work)).message).toContain('25006')
    expect(await logged(world)).toEqual([])
  })

  test('SET TRANSACTION after a query fails the transaction', async () => {
    const work = prisma.$transaction(async (tx) => {
      await log(tx, 'undone')
      await tx.$executeRaw`SET TRANSACTION ISOLATION LEVEL SERIALIZABLE`
    })
    expect((await errorOf(work)).message).toContain('25001')
    expect(await logged(world)).toEqual([])
  })
})
