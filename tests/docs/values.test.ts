// docs/values.md says what the code makes of every type, and of the dates that it shows.
import { describe, expect, test } from '@jest/globals'
import { type ColumnType, ColumnTypeEnum, isDriverAdapterError } from '@prisma/driver-adapter-utils'
import { ARRAY_OID, OID, type TypeName } from '../../packages/adapter/src/convert/oids.js'
import { columnTypeOf, textParserOf } from '../../packages/adapter/src/convert/results.js'
import { code, codes, read, rows, section } from './markdown.js'

const text = read('docs/values.md')

/** What Prisma makes of a column in a raw query. */
const GIVEN: Readonly<Partial<Record<keyof typeof ColumnTypeEnum, string>>> = {
  Boolean: '`boolean`',
  Int32: '`number`',
  Int64: '`bigint`',
  Float: '`number`',
  Double: '`number`',
  Numeric: '`Decimal`',
  Character: '`string`',
  Text: '`string`',
  Uuid: '`string`',
  Bytes: '`Uint8Array`',
  Json: 'the value',
  Date: '`Date`',
  Time: '`Date`',
  DateTime: '`Date`',
}

function nameOf(columnType: ColumnType): string {
  return Object.entries(ColumnTypeEnum).find(([, value]) => value === columnType)![0]
}

describe('the types', () => {
  const table = rows(section(text, '## Types').split('\n### ')[0]!).flatMap(([types = '', given = '']) =>
    codes(types).map((type) => ({ type, given })),
  )

  test('are all there, each once', () => {
    const known = Object.keys(OID).map((name) => name.toLowerCase())
    expect(table.map(({ type }) => type).sort()).toEqual(known.sort())
  })

  test.each(table)('$type is $given', ({ type, given }) => {
    const name = type.toUpperCase() as TypeName
    const kind = nameOf(columnTypeOf(OID[name]))
    if (name === 'VOID') expect([textParserOf(OID.VOID)(''), given]).toEqual([null, '`null`'])
    else expect(GIVEN[kind as keyof typeof GIVEN]).toBe(given)
    const arrayOid = ARRAY_OID[name]
    if (arrayOid !== undefined) expect(nameOf(columnTypeOf(arrayOid))).toBe(`${kind}Array`)
  })
})

describe('the dates', () => {
  /** As Prisma reads what the adapter gives it in a raw query. */
  function dateOf(type: string, printed: string): string {
    try {
      const iso = textParserOf(OID[type.toUpperCase() as TypeName])(printed) as string
      return new Date(
        type.startsWith('time') && !type.includes('stamp') ? `1970-01-01T${iso}Z` : iso,
      ).toISOString()
    } catch (error) {
      if (isDriverAdapterError(error) && error.cause.kind === 'InconsistentColumnData')
        return error.cause.cause
      throw error
    }
  }

  const table = rows(section(text, '## Dates and times').split('\n### ')[0]!)

  test.each(table)('%s %s is %s', (type = '', printed = '', date = '') => {
    const found = dateOf(code(type), code(printed))
    if (date.startsWith('an error')) expect(found).toContain('later than any Date')
    else expect(found).toBe(code(date))
  })

  test('are shown', () => {
    expect(table.length).toBeGreaterThan(10)
  })
})
