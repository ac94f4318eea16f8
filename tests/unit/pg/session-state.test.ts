// The settings that a server reports: which of them a borrower has changed.
import { expect, test } from '@jest/globals'
import { ReportedSettings } from '../../../packages/adapter/src/pg/session-state.js'

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
