// How a call ends whose statement failed, for each fate of its connection: moments that pass too fast on a real one.
import { expect, test } from '@jest/globals'
import { borrow } from '../../../packages/adapter/src/adapter/borrow.js'
import { isOutcomeUnknown } from '../../../packages/adapter/src/adapter/prisma-errors.js'
import { overrunError } from '../../../packages/adapter/src/pg/statement-errors.js'
import type { Lender } from '../../../packages/adapter/src/pg/lender.js'
import { errorOf } from '../../integration/support.js'

/** Runs a text that fails with the error each time; returns the error of the call, and how often the text ran. */
async function run(text: string, error: Error, isBroken = true): Promise<{ told: unknown; runs: number }> {
  const connection = { isBroken, expectRollback: () => {} }
  const lender = {
    acquire: () =>
      Promise.resolve({
        connection,
        inTime: <T>(answer: Promise<T>) => answer,
        release: () => Promise.resolve(),
      }),
  } as unknown as Lender
  let runs = 0
  const told = await errorOf(
    borrow(lender, text, () => {
      runs++
      return Promise.reject(error)
    }),
  )
  return { told, runs }
}

const INSERT = 'INSERT INTO t VALUES (1)'
const SELECT = 'SELECT 1'

/** Runs an INSERT that fails with the error, on a connection that is then lost. */
async function failureOnLostConnection(error: Error): Promise<unknown> {
  return (await run(INSERT, error)).told
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

test('a read whose connection is lost without an answer runs again, once', async () => {
  const lost = new Error('Connection terminated')
  expect(await run(SELECT, lost)).toEqual({ told: lost, runs: 2 })
})

test.each<[string, string, Error, boolean]>([
  ['a write', INSERT, new Error('Connection terminated'), true],
  [
    'a SELECT of a function that is not known to only read',
    'SELECT f()',
    new Error('Connection terminated'),
    true,
  ],
  [
    'a read that took longer than `queryTimeout`',
    SELECT,
    overrunError(300, new Error('Connection terminated')),
    true,
  ],
  ['a read that took longer than `query_timeout`', SELECT, new Error('Query read timeout'), true],
  ['a read whose session an administrator ended', SELECT, reported('FATAL', '57P01'), true],
  ['a read that a pooler ended', SELECT, reported('FATAL', '08P01', false), true],
  ['a read that failed', SELECT, reported('ERROR', '22012'), true],
  ['a read on a connection that lives', SELECT, new TypeError('no such parser'), false],
])('%s does not run again', async (_, text, error, isBroken) => {
  expect((await run(text, error, isBroken)).runs).toBe(1)
})
