// Holds psycopg-parity.md to its word: every test that it names exists, and it leaves none of upstream's out.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from '@jest/globals'

const TESTS = path.join(__dirname, '..')
const DOCUMENT = readFileSync(path.join(TESTS, 'psycopg-parity.md'), 'utf8')

interface Row {
  readonly upstream: string
  readonly file: string
  readonly ours: readonly string[]
  readonly how: string
}

/** The rows of every table, each with the upstream file that the heading above it names. */
function parseRows(): Row[] {
  let file = ''
  const rows: Row[] = []
  for (const line of DOCUMENT.split('\n')) {
    if (line.startsWith('## ')) file = line.slice(3)
    if (!line.startsWith('| `')) continue
    const [upstream = '', , ours = '', how = '', ...rest] = line.slice(2, -2).split(' | ')
    expect(rest).toEqual([])
    rows.push({ file, upstream, ours: ours === '–' ? [] : ours.split('<br>'), how })
  }
  return rows
}

const rows = parseRows()
const counted = rows.filter(({ file }) => file.startsWith('test_'))

/** The titles of a file's tests and groups, as they are written: with %s and the like unfilled. */
function hasTitle(source: string, title: string): boolean {
  return source.includes(`'${title}',`) || source.includes(`"${title}",`)
}

/** What is wrong with `file`: name; a name may go through groups, `group › test`. */
function problemsOf(ours: string): string[] {
  const [, file = '', name = ''] = /^`([^`]+\.test\.ts)`: (.+)$/.exec(ours) ?? []
  const location = path.join(TESTS, file)
  if (name === '' || !existsSync(location)) return [`no such file: ${ours}`]
  const source = readFileSync(location, 'utf8')
  const missing = name.split(' › ').filter((title) => !hasTitle(source, title))
  return missing.map((title) => `no such test in ${file}: ${title}`)
}

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
