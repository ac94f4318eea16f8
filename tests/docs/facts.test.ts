// What the documentation names and counts is what the code has: numbers, reasons, warnings, statistics, errors.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { RealPool } from 'prisma-pg-real-pool'
import { CONNECTION_KEYS } from '../../packages/adapter/src/connection-schema.js'
import { OPTION_NAMES, parseDuration } from '../../packages/adapter/src/option-schema.js'
import type { Duration } from '../../packages/adapter/src/options.js'
import { code, codes, read, root, rows, section } from './markdown.js'

const SOURCES = 'packages/adapter/src'

/** The texts of a type that is a union of them. */
function unionOf(file: string, type: string): string[] {
  const [, union = ''] =
    new RegExp(`type ${type} =\\s+((?:[^\\n]+\\n)+)`).exec(read(join(SOURCES, file))) ?? []
  return [...union.matchAll(/'(\w+)'/g)].map((match) => match[1] as string).sort()
}

describe('docs/how-it-works.md', () => {
  const text = read('docs/how-it-works.md')

  const numbers = rows(section(text, '## The numbers')).map(([what = '', value = '', where = '']) => {
    const [constant = '', file = ''] = codes(where)
    return { what, value: value.replace(' ', ''), constant, file }
  })

  test.each(numbers)('$what: $value', ({ value, constant, file }) => {
    const declaration = new RegExp(`^(?:export )?const ${constant} = (.+)$`, 'm')
    const [, literal = ''] = declaration.exec(read(join(SOURCES, file))) ?? []
    expect(Number(literal.replaceAll('_', ''))).toBe(
      /[a-z]$/.test(value) ? parseDuration('', value as Duration) : Number(value),
    )
  })

  const reasons = unionOf('pool/types.ts', 'CloseReason')
  const life = section(text, '## The life of a connection')

  test('tells every reason for which a connection is closed, and whether it is replaced', () => {
    const [, kept = ''] =
      /NOT_REPLACED[^=]+= new Set\(\[(.+)\]\)/.exec(read(join(SOURCES, 'pool/circulation.ts'))) ?? []
    const table = rows(life).map(([reason = '', , isReplaced = '']) => [code(reason), isReplaced])
    expect(table.sort()).toEqual(
      reasons.map((reason) => [reason, kept.includes(`'${reason}'`) ? 'no' : 'yes']),
    )
  })

  test('has every reason, and no other, on the arrows of its diagram', () => {
    const arrows = [...life.matchAll(/--> closing : (.+)/g)].map((match) => match[1] as string)
    const shown = new Set(arrows.flatMap((arrow) => arrow.split(/, (?:or )?/)))
    expect([...shown].sort()).toEqual(reasons)
  })
})

describe('docs/options.md', () => {
  test('tells every warning, and every variable of the environment', () => {
    const files = readdirSync(join(root, SOURCES), { recursive: true, encoding: 'utf8' })
    const sources = files.filter((file) => file.endsWith('.ts')).map((file) => read(join(SOURCES, file)))
    const named = (text: string) => [...new Set(text.match(/REAL_POOL_[A-Z_]+/g))].sort()
    expect(named(read('docs/options.md'))).toEqual(named(sources.join('\n')))
  })
})

describe('README.md', () => {
  const text = read('README.md')

  test('names every option that is not of the connection', () => {
    const others = OPTION_NAMES.top.filter((name) => !(CONNECTION_KEYS as string[]).includes(name))
    const named = codes(section(text, '## Options'))
    expect(named).toEqual(expect.arrayContaining([...others, ...OPTION_NAMES.within.pool]))
  })

  test('has the defaults of docs/options.md', () => {
    const pool = section(read('docs/options.md'), '## The pool')
    for (const [name = '', byDefault = ''] of rows(section(text, '## Options'))) {
      expect(section(`\n${pool}`, `### ${name}`)).toContain(`Default: ${byDefault}.`)
    }
  })

  test('names every method of the pool', () => {
    const methods = Object.getOwnPropertyNames(RealPool.prototype).filter((name) => name !== 'constructor')
    const named = codes(section(text, '## The pool')).map((name) => name.replace(/\(.*/, ''))
    expect(named).toEqual(expect.arrayContaining(methods))
  })

  test('names every code of an error', () => {
    const all = unionOf('pool/errors.ts', 'PoolErrorCode')
    expect(all).toContain('POOL_TIMEOUT')
    expect(codes(section(text, '## Errors'))).toEqual(expect.arrayContaining(all))
  })
})
