import { expect, test } from '@jest/globals'
import {
  isFatal,
  provesNotStarted,
  statementOutcomeOf,
} from '../../../packages/adapter/src/pg/statement-errors.js'

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

const place = { file: 'postgres.c', line: '3301', routine: 'ProcessInterrupts' }

test.each(['57P01', '57P02', '57P03', '57P04', '57P05', '25P03', '25P04'])(
  'a FATAL %s of PostgreSQL that comes first proves that the server did not begin with the statement',
  (code) => {
    expect(provesNotStarted(Object.assign(reported('FATAL', code), place))).toBe(true)
  },
)

test.each([
  ['a FATAL with another code', Object.assign(reported('FATAL', '08P01'), place)],
  ['an ERROR', Object.assign(reported('ERROR', '57P01'), place)],
  ['a FATAL without a file', Object.assign(reported('FATAL', '57P01'), { ...place, file: undefined })],
  ['a FATAL without a line', Object.assign(reported('FATAL', '57P01'), { ...place, line: undefined })],
  ['a FATAL without a routine', Object.assign(reported('FATAL', '57P01'), { ...place, routine: undefined })],
  ['the end of the socket', new Error('Connection terminated unexpectedly')],
])('%s proves nothing', (_, error) => {
  expect(provesNotStarted(error)).toBe(false)
})

test('only an ERROR of PostgreSQL says by itself that the statement failed', () => {
  const ofPostgres = Object.assign(reported('ERROR', '23505'), place)
  expect(statementOutcomeOf(ofPostgres)).toBe('failed')
  expect(statementOutcomeOf(new Error('wrapped', { cause: ofPostgres }))).toBe('failed')
  expect(statementOutcomeOf(reported('ERROR', '58000'))).toBe('unknown')
  expect(statementOutcomeOf(Object.assign(reported('FATAL', '57P01'), place))).toBe('unknown')
  expect(statementOutcomeOf(new Error('read ECONNRESET'))).toBe('unknown')
  expect(statementOutcomeOf('ended')).toBe('unknown')
})
