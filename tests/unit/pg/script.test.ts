import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { partsOf } from '../../../packages/adapter/src/pg/script.js'

const ALONE = [
  'CREATE INDEX CONCURRENTLY i ON t (a)',
  'create unique index concurrently if not exists i on t (a)',
  'DROP INDEX\n CONCURRENTLY i',
  '/* why */ REINDEX (VERBOSE) TABLE CONCURRENTLY t',
  'REINDEX DATABASE d',
  'ALTER TABLE t DETACH PARTITION p CONCURRENTLY',
  'VACUUM (ANALYZE) t',
  'CLUSTER',
  'cluster (verbose)',
  'REINDEX (CONCURRENTLY) TABLE t',
  'CREATE/* */INDEX -- why\n CONCURRENTLY ON t (a)',
  'CREATE DATABASE d',
  'DROP DATABASE IF EXISTS d',
  'ALTER DATABASE d SET TABLESPACE s',
  `ALTER SYSTEM SET work_mem = '1MB'`,
  'DISCARD ALL',
]

/** Each has a semicolon that ends nothing, or words that are no command. */
const ORDINARY = [
  `INSERT INTO t VALUES (';', 'it''s; VACUUM')`,
  `SELECT E'\\';VACUUM;', U&'\\0041;', e'a\\\\'`,
  'SELECT $$; VACUUM; $$, $tag$ ; $$ ; $tag$, $1, a$b$ FROM "t;""VACUUM"',
  '-- VACUUM;\nSELECT 1',
  '/* VACUUM; /* nested; */ ; */ SELECT 2',
  'ALTER DATABASE d SET work_mem = 4096',
  'REINDEX TABLE t',
  'CLUSTER t USING i',
  'CREATE INDEX i ON concurrently (system)',
  `COMMENT ON DATABASE d IS 'CREATE DATABASE'`,
  'CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2)',
  'CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END',
  'REINDEX TABLE "system"',
]

const statement = (texts: readonly string[]) => fc.constantFrom(...texts)

describe('a script', () => {
  test.each(ALONE)('is cut before and behind what stands alone: %s', (command) => {
    expect(partsOf(`SELECT 1; SELECT 2;${command};SELECT 3`)).toEqual([
      'SELECT 1; SELECT 2;',
      `${command};`,
      'SELECT 3',
    ])
    expect(partsOf(command)).toEqual([command])
  })

  test.each(ORDINARY)('is one otherwise: %s', (text) => {
    const script = `${text};\n${text};\nSELECT 1`
    expect(partsOf(script)).toEqual([script])
    expect(partsOf(`${script};VACUUM`)).toEqual([`${script};`, 'VACUUM'])
  })

  test('ends in a comment that goes with what is before it', () => {
    expect(partsOf('SELECT 1;VACUUM; -- done;\n')).toEqual(['SELECT 1;', 'VACUUM; -- done;\n'])
  })

  test('that has no end to a literal or a comment is the server’s to refuse', () => {
    for (const open of [`'`, `E'\\`, '"', '$$', '/* /* */', '--']) {
      const script = `VACUUM; SELECT 1; SELECT ${open} VACUUM; SELECT 2`
      expect(partsOf(script)).toEqual(['VACUUM;', ` SELECT 1; SELECT ${open} VACUUM; SELECT 2`])
    }
  })

  test('whatever it is made of, has as many parts as there must be, and all of its text', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(statement(ALONE), statement(ORDINARY)), { minLength: 1 }),
        (statements) => {
          const parts = partsOf(statements.map((text) => `${text};`).join('\n'))
          expect(parts.join('')).toBe(statements.map((text) => `${text};`).join('\n'))
          const isAlone = (text: string | undefined) => text !== undefined && ALONE.includes(text)
          const cuts = statements.filter((text, index) => {
            return index > 0 && (isAlone(text) || isAlone(statements[index - 1]))
          })
          expect(parts).toHaveLength(1 + cuts.length)
        },
      ),
    )
  })

  test('of any characters at all keeps all of them', () => {
    const character = fc.constantFrom(...`;'"$eE-/*\\ aé\n1`)
    fc.assert(
      fc.property(fc.array(character), (characters) => {
        const script = `VACUUM;${characters.join('')}`
        expect(partsOf(script).join('')).toBe(script)
      }),
    )
  })
})

// Regular expressions take time by the square of the length of these texts, or end in a RangeError.
const MANY = 16 * 1024 * 1024
test.each<[string, string, number]>([
  ['statements that could stand alone', 'ALTER TABLE t DETACH PARTITION p;\n'.repeat(500_000), 1],
  ['words that could stand alone', `ALTER TABLE t ${'DETACH PARTITION p '.repeat(800_000)}; VACUUM`, 2],
  ['a literal', `VACUUM; SELECT '${'a'.repeat(MANY)}'`, 2],
  ['a comment', `VACUUM; /*${'a'.repeat(MANY)}*/ SELECT 1`, 2],
  ['comments', `VACUUM; ${'/**/'.repeat(MANY / 4)} SELECT 1`, 2],
  ['a million statements', `${'SELECT 1;\n'.repeat(1_000_000)}VACUUM`, 2],
  ['many parts', 'VACUUM;'.repeat(200_000), 200_000],
])('a script of 10 MB and more has its parts: %s', (_, script, count) => {
  const parts = partsOf(script)
  expect(parts).toHaveLength(count)
  expect(parts.join('') === script).toBe(true)
})
