// What a caller hears of a statement that failed, by what became of its connection: moments that pass too fast on a
// real one.
import { expect, test } from '@jest/globals'
import { borrow } from '../../../packages/adapter/src/adapter/borrow.js'
import { isOutcomeUnknown } from '../../../packages/adapter/src/adapter/prisma-errors.js'
import type { Lender } from '../../../packages/adapter/src/pg/lender.js'
import { errorOf } from '../../integration/support.js'

/** Runs an INSERT that fails so, on a connection that is gone by then. */
async function failureOnLostConnection(error: Error): Promise<unknown> {
  const connection = { isBroken: true, expectRollback: () => {} }
  const lender = {
    acquire: () =>
      Promise.resolve({
        connection,
        inTime: <T>(answer: Promise<T>) => answer,
        release: () => Promise.resolve(),
      }),
  } as unknown as Lender
  return errorOf(borrow(lender, 'INSERT INTO t VALUES (1)', () => Promise.reject(error)))
}

/** As PostgreSQL reports it, or a pooler, which does not say where in its source. */
function reported(severity: string, code: string, isOfPostgres = true): Error {
  const place = isOfPostgres ? { file: 'nbtinsert.c', line: '666', routine: '_bt_check_unique' } : {}
  return Object.assign(new Error('refused'), { severity, code, ...place })
}

test('a write that PostgreSQL refused has failed, although the connection is lost behind its answer', async () => {
  const refused = reported('ERROR', '23505')
  expect(await failureOnLostConnection(refused)).toBe(refused)
})

test.each([
  ['no answer', new Error('Connection terminated')],
  ['an ERROR of a pooler', reported('ERROR', '58000', false)],
  ['a FATAL of a pooler', reported('FATAL', '08P01', false)],
  ['a FATAL of PostgreSQL in the middle of the statement', reported('FATAL', '57P01')],
])('a write that gets %s has an unknown outcome', async (_, error) => {
  expect(isOutcomeUnknown(await failureOnLostConnection(error))).toBe(true)
})
