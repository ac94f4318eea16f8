import { ColumnTypeEnum, type DriverAdapterError, isDriverAdapterError } from '@prisma/driver-adapter-utils'
import { describe, expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import { columnsOf, resultSetOf } from '../../../packages/adapter/src/convert/columns.js'
import { ARRAY_OID, FIRST_USER_OID, OID, type TypeName } from '../../../packages/adapter/src/convert/oids.js'
import { columnTypeOf, textParserOf } from '../../../packages/adapter/src/convert/results.js'

const read = (oid: number, text: string) => textParserOf(oid)(text)
const columnTypesIn = (rows: unknown[][], ...oids: number[]) =>
  resultSetOf(columnsOf(oids.map((oid) => ({ name: 'value', dataTypeID: oid }))), rows).columnTypes
const readArray = (name: TypeName, text: string) => read(ARRAY_OID[name]!, text)
/** What Prisma makes of a date that it reads in a raw query. */
const instant = (oid: number, text: string) => new Date(read(oid, text) as string).toISOString()

/** The payload of the DriverAdapterError that refuses a value. */
function refusal(oid: number, text: string): DriverAdapterError['cause'] {
  try {
    read(oid, text)
  } catch (error) {
    if (isDriverAdapterError(error)) return error.cause
    throw error
  }
  throw new Error('not refused')
}

describe('column types', () => {
  test.each([
    ['INT2', 'Int32'],
    ['INT4', 'Int32'],
    ['INT8', 'Int64'],
    ['OID', 'Int64'],
    ['FLOAT4', 'Float'],
    ['FLOAT8', 'Double'],
    ['NUMERIC', 'Numeric'],
    ['MONEY', 'Numeric'],
    ['BOOL', 'Boolean'],
    ['DATE', 'Date'],
    ['TIME', 'Time'],
    ['TIMETZ', 'Time'],
    ['TIMESTAMP', 'DateTime'],
    ['TIMESTAMPTZ', 'DateTime'],
    ['JSON', 'Json'],
    ['JSONB', 'Json'],
    ['BYTEA', 'Bytes'],
    ['UUID', 'Uuid'],
    ['TEXT', 'Text'],
    ['VARCHAR', 'Text'],
    ['BPCHAR', 'Text'],
    ['XML', 'Text'],
    ['CHAR', 'Character'],
  ] as const)('%s is %s and its array the array of that', (name, type) => {
    expect(columnTypeOf(OID[name])).toBe(ColumnTypeEnum[type])
    expect(columnTypeOf(ARRAY_OID[name]!)).toBe(ColumnTypeEnum[`${type}Array`])
  })

  test.each(['INTERVAL', 'POINT', 'REGCLASS', 'INT4RANGE', 'TSTZMULTIRANGE', 'TSVECTOR', 'PG_LSN'] as const)(
    '%s, which Prisma has no name for, reads as text, and its array as texts',
    (name) => {
      expect(columnTypeOf(OID[name])).toBe(ColumnTypeEnum.Text)
      expect(columnTypeOf(ARRAY_OID[name]!)).toBe(ColumnTypeEnum.TextArray)
      expect(read(OID[name], 'x y')).toBe('x y')
      expect(readArray(name, '{"x y",NULL}')).toEqual(['x y', null])
    },
  )

  test('every OID has a type and a parser, and what is not known is text as it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.nat(7000), fc.nat()), (oid) => {
        expect(Object.values(ColumnTypeEnum)).toContain(columnTypeOf(oid))
        expect(typeof textParserOf(oid)).toBe('function')
      }),
    )
    const known = new Set<number>([...Object.values(OID), ...Object.values(ARRAY_OID)])
    for (const oid of [1, 194, 2277, 15_000].filter((each) => !known.has(each))) {
      expect(columnTypeOf(oid)).toBe(ColumnTypeEnum.Text)
      expect(read(oid, '1 2')).toBe('1 2')
    }
  })

  test('no OID stands for two types', () => {
    const oids = [...Object.values(OID), ...Object.values(ARRAY_OID)]
    expect(new Set(oids).size).toBe(oids.length)
  })

  test('types of users are text, their arrays included', () => {
    expect(columnTypeOf(FIRST_USER_OID)).toBe(ColumnTypeEnum.Text)
    expect(read(FIRST_USER_OID + 7, '{A,B}')).toBe('{A,B}')
  })

  test('a list of lists is called one of texts, which Prisma passes on as it is', () => {
    const oid = ARRAY_OID.DATE!
    const rows = [
      [null, []],
      [['2024-01-01'], [['2024-01-01']]],
      [[], null],
    ]
    expect(columnTypesIn(rows, oid, oid)).toEqual([ColumnTypeEnum.DateArray, ColumnTypeEnum.TextArray])
    expect(columnTypesIn([], oid)).toEqual([ColumnTypeEnum.DateArray])
    expect(columnTypesIn([[[['no list, whatever it looks like']]]], OID.JSON)).toEqual([ColumnTypeEnum.Json])
  })

  test('void is null', () => {
    expect(read(OID.VOID, '')).toBeNull()
    expect(columnTypeOf(OID.VOID)).toBe(ColumnTypeEnum.Text)
  })
})

