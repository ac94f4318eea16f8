// Half-open sessions: the network has lost the connection, and the server has not heard of it.
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '../support/eventually.js'
import { createStage, knownErrorOf, SUBJECT, type Stage } from './support.js'

let stage: Stage

beforeAll(async () => {
  stage = await createStage()
})

afterEach(async () => {
  await stage.clear()
  await stage.empty()
})

afterAll(() => stage.close())

test('transactions that the network has lost hold locks until transaction.idleTimeout, and no longer', async () => {
  const { adapter, prisma } = await stage.openPrisma(
    { minSize: 1, maxSize: 1, connectTimeout: '1s' },
    { transaction: { idleTimeout: '4s' } },
  )
  await stage.database.query(`INSERT INTO "Log" ("text") VALUES ('as it was')`)
  const error = await knownErrorOf(
    prisma.$transaction(
      async (tx) => {
        await tx.log.updateMany({ data: { text: 'lost' } })
        stage.proxy.forget()
        await tx.log.count()
      },
      { timeout: 1_000 },
    ),
  )
  expect(error.code).toBe('P2028')
  // The pool gives the connection up. The server does not hear of it, and the lock is held.
  const lost = await stage.database.backends(SUBJECT)
  expect(lost.map(({ state }) => state)).toContain('idle in transaction')
  await eventually(() => expect(adapter.pool.getStats().poolAvailable).toBe(1))
  await stage.database.query(`UPDATE "Log" SET "text" = 'after' WHERE "text" = 'as it was'`)
  const left = await stage.database.backends(SUBJECT)
  expect(left.map(({ state }) => state)).toEqual(['idle'])
  expect(await prisma.log.findMany()).toMatchObject([{ text: 'after' }])
})
