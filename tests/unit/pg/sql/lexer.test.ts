// The tokens of SQL, by the rules of PostgreSQL's manual, chapter 4.1.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Kind, Lexer } from '../../../../packages/adapter/src/pg/sql/lexer.js'

const NAMES = Object.fromEntries(Object.entries(Kind).map(([name, kind]) => [kind, name]))

/** Each token as its kind and its source. */
function tokensOf(text: string): [kind: string | undefined, source: string][] {
  const lexer = new Lexer(text)
  const tokens: [string | undefined, string][] = []
  while (lexer.next() !== Kind.End) tokens.push([NAMES[lexer.kind], lexer.source])
  return tokens
}

const sourcesOf = (text: string) => tokensOf(text).map(([, source]) => source)

function countTokens(text: string): number {
  const lexer = new Lexer(text)
  let count = 0
  while (lexer.next() !== Kind.End) count++
  return count
}

describe('one token of its kind is', () => {
  test.each([
    ['Text', `'it''s; -- /* "'`],
    ['Text', `'a\\'`],
    ['Text', `E'a\\'b''c\\\\'`],
    ['Text', `e'\\'`],
    ['Text', `U&'\\0041'''`],
    ['Text', `b'01'`],
    ['Text', `X'1F'`],
    ['Text', `n'a'`],
    ['Text', `'a'  \n 'b'`],
    ['Text', `'a' -- it's\n\t'b'\r'c'`],
    ['Text', `E'a'\n'b\\'c'`],
    ['Text', '$$a $ $1 \'"$$'],
    ['Text', '$tag$ $$ $other$ $tag$'],
    ['Text', '$a$b$junk$a$'],
    ['Text', '$Ünï_1$;$Ünï_1$'],
    ['QuotedName', '"a ""b"" \'; --"'],
    ['QuotedName', 'u&"a""b"'],
    ['Parameter', '$12'],
    ['Number', '42'],
    ['Number', '3.5'],
    ['Number', '4.'],
    ['Number', '.001'],
    ['Number', '5e2'],
    ['Number', '1.925E-3'],
    ['Number', '1_500_000'],
    ['Number', '0xDEAD_beef'],
    ['Number', '0b1'],
    ['Number', '0o17'],
    ['Word', 'a$b$'],
    ['Word', '_x1'],
    ['Word', 'été'],
    ['Operator', '->>'],
    ['Operator', '@-'],
    ['Mark', '::'],
    ['Mark', ';'],
    ['Mark', '\\'],
  ])('%s %s', (kind, source) => {
    expect(tokensOf(source)).toEqual([[kind, source]])
    expect(tokensOf(` \t\n\f\v--"\n/*'*/${source}`)).toEqual([[kind, source]])
  })
})

describe('the lexer separates the tokens of:', () => {
  test.each([
    [`SELECT'a'FROM"b"`, ['SELECT', `'a'`, 'FROM', '"b"']],
    [`LIKE'a\\' AND`, ['LIKE', `'a\\'`, 'AND']],
    [`'a' 'b'`, [`'a'`, `'b'`]],
    [`'a' /*\n*/ 'b'`, [`'a'`, `'b'`]],
    ['a.b::int[1:2]', ['a', '.', 'b', '::', 'int', '[', '1', ':', '2', ']']],
    ['1..10', ['1', '.', '.10']],
    ['1INTO', ['1', 'INTO']],
    ['1e', ['1', 'e']],
    ['1_', ['1', '_']],
    ['0x', ['0', 'x']],
    ['$1and $2', ['$1', 'and', '$2']],
    ['a$$b', ['a$$b']],
    ['$a b', ['$', 'a', 'b']],
    ['$ $a $', ['$', '$', 'a', '$']],
    ['$1$$a$$', ['$1', '$$a$$']],
    ['a+/*b*/-c', ['a', '+', '-', 'c']],
    ['a*/*b*/c', ['a', '*', 'c']],
    ['a+--b\nc', ['a', '+', 'c']],
    ['a-- b\rc', ['a', 'c']],
    ['/* /* */ a */ b', ['b']],
    ['/*/ */ a', ['a']],
    ['/**/a/***/b/*/**/*/c', ['a', 'b', 'c']],
    ['SET/**/ROLE', ['SET', 'ROLE']],
    ['a\u00a0b', ['a\u00a0b']],
    ['-- only a remark', []],
    ['', []],
  ])('%j', (text, sources) => {
    expect(sourcesOf(text)).toEqual(sources)
  })
})

