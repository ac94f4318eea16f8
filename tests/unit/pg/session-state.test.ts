// The settings that a server reports: which of them a borrower has changed.
import { expect, test } from '@jest/globals'
import { leavesNothing, ReportedSettings } from '../../../packages/adapter/src/pg/session-state.js'

function settingsOf(...reported: [name: string, value: string][]): ReportedSettings {
  const settings = new ReportedSettings()
  for (const [name, value] of reported) settings.report(name, value)
  return settings
}

test('whatever is reported before the session is sealed is no change', () => {
  const settings = settingsOf(['TimeZone', 'UTC'], ['TimeZone', 'Europe/Berlin'])
  expect(settings.areInitial).toBe(true)
  settings.seal()
  settings.report('TimeZone', 'Europe/Berlin')
  expect(settings.areInitial).toBe(true)
})

test('a setting is changed until it is reported as it was', () => {
  const settings = settingsOf(['TimeZone', 'UTC'], ['DateStyle', 'ISO'])
  settings.seal()
  settings.report('TimeZone', 'Europe/Berlin')
  settings.report('DateStyle', 'German')
  settings.report('TimeZone', 'UTC')
  expect(settings.areInitial).toBe(false)
  settings.report('DateStyle', 'ISO')
  expect(settings.areInitial).toBe(true)
})

test('a setting that was never reported before is changed by its first report', () => {
  const settings = settingsOf()
  settings.seal()
  settings.report('TimeZone', 'UTC')
  expect(settings.areInitial).toBe(false)
})

test('sealed again, the session is as it should be, with what was reported last', () => {
  const settings = settingsOf(['TimeZone', 'UTC'], ['DateStyle', 'ISO'])
  settings.seal()
  settings.report('TimeZone', 'Europe/Berlin')
  settings.seal()
  expect(settings.areInitial).toBe(true)
  settings.report('DateStyle', 'ISO')
  settings.report('TimeZone', 'Europe/Berlin')
  expect(settings.areInitial).toBe(true)
  settings.report('TimeZone', 'UTC')
  expect(settings.areInitial).toBe(false)
})

test('of sessions that begin alike, each has changes of its own', () => {
  const [one, other] = [settingsOf(['TimeZone', 'UTC']), settingsOf(['TimeZone', 'UTC'])]
  one.seal()
  other.seal()
  one.report('TimeZone', 'Europe/Berlin')
  expect([one.areInitial, other.areInitial]).toEqual([false, true])
  one.seal()
  other.report('TimeZone', 'UTC')
  expect(other.areInitial).toBe(true)
  other.report('TimeZone', 'Europe/Berlin')
  expect(other.areInitial).toBe(false)
})

test('sessions that begin differently share nothing', () => {
  const one = settingsOf(['TimeZone', 'UTC'], ['is_superuser', 'on'])
  const other = settingsOf(['TimeZone', 'UTC'], ['is_superuser', 'off'])
  one.seal()
  other.seal()
  other.report('is_superuser', 'off')
  expect(other.areInitial).toBe(true)
  other.report('is_superuser', 'on')
  expect(other.areInitial).toBe(false)
})

test('whether the server is a standby is no setting of the session', () => {
  const settings = settingsOf(['in_hot_standby', 'on'])
  settings.seal()
  settings.report('in_hot_standby', 'off')
  expect(settings.areInitial).toBe(true)
})

test.each([
  'SELECT 1',
  '  \n\tselect "temp" from "Log"',
  'INSERT INTO "Log" (text) VALUES ($1) RETURNING id',
  'update "Log" set text = $1',
  'DELETE FROM "Log"',
  'WITH a AS (INSERT INTO "Log" DEFAULT VALUES RETURNING id) SELECT * FROM a',
  'VALUES (1)',
  '-- a remark\n/* a * comment */ SELECT 1',
  'SELECT pg_advisory_xact_lock(1)',
  "SELECT set_config('a.b', 'c', true)",
])('plainly leaves nothing in the session: %j', (text) => {
  expect(leavesNothing(text)).toBe(true)
})

test.each([
  '',
  'SET search_path TO a',
  'BEGIN',
  'LISTEN a',
  'CALL a()',
  'DO $$ BEGIN END $$',
  'EXPLAIN ANALYZE SELECT 1',
  'CREATE TEMP TABLE a ()',
  'TABLE a',
  'selected',
  'SELECT pg_advisory_lock(1)',
  'SELECT pg_try_advisory_lock_shared(1)',
  'WITH a AS (SELECT pg_advisory_lock(1)) SELECT * FROM a',
  'INSERT INTO "Log" SELECT pg_try_advisory_lock(1)::text',
  "UPDATE a SET b = set_config('c.d', b, false)",
  'SELECT 1 INTO TEMP a',
  'SELECT 1 INTO LOCAL TEMPORARY a',
  'SELECT 1 INTO pg_temp.a',
  'SELECT setseed(0.5)',
  '/* /* a comment in a comment */ */ SELECT 1',
  '-- only a remark',
])('may leave something in the session: %j', (text) => {
  expect(leavesNothing(text)).toBe(false)
})

test('a long text of comments alone does not hold up the process', () => {
  expect(leavesNothing(`${' /**/'.repeat(100_000)}BEGIN`)).toBe(false)
})
