import { describe, expect, jest, test } from '@jest/globals'
import * as fc from 'fast-check'
import { parseArray } from '../../../packages/adapter/src/convert/arrays.js'

const asIs = (text: string): string => text
const parse = (text: string): unknown[] => parseArray(text, asIs)

type Tree = string | null | Tree[]

/** As PostgreSQL prints it (manual 8.15.6): quoted only where it must be, unless `quoteAll`. */
function print(tree: Tree, quoteAll = false): string {
  if (tree === null) return 'NULL'
  if (typeof tree !== 'string') return `{${tree.map((each) => print(each, quoteAll)).join(',')}}`
  const isPlain = tree !== '' && !/[\s{},"\\]|^null$/i.test(tree)
  return isPlain && !quoteAll ? tree : `"${tree.replace(/["\\]/g, '\\$&')}"`
}

describe('an array', () => {
  test.each([
    ['{}', []],
    ['{1,NULL,3}', ['1', null, '3']],
    ['{null,"NULL",NULLS}', ['null', 'NULL', 'NULLS']],
    ['{""}', ['']],
    ['{"a b","q\\"\\\\","{x,y}"}', ['a b', 'q"\\', '{x,y}']],
    ['{"\\\\","\\""}', ['\\', '"']],
    ['{"\\\\\\""}', ['\\"']],
    ['{"a\nb"}', ['a\nb']],
    [
      '{{1,2},{3,NULL}}',
      [
        ['1', '2'],
        ['3', null],
      ],
    ],
    ['{{{a}},{{b}}}', [[['a']], [['b']]]],
    ['[0:1]={1,2}', ['1', '2']],
    ['[-1:0][2:2]={{"{"},{"="}}', [['{'], ['=']]],
  ])('%s', (text, elements) => {
    expect(parse(text)).toEqual(elements)
  })

  test('gives its elements to the parser, all but NULL', () => {
    expect(parseArray('{1,NULL,"2",{3}}', Number)).toEqual([1, null, 2, [3]])
  })

  test('may have another delimiter', () => {
    expect(parseArray('{(3,4),(1,2);(1,1),(0,0);NULL}', asIs, ';')).toEqual([
      '(3,4),(1,2)',
      '(1,1),(0,0)',
      null,
    ])
    expect(parseArray('{{(1,1),(0,0)};{(2,2),(0,0)}}', asIs, ';')).toEqual([['(1,1),(0,0)'], ['(2,2),(0,0)']])
  })

  test('of any texts reads as it was printed', () => {
    const awkward = fc.constantFrom('"', '\\', '{', '}', ',', ' ', 'NULL', '\n', '=', '[')
    const texts = fc.string({
      unit: fc.oneof(awkward, fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })),
    })
    const elements = fc.array(fc.option(texts))
    fc.assert(
      fc.property(
        fc.oneof(elements, fc.array(elements, { minLength: 1 })),
        fc.boolean(),
        (array, quoteAll) => {
          expect(parse(print(array, quoteAll))).toEqual(array)
          expect(parse(`[5:9]=${print(array, quoteAll)}`)).toEqual(array)
        },
      ),
    )
  })

  test.each(['', '{', '{1', '{1,2', '{"a', '{"a\\"}', '{{1}', '1}', '{1}}', '{1}x', '{1},{2}', '[0:1]='])(
    'that is cut off or goes on is refused: %s',
    (text) => {
      expect(() => parse(text)).toThrow('does not end where the array does')
    },
  )

  test('that is long is not looked through again for each of its elements', () => {
    const text = print(Array.from({ length: 2_000 }, (_, index) => `element "${index}" \\`))
    let looked = 0
    // eslint-disable-next-line @typescript-eslint/unbound-method -- called on each text below
    const { indexOf } = String.prototype
    const spy = jest.spyOn(String.prototype, 'indexOf').mockImplementation(function (
      this: string,
      what,
      from = 0,
    ) {
      const found = indexOf.call(this, what, from)
      looked += (found < 0 ? this.length : found) - from
      return found
    })
    try {
      expect(parse(text)).toHaveLength(2_000)
    } finally {
      spy.mockRestore()
    }
    expect(looked).toBeGreaterThan(0)
    expect(looked).toBeLessThan(5 * text.length)
  })
})