test.each(["'", "E'\\", "E'\\'", '"', '""', 'U&"', '$$', '$a$', '$a', '/*', '/* /* */', '--', "'a'\n'", '$'])(
  'a text that ends in %s is read to its end',
  (open) => {
    const lexer = new Lexer(`a ${open}`)
    while (lexer.next() !== Kind.End) expect(lexer.end).toBeGreaterThan(lexer.start)
    expect([lexer.end, lexer.next(), lexer.char]).toEqual([lexer.text.length, Kind.End, NaN])
  },
)

test.each([
  ['SeLeCT', 'select', 'select'],
  ['"SeLeCT"', undefined, 'SeLeCT'],
  ['"a""b"', undefined, 'a"b'],
  ['""', undefined, ''],
  ['"', undefined, ''],
  ['"open', undefined, 'open'],
  ['U&"\\0061"', undefined, undefined],
  ["'a'", undefined, undefined],
  // As the server, which folds ASCII only: the second is the sign for Kelvin.
  ['ÉTÉ', 'ÉtÉ', 'ÉtÉ'],
  ['\u212aey', '\u212aey', '\u212aey'],
])('%s is the word %j, and the name %j', (text, word, name) => {
  const lexer = new Lexer(text)
  lexer.next()
  expect([lexer.word, lexer.name]).toEqual([word, name])
})

test('between the tokens of any text are spaces and comments only', () => {
  const part = fc.constantFrom(
    ...[
      "'",
      '"',
      '$',
      '$$',
      '$a$',
      'E',
      "E'",
      'U&',
      '\\',
      '--',
      '/*',
      '*/',
      '\n',
      ' ',
      'a',
      '1',
      '.',
      ';',
      '(',
      '+',
    ],
  )
  fc.assert(
    fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
      const text = parts.join('')
      const lexer = new Lexer(text)
      let end = 0
      do {
        lexer.next()
        expect(lexer.start).toBeGreaterThanOrEqual(end)
        const gap = text.slice(end, lexer.start)
        expect(gap).toMatch(/^\s*$|--|\/\*/)
        end = lexer.end
      } while (lexer.kind !== Kind.End)
      expect(end).toBe(text.length)
    }),
    { numRuns: 2_000 },
  )
})

// Some engines give up on such texts, or take hours: each is 16 MB of one thing.
const MANY = 16 * 1024 * 1024
test.each<[string, string, number]>([
  ['literal', `'${'a'.repeat(MANY)}'`, 1],
  ['literal of quotes', `'${"''".repeat(MANY / 2)}'`, 1],
  ['literal of backslashes', `E'${'\\'.repeat(MANY)}'`, 1],
  ['literal in parts', `${"''\n".repeat(MANY / 4)}`, 1],
  ['literal without an end', `'${'a'.repeat(MANY)}`, 1],
  ['quoted name', `"${'a'.repeat(MANY)}"`, 1],
  ['body without an end', `$a$${'$b$'.repeat(MANY / 4)}`, 1],
  ['row of tags that begin nothing', '$a '.repeat(MANY / 4), MANY / 2],
  ['comment', `/*${'*'.repeat(MANY)}*/`, 0],
  ['comment without an end', `/*${' '.repeat(MANY)}`, 0],
  ['nest of comments', `${'/*'.repeat(MANY / 4)}${'*/'.repeat(MANY / 4)}`, 0],
  ['row of comments', '/**/'.repeat(MANY / 4), 0],
  ['remark', `--${'-'.repeat(MANY)}`, 0],
  ['row of remarks behind a literal', `'a'${'--\n'.repeat(MANY / 4)}`, 1],
  ['row of operators', '+'.repeat(MANY), 1],
  ['word', 'a'.repeat(MANY), 1],
  ['number', '1'.repeat(MANY), 1],
  ['script of a million statements', 'SELECT 1;\n'.repeat(1_000_000), 3_000_000],
  ['nest of parentheses', '('.repeat(MANY / 4), MANY / 4],
])('reads a long %s to its end', (_, text, count) => {
  expect(countTokens(text)).toBe(count)
})
