import { ColumnTypeEnum } from '@prisma/driver-adapter-utils'
import { describe, expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import { ARRAY_OID, FIRST_USER_OID, OID, type TypeName } from '../../../packages/adapter/src/convert/oids.js'
import { columnTypeOf, textParserOf } from '../../../packages/adapter/src/convert/results.js'

const read = (oid: number, text: string) => textParserOf(oid)(text)
const readArray = (name: TypeName, text: string) => read(ARRAY_OID[name]!, text)
/** What Prisma makes of a date that it reads in a raw query. */
const instant = (oid: number, text: string) => new Date(read(oid, text) as string).toISOString()

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
  ] as const)('%s is %s and its array the array of that', (name, type) => {
    expect(columnTypeOf(OID[name])).toBe(ColumnTypeEnum[type])
    expect(columnTypeOf(ARRAY_OID[name]!)).toBe(ColumnTypeEnum[`${type}Array`])
  })

  test.each([
    'INTERVAL',
    'POINT',
    'CHAR',
    'REGCLASS',
    'INT4RANGE',
    'TSTZMULTIRANGE',
    'TSVECTOR',
    'PG_LSN',
  ] as const)('%s, which Prisma has no name for, reads as text, and its array as texts', (name) => {
    expect(columnTypeOf(OID[name])).toBe(ColumnTypeEnum.Text)
    expect(columnTypeOf(ARRAY_OID[name]!)).toBe(ColumnTypeEnum.TextArray)
    expect(read(OID[name], 'x y')).toBe('x y')
    expect(readArray(name, '{"x y",NULL}')).toEqual(['x y', null])
  })

  test('every OID has a type and a parser, and what is not known is text as it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.nat(7000), fc.nat()), (oid) => {
        expect(Object.values(ColumnTypeEnum)).toContain(columnTypeOf(oid))
        expect(typeof textParserOf(oid)).toBe('function')
      }),
    )
    const known = new Set<number>([...Object.values(OID), ...Object.values(ARRAY_OID)])
    for (const oid of [1, 22, 30, 2277, 15_000].filter((each) => !known.has(each))) {
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

  test('what PostgreSQL can count and Date cannot is no wrong date', () => {
    for (const text of ['294276-12-31 23:59:59.999999+05:30', '294276-12-31 23:59:59']) {
      expect(read(OID.TIMESTAMPTZ, text)).toMatch(/^\+294276-12-31T23:59:59(\.999999\+05:30|\+00:00)$/)
      expect(new Date(read(OID.TIMESTAMPTZ, text) as string).getTime()).toBeNaN()
    }
    expect(read(OID.DATE, '5874897-12-31')).toBe('+5874897-12-31')
  })

  test('a DateStyle other than ISO is refused, as day and month could be swapped', () => {
    expect(() => read(OID.TIMESTAMPTZ, '05/06/2024 07:08:09 UTC')).toThrow('DateStyle')
    expect(() => read(OID.TIMESTAMPTZ, '05/06/2024 07:08:09 +00')).toThrow('DateStyle')
    expect(() => read(OID.TIMESTAMP, '06.05.2024 07:08:09')).toThrow('DateStyle')
    expect(() => read(OID.DATE, '06-05-2024')).toThrow('DateStyle')
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
    ['RECORD', '{"(1,a)"}', ['(1,a)']],
  ] as const)('%s[] %s', (name, text, values) => {
    expect(readArray(name, text)).toEqual(values)
  })
})
