import { describe, expect, test } from '@jest/globals'
import {
  endedByHand,
  lostBeforeCommit,
  nothingSaved,
  outcomeUnknown,
  withReason,
} from '../../../packages/adapter/src/adapter/transaction-errors.js'

const SECRET = 'hunter2'
const lost = new Error(`the way to postgresql://app:${SECRET}@db/app has gone dark`)
const failure = { text: `SELECT dblink_connect('postgresql://app:${SECRET}@db/app')`, error: lost }

test.each([
  ['a rollback that its owner did not want', nothingSaved(failure), 'dblink_connect'],
  ['a connection that was lost before the COMMIT', lostBeforeCommit(lost, failure), 'gone dark'],
  ['an end by hand', endedByHand(failure.text), 'dblink_connect'],
  ['an outcome that nobody knows', outcomeUnknown('the transaction was committed', lost), 'gone dark'],
])('the error of %s tells why, without a password that stands there', (_, error, reason) => {
  expect(error.message).toContain(reason)
  expect(error.cause.originalMessage).toContain(reason)
  expect(JSON.stringify([error.message, error.cause])).not.toContain(SECRET)
})

describe('errors of transactions name a statement without its values:', () => {
  const literal = { text: `UPDATE "User" SET name = 'ada' WHERE id = 4711`, error: new Error('lock timeout') }
  const refused = Object.assign(new Error('current transaction is aborted'), { code: '25P02' })

  test.each([
    ['a rollback instead of a commit', nothingSaved(literal)],
    ['a statement behind the one that failed', withReason(refused, literal)],
    ['an end by hand', endedByHand(`PREPARE TRANSACTION 'ada'; SELECT 4711`)],
  ])('%s', (_, error) => {
    const told = JSON.stringify([error.message, error.cause])
    expect(told).toMatch(/SET name = \? WHERE id = \?|PREPARE TRANSACTION \?/)
    expect(told).not.toMatch(/ada|4711/)
  })
})