describe('plain values', () => {
  test.each([
    ['INT2', '-7', -7],
    ['INT4', '2147483647', 2147483647],
    ['INT8', '9223372036854775807', '9223372036854775807'],
    ['OID', '4294967295', '4294967295'],
    ['FLOAT8', '1.5e-300', 1.5e-300],
    ['FLOAT8', 'NaN', NaN],
    ['FLOAT4', 'Infinity', Infinity],
    ['FLOAT4', '-Infinity', -Infinity],
    ['NUMERIC', '12345678901234567890.1230', '12345678901234567890.1230'],
    ['BOOL', 't', true],
    ['BOOL', 'f', false],
    ['JSONB', '{"a": 1}', '{"a": 1}'],
    ['TIME', '24:00:00', '24:00:00'],
    ['TIME', '01:02:03.000004', '01:02:03.000004'],
  ] as const)('%s %s', (name, text, value) => {
    expect(read(OID[name], text)).toBe(value)
  })

  test.each([
    ['$1,234.50', '1234.50'],
    ['-$1,234.50', '-1234.50'],
    ['($1.00)', '-1.00'],
    ['1.234,50 €', '1234.50'],
    ['-1.234.567,89 €', '-1234567.89'],
    ['1 234,50 €', '1234.50'],
    ["CHF1'234.50", '1234.50'],
    ['kr. 1.234,50', '1234.50'],
    ['￥1,234', '1234'],
    ['$0.05', '0.05'],
    ['$92,233,720,368,547,758.07', '92233720368547758.07'],
  ])('money %s is the number %s', (text, number) => {
    expect(read(OID.MONEY, text)).toBe(number)
  })

  test('bytes read in both settings of bytea_output', () => {
    expect(read(OID.BYTEA, '\\x005cff41')).toEqual(Buffer.from([0, 0x5c, 0xff, 0x41]))
    expect(read(OID.BYTEA, '\\000\\\\\\377A')).toEqual(Buffer.from([0, 0x5c, 0xff, 0x41]))
    expect(read(OID.BYTEA, '\\x')).toEqual(Buffer.alloc(0))
    expect(read(OID.BYTEA, '')).toEqual(Buffer.alloc(0))
  })
})

