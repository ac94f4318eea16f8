import { expect, test } from '@jest/globals'
import { isFatal } from '../../../packages/adapter/src/pg/statement-errors.js'

const reported = (severity: string, code: string) => Object.assign(new Error('said'), { severity, code })

test.each([
  ['FATAL', '57P01'],
  ['FATAL', 'XX000'],
  ['PANIC', 'XX000'],
  // A server that speaks Russian, Turkish or Chinese.
  ['ВАЖНО', '57P01'],
  ['ÖLÜMCÜL (FATAL)', '25P03'],
  ['致命错误', '57P05'],
])('%s %s ends the session', (severity, code) => {
  expect(isFatal(reported(severity, code))).toBe(true)
})

test.each([
  ['ERROR', '23505'],
  ['ОШИБКА', '23505'],
  ['ОШИБКА', '57014'],
  // RAISE SQLSTATE in a function.
  ['ERROR', '57P01'],
])('%s %s does not', (severity, code) => {
  expect(isFatal(reported(severity, code))).toBe(false)
})

test('nor does what the server did not say', () => {
  for (const other of [undefined, null, new Error('57P01'), { code: '57P01' }])
    expect(isFatal(other)).toBe(false)
})
