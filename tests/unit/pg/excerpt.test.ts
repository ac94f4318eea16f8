import { expect, test } from '@jest/globals'
import { excerpt } from '../../../packages/adapter/src/pg/excerpt.js'

test.each([
  ["SELECT 'secret'", 'SELECT ?'],
  ["SELECT 'it''s', \"na'me\" FROM t", 'SELECT ?, "na\'me" FROM t'],
  // A backslash means nothing in a plain string, and hides a quote in one with E.
  ["SELECT 'a\\', 'secret'", 'SELECT ?, ?'],
  ["SELECT E'a\\'b', e'secret'", 'SELECT ?, ?'],
  ["SELECT E'a\\\nb', 'secret'", 'SELECT ?, ?'],
  ["SELECT a FROM t WHERE a LIKE'a\\' AND b = 'secret'", 'SELECT a FROM t WHERE a LIKE? AND b = ?'],
  ["SELECT 1 -- don't\nWHERE a = 'secret'", 'SELECT ? WHERE a = ?'],
  ["/* it's /* a nested */ one's */ SELECT 'secret'", 'SELECT ?'],
  ["SELECT 1 /* it's secr", 'SELECT ?'],
  ["SELECT '-- no comment', 'secret', a->>'b'", 'SELECT ?, ?, a->>?'],
  ['SELECT $$secret$$, $tag$se$$cret$tag$', 'SELECT ?, ?'],
  ["ALTER USER app PASSWORD 'half of a secr", 'ALTER USER app PASSWORD ?'],
  ['DO $$ BEGIN half of', 'DO ?'],
  ['SELECT 4111111111111111, 1.5 FROM t1 LIMIT 20', 'SELECT ?, ? FROM t1 LIMIT ?'],
  ['SELECT 1_000_000, 1e5, 0xDEADBEEF, .5 FROM t', 'SELECT ?, ?, ?, ? FROM t'],
  ['UPDATE "User" SET "name" = $1 WHERE "id" = $2', 'UPDATE "User" SET "name" = $1 WHERE "id" = $2'],
  ['  SELECT\n\t1 +\n  x  ', 'SELECT ? + x'],
  // A literal goes on behind a line end, by the same rules (manual 4.1.2.1).
  [`SELECT E'a'\n'\\'secret', b`, 'SELECT ?, b'],
  [`SELECT U&'secret', N'secret', b'1', x'FF'`, 'SELECT ?, ?, ?, ?'],
  ['SELECT $Ünï$secret$Ünï$, a$b$ FROM t', 'SELECT ?, a$b$ FROM t'],
  ['SELECT 1.5e+10, -4111x FROM t', 'SELECT ?, -? FROM t'],
  ['SELECT a-- secret\rFROM "two\n\tlines"', 'SELECT a FROM "two lines"'],
  ['', ''],
])('%j reads %j', (text, expected) => {
  expect(excerpt(text)).toBe(expected)
})

test('a long one is cut, however much of it there is', () => {
  const text = excerpt(`SELECT ${'x, '.repeat(1_000_000)}`)
  expect(text).toHaveLength(202)
  expect(text.endsWith(' …')).toBe(true)
})

test('a value that is cut off at the end of what is looked at does not show', () => {
  expect(excerpt(`SELECT '${'secret'.repeat(1_000)}'`)).toBe('SELECT ?')
})

test.each(["'", "E'\\", '"', '$$', '/*', '--', '/*/*'])('16 MB of %s take no longer', (part) => {
  expect(excerpt(`SELECT ${part.repeat(16_000_000 / part.length)}`).length).toBeLessThan(210)
})