describe('dates', () => {
  test.each([
    ['2024-05-06 07:08:09+00', '2024-05-06T07:08:09+00:00'],
    ['2024-05-06 07:08:09.123456+00', '2024-05-06T07:08:09.123456+00:00'],
    ['2024-05-06 12:38:09.123456+05:30', '2024-05-06T07:08:09.123456+00:00'],
    ['2024-05-06 04:08:09-03', '2024-05-06T07:08:09+00:00'],
    ['2024-02-28 22:00:00-03', '2024-02-29T01:00:00+00:00'],
    ['1900-01-01 00:19:32+00:19:32', '1900-01-01T00:00:00+00:00'],
    ['1882-12-31 19:03:58.5-04:56:02', '1883-01-01T00:00:00.5+00:00'],
    ['0099-01-01 22:08:03-04:56:02', '0099-01-02T03:04:05+00:00'],
    ['0001-01-01 00:00:00+01', '0000-12-31T23:00:00+00:00'],
    ['0044-03-15 02:12:07.5-04:56:02 BC', '-000043-03-15T07:08:09.5+00:00'],
    ['0044-03-15 00:00:00+00 BC', '-000043-03-15T00:00:00+00:00'],
    ['10000-01-01 00:00:00+00', '+010000-01-01T00:00:00+00:00'],
    ['9999-12-31 22:00:00-03', '+010000-01-01T01:00:00+00:00'],
  ])('timestamptz %s is converted to UTC', (text, iso) => {
    expect(read(OID.TIMESTAMPTZ, text)).toBe(iso)
    expect(new Date(iso).getTime()).not.toBeNaN()
  })

  test.each([
    ['2024-05-06 07:08:09', '2024-05-06T07:08:09+00:00'],
    ['2024-05-06 07:08:09.123456', '2024-05-06T07:08:09.123456+00:00'],
    ['0044-03-15 00:00:00 BC', '-000043-03-15T00:00:00+00:00'],
    ['0001-12-31 23:59:59.999999 BC', '0000-12-31T23:59:59.999999+00:00'],
    ['10000-01-01 00:00:00', '+010000-01-01T00:00:00+00:00'],
  ])('timestamp %s is taken for UTC', (text, iso) => {
    expect(read(OID.TIMESTAMP, text)).toBe(iso)
    expect(new Date(iso).getTime()).not.toBeNaN()
  })

  test.each([
    ['2024-05-06', '2024-05-06'],
    ['0044-03-15 BC', '-000043-03-15'],
    ['0001-01-01 BC', '0000-01-01'],
    ['10000-01-01', '+010000-01-01'],
    ['infinity', '+275760-09-13'],
    ['-infinity', '-271821-04-20'],
  ])('date %s', (text, iso) => {
    expect(read(OID.DATE, text)).toBe(iso)
    expect(new Date(`${iso}T00:00:00Z`).getTime()).not.toBeNaN()
  })

  test('infinity is the last instant of Date and -infinity the first', () => {
    for (const oid of [OID.TIMESTAMP, OID.TIMESTAMPTZ, OID.DATE]) {
      expect(instant(oid, 'infinity')).toBe(new Date(8.64e15).toISOString())
      expect(instant(oid, '-infinity')).toBe(new Date(-8.64e15).toISOString())
    }
  })

  test.each([
    ['TIMESTAMPTZ', '294276-12-31 23:59:59.999999+05:30'],
    ['TIMESTAMP', '275760-09-13 00:00:00'],
    ['TIMESTAMP', '275760-09-13 00:00:00.001'],
    ['DATE', '5874897-12-31'],
    ['DATE', '275760-09-13'],
  ] as const)('a %s that PostgreSQL can count and Date cannot is refused: %s', (name, text) => {
    const error = refusal(OID[name], text)
    expect(error).toMatchObject({ kind: 'InconsistentColumnData', originalCode: '22008' })
    expect(error.originalMessage).toContain(`The ${name.toLowerCase()} '${text}' is later than any Date`)
  })

  test.each([
    ['DATE', '06.05.2024', '2024-05-06'],
    ['DATE', '15.03.0044 BC', '-000043-03-15'],
    ['TIMESTAMP', '06.05.2024 07:08:09.123456', '2024-05-06T07:08:09.123456+00:00'],
    ['TIMESTAMP', '15.03.0044 07:08:09 BC', '-000043-03-15T07:08:09+00:00'],
    ['TIMESTAMPTZ', '06.05.2024 07:08:09 UTC', '2024-05-06T07:08:09+00:00'],
    ['TIMESTAMPTZ', '06.05.2024 20:08:09 +13', '2024-05-06T07:08:09+00:00'],
    ['TIMESTAMPTZ', '06.05.2024 12:53:09.5 +0545', '2024-05-06T07:08:09.5+00:00'],
    ['TIMESTAMPTZ', '15.03.0044 07:08:09 GMT BC', '-000043-03-15T07:08:09+00:00'],
    ['TIMESTAMP', 'Mon May 06 07:08:09.123456 2024', '2024-05-06T07:08:09.123456+00:00'],
    ['TIMESTAMP', 'Mon 06 May 07:08:09 2024', '2024-05-06T07:08:09+00:00'],
    ['TIMESTAMP', 'Wed Mar 15 07:08:09 0044 BC', '-000043-03-15T07:08:09+00:00'],
    ['TIMESTAMPTZ', 'Mon May 06 07:08:09 2024 UTC', '2024-05-06T07:08:09+00:00'],
    ['TIMESTAMPTZ', 'Mon 06 May 20:08:09 2024 +13', '2024-05-06T07:08:09+00:00'],
    ['TIMESTAMPTZ', 'Fri 15 Mar 07:08:09 0044 UTC BC', '-000043-03-15T07:08:09+00:00'],
    ['TIMESTAMP', 'infinity', '+275760-09-13T00:00:00.000+00:00'],
  ] as const)('a %s in another DateStyle reads where it says what it means: %s', (name, text, iso) => {
    expect(read(OID[name], text)).toBe(iso)
  })

  test.each([
    ['DATE', '05/06/2024', 'day or month may come first'],
    ['DATE', '05-06-2024', 'day or month may come first'],
    ['DATE', '13/06/2024', 'and nobody wants to find that out on the 13th of a month'],
    ['TIMESTAMP', '05/06/2024 07:08:09', 'day or month may come first'],
    ['TIMESTAMPTZ', '05/06/2024 07:08:09 +00', 'day or month may come first'],
    ['TIMESTAMPTZ', '06.05.2024 07:08:09 IST', 'it may be India, Ireland or Israel'],
    ['TIMESTAMPTZ', '06.05.2024 07:08:09 IST BC', 'it may be India, Ireland or Israel'],
    ['TIMESTAMPTZ', 'Mon May 06 07:08:09 2024 CST', 'it may be China, Chicago or Cuba'],
    ['TIMESTAMPTZ', 'Mon Foo 06 07:08:09 2024 UTC', 'there is no such month'],
  ] as const)('a %s in another DateStyle is refused where it does not: %s, since %s', (name, text, _) => {
    const error = refusal(OID[name], text)
    expect(error).toMatchObject({ kind: 'InconsistentColumnData', originalCode: '22007' })
    expect(error.originalMessage).toContain(`'${text}' is: the session's DateStyle must be ISO`)
  })

  test.each([
    ['07:08:09+00', '07:08:09'],
    ['07:08:09.123456+05:30', '01:38:09.123456'],
    ['01:00:00+02', '23:00:00'],
    ['23:00:00-02:00:01', '01:00:01'],
    ['24:00:00+00', '00:00:00'],
  ])('timetz %s is the time of day in UTC, without an offset, which Prisma appends itself', (text, time) => {
    expect(read(OID.TIMETZ, text)).toBe(time)
  })

  test('any instant in any zone reads as that instant', () => {
    const anyDate = fc.date({
      min: new Date('-004712-01-01T00:00:00Z'),
      max: new Date(8.63e15),
      noInvalidDate: true,
    })
    fc.assert(
      fc.property(anyDate, fc.integer({ min: -57_599, max: 57_599 }), (date, offset) => {
        expect(instant(OID.TIMESTAMPTZ, printedByPostgres(date, offset))).toBe(date.toISOString())
      }),
    )
  })
})

