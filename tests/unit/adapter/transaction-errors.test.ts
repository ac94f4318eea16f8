import { expect, test } from '@jest/globals'
import {
  endedByHand,
  lostBeforeCommit,
  nothingSaved,
  outcomeUnknown,
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
