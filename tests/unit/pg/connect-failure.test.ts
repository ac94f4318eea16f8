import { expect, test } from '@jest/globals'
import { explainConnectFailure } from '../../../packages/adapter/src/pg/connect-failure.js'

function failure(message: string, code?: string): Error {
  return Object.assign(new Error(message), code === undefined ? {} : { code })
}

test.each([
  [
    failure('password authentication failed for user "ann"', '28P01'),
    true,
    /Check the user and the password/,
  ],
  [failure('database "ordres" does not exist', '3D000'), true, /Check the name of the database/],
  [failure('connect ECONNREFUSED 127.0.0.1:5432', 'ECONNREFUSED'), false, /Is the server running there/],
  [failure('getaddrinfo ENOTFOUND db.exmaple', 'ENOTFOUND'), false, /Check the name of the host/],
  [failure('sorry, too many clients already', '53300'), false, /Lower maxSize/],
  [failure('The server does not support SSL connections'), true, /Use sslmode=prefer/],
  [failure('no connection within 5000 ms (connectTimeout)', 'ETIMEDOUT'), false, /raise connectTimeout/],
])('%s: what happened, where, and what to do', (error, isPermanent, advice) => {
  const explained = explainConnectFailure('db.example:5432/orders', error)
  expect(explained.isPermanent).toBe(isPermanent)
  expect(explained.message).toContain(`could not connect to db.example:5432/orders: ${error.message}`)
  expect(explained.message).toMatch(advice)
})

test('a host with several addresses is explained by the first of its failures', () => {
  const both = [failure('connect ECONNREFUSED ::1:5432', 'ECONNREFUSED'), failure('other', 'ECONNREFUSED')]
  expect(explainConnectFailure('localhost:5432', new AggregateError(both)).message).toContain(
    'ECONNREFUSED ::1:5432',
  )
})

test('what is not known is told as it is, and tried again', () => {
  for (const error of [failure('odd'), failure('odd', 'ODD'), failure('odd', 'constructor')]) {
    expect(explainConnectFailure('h:1', error)).toEqual({
      isPermanent: false,
      message: 'could not connect to h:1: odd',
    })
  }
})

test('no connection URL that somebody put into an error gets into the message', () => {
  for (const error of [failure('no token for postgres://u:hunter2@h/d'), 'postgres://u:hunter2@h/d'])
    expect(explainConnectFailure('h:1', error).message).toContain('postgres://[hidden]')
})