/** How PostgreSQL prints an instant in a zone that is `offset` seconds ahead of UTC. */
function printedByPostgres(date: Date, offset: number): string {
  const pad = (value: number, width = 2) => String(value).padStart(width, '0')
  const local = new Date(date.getTime() + offset * 1000)
  const year = local.getUTCFullYear()
  const ahead = Math.abs(offset)
  const zone = [Math.floor(ahead / 3600), Math.floor(ahead / 60) % 60, ahead % 60].map((part) => pad(part))
  while (zone.length > 1 && zone.at(-1) === '00') zone.pop()
  const text = local.toISOString().replace(/^[+-]?\d+/, pad(year > 0 ? year : 1 - year, 4))
  return `${text.replace('T', ' ').slice(0, -1)}${offset < 0 ? '-' : '+'}${zone.join(':')}${year > 0 ? '' : ' BC'}`
}

describe('arrays', () => {
  test.each([
    ['INT4', '{}', []],
    ['INT4', '{1,NULL,3}', [1, null, 3]],
    [
      'INT4',
      '{{1,2},{3,NULL}}',
      [
        [1, 2],
        [3, null],
      ],
    ],
    ['INT4', '[0:1]={1,2}', [1, 2]],
    ['INT4', '[0:0][-1:0]={{1,2}}', [[1, 2]]],
    ['BOOL', '{t,f,NULL}', [true, false, null]],
    ['TEXT', '{"a b","NULL",NULL,"","{x}","q\\"\\\\",a}', ['a b', 'NULL', null, '', '{x}', 'q"\\', 'a']],
    ['INT8', '{9223372036854775807}', ['9223372036854775807']],
    ['JSONB', '{"{\\"a\\": \\"x\\\\\\"y\\"}"}', ['{"a": "x\\"y"}']],
    ['BYTEA', '{"\\\\x00ff","\\\\x",NULL}', [Buffer.from([0, 255]), Buffer.alloc(0), null]],
    [
      'TIMESTAMPTZ',
      '{"2024-05-06 12:38:09+05:30",infinity}',
      ['2024-05-06T07:08:09+00:00', '+275760-09-13T00:00:00.000+00:00'],
    ],
    ['DATE', '{2024-01-01,-infinity}', ['2024-01-01', '-271821-04-20']],
    ['TIMETZ', '{01:00:00+02}', ['23:00:00']],
    ['MONEY', '{"-$1,234.50",$1.00}', ['-1234.50', '1.00']],
    ['FLOAT8', '{NaN,Infinity}', [NaN, Infinity]],
    ['BOX', '{(3,4),(1,2);(1,1),(0,0);NULL}', ['(3,4),(1,2)', '(1,1),(0,0)', null]],
    ['POINT', '{"(1,2)"}', ['(1,2)']],
    ['OIDVECTOR', '{"1 2",3,""}', ['1 2', '3', '']],
    ['RECORD', '{"(1,a)"}', ['(1,a)']],
  ] as const)('%s[] %s', (name, text, values) => {
    expect(readArray(name, text)).toEqual(values)
  })
})
