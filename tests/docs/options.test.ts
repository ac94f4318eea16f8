// docs/options.md says what the schema does: every option, its type and its default, and no other.
import { describe, expect, test } from '@jest/globals'
import {
  fromPsycopg,
  fromQueuePool,
  type PsycopgOptions,
  type QueuePoolOptions,
} from '../../packages/adapter/src/django-options.js'
import { CONNECTION_KEYS } from '../../packages/adapter/src/connection-schema.js'
import { adapterSchema, OPTION_NAMES, parse } from '../../packages/adapter/src/option-schema.js'
import { resolveAdapterOptions } from '../../packages/adapter/src/resolved-options.js'
import { NO_POOLING } from '../integration/support.js'
import { code, codes, read, rows, section } from './markdown.js'

type Values = Readonly<Record<string, unknown>>

interface Documented {
  readonly name: string
  readonly type: string
  /** As it is written in code, or `none`. */
  readonly byDefault: string
}

const text = read('docs/options.md')
const HOST = { host: 'db.example' }

const connection = rows(section(text, '## Connection')).map(([name = '', type = '']) => ({
  name: code(name),
  type: code(type),
}))
const adapter = withHeadings('## The adapter')
const pool = withHeadings('## The pool')

/** Options that have a heading each, and below it a line with type and default. */
function withHeadings(heading: string): Documented[] {
  const [, ...parts] = section(text, heading).split('\n### ')
  return parts.map((part) => {
    const [name = '', , line = ''] = part.split('\n')
    const match = /^Type: `(.+?)`\. Default: (none\b|`[^`]+`)/.exec(line)
    if (match === null) throw new Error(`${name} has no type and default`)
    const [, type = '', byDefault = ''] = match
    return { name: code(name), type, byDefault: byDefault === 'none' ? byDefault : code(byDefault) }
  })
}

function namesOf(options: { readonly name: string }[]): string[] {
  return options.map(({ name }) => name).sort()
}

/** The value of a literal in the documentation. */
function valueOf(literal: string): unknown {
  if (literal === 'none') return undefined
  if (literal === 'Infinity') return Infinity
  return JSON.parse(literal.replaceAll("'", '"')) as unknown
}

describe('there is every option, and no other', () => {
  test('of the connection', () => {
    expect(namesOf(connection)).toEqual([...CONNECTION_KEYS].sort())
  })

  test('of the adapter', () => {
    const others = OPTION_NAMES.top.filter((name) => !(CONNECTION_KEYS as string[]).includes(name))
    expect(namesOf(adapter)).toEqual(others.sort())
  })

  test('of the pool', () => {
    expect(namesOf(pool)).toEqual([...OPTION_NAMES.within.pool].sort())
  })
})

describe('the default is the one of the schema', () => {
  const top = parse(adapterSchema, HOST) as Values
  const { pool: resolved } = resolveAdapterOptions(HOST)

  test('none for the connection', () => {
    for (const name of CONNECTION_KEYS) expect(top[name]).toBe((HOST as Values)[name])
  })

  test.each(adapter)('$name', ({ name, byDefault }) => {
    const given = parse(adapterSchema, { ...HOST, [name]: valueOf(byDefault) }) as Values
    expect(given[name]).toEqual(top[name])
    expect(byDefault === 'none').toBe(top[name] === undefined)
  })

  test.each(pool.filter(({ name }) => name !== 'name'))('pool.$name', ({ name, byDefault }) => {
    // The sizes depend on each other: they are the only ones that the schema leaves open.
    const known = (top['pool'] as Values)[name] ?? (resolved as unknown as Values)[name]
    const given = parse(adapterSchema, { ...HOST, pool: { [name]: valueOf(byDefault) } }) as Values
    expect((given['pool'] as Values)[name]).toEqual(known)
    expect(byDefault === 'none').toBe(known === undefined)
  })

  test('pool.name', () => {
    const numbered = (name: string) => name.replace(/\d+/, '1')
    expect(pool.find(({ name }) => name === 'name')?.byDefault).toBe(numbered(resolved.name))
  })
})

describe('the type is what the schema takes', () => {
  /** One of each may be too large or too small for an option; then another is taken. */
  const SAMPLES: Readonly<Record<string, unknown[]>> = {
    Duration: ['7s'],
    number: [3, 0.5],
    string: ['x'],
    boolean: [true],
    function: [() => {}],
    object: [{}],
  }
  function takes(inPool: boolean, name: string, value: unknown): boolean {
    try {
      parse(adapterSchema, { ...HOST, ...(inPool ? { pool: { [name]: value } } : { [name]: value }) })
      return true
    } catch {
      return false
    }
  }

  test.each([
    // What makes sockets is taken as it is.
    ...[...connection.filter(({ name }) => name !== 'stream'), ...adapter].map((option) => ({
      ...option,
      inPool: false,
    })),
    ...pool.map((option) => ({ ...option, inPool: true })),
  ])('$name: $type', ({ name, type, inPool }) => {
    const types = type.split(' | ')
    for (const literal of types.filter((one) => one.startsWith("'"))) {
      expect(takes(inPool, name, valueOf(literal))).toBe(true)
    }
    for (const [one, samples] of Object.entries(SAMPLES)) {
      // What takes any text takes that of a duration.
      if (one === 'Duration' && types.includes('string')) continue
      const isTaken = samples.some((sample) => takes(inPool, name, sample))
      expect([one, isTaken]).toEqual([one, types.includes(one)])
    }
  })
})

test('`pool: false` is what it is said to stand for', () => {
  expect(section(text, '## `pool: false`')).toContain(
    "{ minSize: 0, maxIdleCount: 0, growth: 'immediate', numWorkers: Infinity }",
  )
  const { pool: expected } = resolveAdapterOptions({ ...HOST, pool: { ...NO_POOLING, name: 'x' } })
  expect({ ...resolveAdapterOptions({ ...HOST, pool: false }).pool, name: 'x' }).toEqual(expected)
})

describe('the tables for Django', () => {
  /** Every key that there is, each with a value other than its default. */
  const PSYCOPG: Required<PsycopgOptions> = {
    name: 'orders',
    min_size: 3,
    max_size: 9,
    timeout: 7,
    max_waiting: 7,
    max_lifetime: 7,
    max_idle: 7,
    reconnect_timeout: 7,
    num_workers: 7,
    check: true,
    configure: () => {},
    reset: () => {},
    reconnect_failed: () => {},
  }
  const QUEUE_POOL: Required<QueuePoolOptions> = {
    POOL_SIZE: 7,
    MAX_OVERFLOW: 7,
    RECYCLE: 7,
    TIMEOUT: 7,
    PRE_PING: false,
    ECHO: true,
  }

  const cases = [
    { from: 'fromPsycopg', convert: fromPsycopg as (options?: Values) => Values, others: PSYCOPG },
    { from: 'fromQueuePool', convert: fromQueuePool as (options?: Values) => Values, others: QUEUE_POOL },
  ]

  test.each(cases)('of $from: names, defaults, and the option here', ({ from, convert, others }) => {
    const table = rows(section(text, `### ${from}`))
    expect(table.map(([there = '']) => code(there)).sort()).toEqual(Object.keys(others).sort())
    for (const [there = '', byDefault = '', here = ''] of table) {
      const name = code(there)
      // What is none, or another's, is not given.
      const isValue = byDefault !== 'none' && !Object.hasOwn(others, code(byDefault))
      expect([name, convert({ [name]: isValue ? valueOf(code(byDefault)) : undefined })]).toEqual([
        name,
        convert(),
      ])
      if (here.startsWith('nothing')) continue
      const option = code(here).split(':')[0] as string
      expect(OPTION_NAMES.within.pool).toContain(option)
      expect(convert({ [name]: (others as Values)[name] })[option]).not.toEqual(convert()[option])
    }
  })

  test('name what is refused', () => {
    const said = section(text, '### fromPsycopg')
      .split('\n')
      .find((line) => line.includes('are refused'))
    const refused = codes(said ?? '')
    expect(refused.length).toBeGreaterThan(0)
    for (const name of refused) expect(() => fromPsycopg({ [name]: true })).toThrow('is not carried over')
    // The error for an unknown name lists all that are known.
    let known = ''
    try {
      fromPsycopg({ zzzzzzzzzzzzzzzz: true } as PsycopgOptions)
    } catch (error) {
      known = /there are: (.+)$/.exec((error as Error).message)?.[1] ?? ''
    }
    expect(known.split(', ').sort()).toEqual([...Object.keys(PSYCOPG), ...refused].sort())
  })
})
