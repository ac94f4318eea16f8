// Holds psycopg-parity.md to its word: every test that it names exists, and it leaves none of upstream's out.
import { expect, test } from '@jest/globals'
import { parityRows, problemsOf, readPage } from '../support/parity.js'

const DOCUMENT = readPage('psycopg-parity.md')

const rows = parityRows(DOCUMENT)
const counted = rows.filter(({ file }) => file.startsWith('test_'))

test("all of upstream's tests are there, none twice", () => {
  const counts = new Map<string, number>()
  for (const { file } of counted) counts.set(file, (counts.get(file) ?? 0) + 1)
  expect([...counts]).toEqual([
    ['test_pool_common_async.py (37)', 37],
    ['test_pool_async.py (54)', 54],
    ['test_pool_null_async.py (23)', 23],
    ['test_sched_async.py (5)', 5],
  ])
  expect(new Set(counted.map(({ file, upstream }) => `${file} ${upstream}`)).size).toBe(119)
})

test('each has a verdict: 111 are shown by tests of ours, 8 have no counterpart, and the page says so', () => {
  const unclear = rows.filter(({ how }) => !/^(same\b|adapted[:,;] \S|n\/a: \S)/.test(how))
  expect(unclear).toEqual([])
  const missing = counted.filter(({ how }) => how.startsWith('n/a'))
  expect([counted.length - missing.length, missing.length]).toEqual([111, 8])
  expect(DOCUMENT).toContain('**111 of 111** behaviours')
  expect(DOCUMENT).toContain('8 of the 119 tests')
})

test('the tests that are named exist, and only what has no counterpart names none', () => {
  const isNamed = rows.filter(({ ours, how }) => ours.length > 0 !== how.startsWith('n/a'))
  expect(isNamed).toEqual(rows)
  expect(rows.flatMap(({ ours }) => ours.flatMap(problemsOf))).toEqual([])
})
