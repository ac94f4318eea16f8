// Holds django-parity.md to its word: every test that it names exists, and it leaves none of upstream's out.
import { expect, test } from '@jest/globals'
import { parityRows, problemsOf, readPage } from '../support/parity.js'

const DOCUMENT = readPage('django-parity.md')

const rows = parityRows(DOCUMENT)

test("all of upstream's tests are there, none twice", () => {
  const counts = new Map<string, number>()
  for (const { file } of rows) counts.set(file, (counts.get(file) ?? 0) + 1)
  expect([...counts]).toEqual([
    ['test_django_pg_real_pool.py (18)', 18],
    ['test_engines.py (8)', 8],
  ])
  expect(new Set(rows.map(({ upstream }) => upstream)).size).toBe(26)
})

test('each has a verdict, and the page says how many have a meaning in Prisma', () => {
  const unclear = rows.filter(({ how }) => !/^(same$|adapted[:,] \S|n\/a: \S)/.test(how))
  expect(unclear).toEqual([])
  const shown = rows.filter(({ how }) => !how.startsWith('n/a'))
  expect(DOCUMENT).toContain(`**${shown.length} of 26** have a meaning`)
})

test('the tests that are named exist, and only what has no meaning names none', () => {
  const isNamed = rows.filter(({ ours, how }) => ours.length > 0 !== how.startsWith('n/a'))
  expect(isNamed).toEqual(rows)
  expect(rows.flatMap(({ ours }) => ours.flatMap(problemsOf))).toEqual([])
})
