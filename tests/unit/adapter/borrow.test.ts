// What a caller hears of a statement that failed, by what became of its connection: moments that pass too fast on a
// real one.
import { expect, test } from '@jest/globals'
import { borrow } from '../../../packages/adapter/src/adapter/borrow.js'
import { isOutcomeUnknown } from '../../../packages/adapter/src/adapter/prisma-errors.js'
import type { Lender } from '../../../packages/adapter/src/pg/lender.js'
import { noteAnswered } from '../../../packages/adapter/src/pg/statement-errors.js'
import { errorOf } from '../../integration/support.js'

/** Runs an INSERT that fails so, on a connection that is gone by then. */
async function failureOnLostConnection(error: Error): Promise<unknown> {
  const connection = { isBroken: true, expectRollback: () => {} }
  const lender = {
    acquire: () => Promise.resolve({ connection, release: () => Promise.resolve() }),
  } as unknown as Lender
  return errorOf(borrow(lender, 'INSERT INTO t VALUES (1)', () => Promise.reject(error)))
}

test('a write that the server refused has failed, though the connection was lost right behind its answer', async () => {
  const refused = new Error('duplicate key')
  noteAnswered(refused)
  expect(await failureOnLostConnection(refused)).toBe(refused)
})

test('a write without an answer may have been carried out', async () => {
  expect(isOutcomeUnknown(await failureOnLostConnection(new Error('Connection terminated')))).toBe(true)
})
