// The commands before the first statement of a transaction, for each known version of the server.
import { expect, test } from '@jest/globals'
import { openingOf } from '../../../packages/adapter/src/adapter/opening.js'

const NONE = { acquire: 'start', autosave: 'never', handOver: true, idleTimeout: 0, maxDuration: 0 } as const

test('BEGIN alone, or with its isolation level, where there are no limits', () => {
  expect(openingOf(NONE, undefined)({ serverVersion: 18 })).toEqual(['BEGIN'])
  expect(openingOf(NONE, 'SERIALIZABLE')({ serverVersion: undefined })).toEqual([
    'BEGIN ISOLATION LEVEL SERIALIZABLE',
  ])
})

test('limits are set by SET LOCAL, which takes no snapshot, in whole milliseconds', () => {
  const opening = openingOf({ ...NONE, idleTimeout: 300, maxDuration: 20_000 }, undefined)
  const idle = 'SET LOCAL idle_in_transaction_session_timeout = 300'
  expect(opening({ serverVersion: 17 })).toEqual(['BEGIN', idle, 'SET LOCAL transaction_timeout = 20000'])
  expect(opening({ serverVersion: 16 })).toEqual(['BEGIN', idle])
})

test('where the version is not known, the server decides whether it has a transaction_timeout', () => {
  const [, command] = openingOf({ ...NONE, maxDuration: 20_000 }, undefined)({ serverVersion: undefined })
  expect(command).toContain("WHEN current_setting('server_version_num')::int >= 170000 THEN set_config(")
})

test('an isolation level that PostgreSQL does not have is refused before anything is sent', () => {
  expect(() => openingOf(NONE, 'SNAPSHOT')).toThrow(expect.objectContaining({ name: 'DriverAdapterError' }))
})
