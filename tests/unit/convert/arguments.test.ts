import type { ArgScalarType, ArgType, DriverAdapterError } from '@prisma/driver-adapter-utils'
import { describe, expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import { refuseNul, toPgValue, toPgValues } from '../../../packages/adapter/src/convert/arguments.js'
import { ARRAY_OID, OID } from '../../../packages/adapter/src/convert/oids.js'
import { textParserOf } from '../../../packages/adapter/src/convert/results.js'

const scalar = (scalarType: ArgScalarType, dbType?: string): ArgType => ({
  arity: 'scalar',
  scalarType,
  ...(dbType !== undefined && { dbType }),
})
const list = (scalarType: ArgScalarType, dbType?: string): ArgType => ({
  ...scalar(scalarType, dbType),
  arity: 'list',
})

function errorOf(refused: () => unknown): DriverAdapterError {
  try {
    refused()
  } catch (error) {
    return error as DriverAdapterError
  }
  throw new Error('not refused')
}

/** The payload of the DriverAdapterError that refuses an argument. */
function causeOfRefusal(arg: unknown): unknown {
  return errorOf(() => toPgValue(arg, undefined)).cause
}

const DATE = new Date('2024-05-06T07:08:09.120Z')

describe('plain values', () => {
  test.each([
    [null, scalar('int'), null],
    [undefined, scalar('int'), null],
    ['text', scalar('string'), 'text'],
    ['', scalar('string'), ''],
    [1.5, scalar('decimal', 'DOUBLEPRECISION'), '1.5'],
    [NaN, scalar('float'), 'NaN'],
    [-Infinity, scalar('float'), '-Infinity'],
    [true, scalar('boolean'), 'true'],
    [9223372036854775807n, scalar('bigint'), '9223372036854775807'],
    ['123456789012345678901234567890.50', scalar('decimal'), '123456789012345678901234567890.50'],
    ['{"a":1}', scalar('json', 'JSONB'), '{"a":1}'],
    ['c-c', scalar('enum'), 'c-c'],
    ['2024-05-06T07:08:09Z', scalar('string'), '2024-05-06T07:08:09Z'],
  ])('%p is sent as text', (arg, type, value) => {
    expect(toPgValue(arg, type)).toBe(value)
    expect(toPgValue(arg, undefined)).toBe(value)
  })

  test('objects that nobody made text of are sent as JSON, decimals as digits', () => {
    expect(toPgValue({ a: [1] }, scalar('unknown'))).toBe('{"a":[1]}')
    const decimal = { toFixed: () => '1000000000000000000000000', toJSON: () => '1e+24' }
    expect(toPgValue(decimal, scalar('decimal'))).toBe('1000000000000000000000000')
  })

  test.each([['a\0b'], [['ok', 'a\0b']]])('a text with U+0000 is refused with a reason', (arg) => {
    expect(() => toPgValue(arg, scalar('string'))).toThrow('U+0000')
    expect(causeOfRefusal(arg)).toMatchObject({ kind: 'InvalidInputValue', originalCode: '22021' })
  })

  test('a function is refused', () => {
    expect(() => toPgValue(() => 1, scalar('unknown'))).toThrow('function')
  })
})

describe('bytes', () => {
  test('base64 is decoded', () => {
    expect(toPgValue('AP8=', scalar('bytes'))).toEqual(Buffer.from([0, 255]))
  })

  test('a view sends its own part of the memory only', () => {
    const view = new Uint8Array(new Uint8Array([1, 2, 3, 4]).buffer, 1, 2)
    expect(toPgValue(view, scalar('bytes'))).toEqual(Buffer.from([2, 3]))
    expect(toPgValue(new DataView(view.buffer, 3), undefined)).toEqual(Buffer.from([4]))
    expect(toPgValue(new Uint8Array([7]).buffer, undefined)).toEqual(Buffer.from([7]))
  })
})

describe('a statement', () => {
  test('has each argument in the form of its own type', () => {
    const types = [scalar('datetime', 'DATE'), scalar('bytes'), list('int')]
    expect(toPgValues([DATE, 'AP8=', [1]], types)).toEqual(['2024-05-06', Buffer.from([0, 255]), '{"1"}'])
    expect(toPgValues([], [])).toEqual([])
    expect(toPgValues([1, 'a'], [])).toEqual(['1', 'a'])
  })

  test('may have as many parameters as the protocol can count, and no more', () => {
    expect(toPgValues(new Array(65_535).fill(7), [])).toHaveLength(65_535)
    const error = errorOf(() => toPgValues(new Array(65_536).fill(7), []))
    expect(error.message).toContain('65535 parameters, this one has 65536')
    expect(error.cause).toMatchObject({ kind: 'InvalidInputValue', originalCode: '54000' })
  })

  test('with U+0000 in its text is refused', () => {
    expect(() => refuseNul('SELECT 1')).not.toThrow()
    const error = errorOf(() => refuseNul("SELECT 'a\0'"))
    expect(error.message).toContain('U+0000')
    expect(error.cause).toMatchObject({ kind: 'InvalidInputValue', originalCode: '22021' })
  })
})

describe('dates', () => {
  test.each([
    ['TIMESTAMPTZ', '2024-05-06 07:08:09.120+00:00'],
    ['TIMESTAMP', '2024-05-06 07:08:09.120+00:00'],
    [undefined, '2024-05-06 07:08:09.120+00:00'],
    ['DATE', '2024-05-06'],
    ['TIME', '07:08:09.120'],
    ['TIMETZ', '07:08:09.120+00:00'],
  ])(
    'for %s, a Date and its ISO text are sent alike, with an offset wherever one is read',
    (dbType, text) => {
      expect(toPgValue(DATE, scalar('datetime', dbType))).toBe(text)
      expect(toPgValue(DATE.toISOString(), scalar('datetime', dbType))).toBe(text)
    },
  )

  test('a dbType of null, as Prisma sends it, and no type at all are the same as none', () => {
    const type = { ...scalar('datetime'), dbType: null } as unknown as ArgType
    expect(toPgValue(DATE, type)).toBe('2024-05-06 07:08:09.120+00:00')
    expect(toPgValue(DATE, undefined)).toBe('2024-05-06 07:08:09.120+00:00')
  })

  test.each([
    ['2024-05-06T07:08:09.123456Z', '2024-05-06 07:08:09.123456+00:00'],
    ['2024-05-06T12:38:09.123456+05:30', '2024-05-06 07:08:09.123456+00:00'],
    ['2024-05-06T04:08:09-03', '2024-05-06 07:08:09+00:00'],
    ['2024-05-06T04:08:09-0300', '2024-05-06 07:08:09+00:00'],
    ['2024-05-06 07:08:09', '2024-05-06 07:08:09+00:00'],
    ['2024-05-06T07:08Z', '2024-05-06 07:08:00+00:00'],
    ['2024-05-06', '2024-05-06 00:00:00+00:00'],
    ['0099-01-02T03:04:05Z', '0099-01-02 03:04:05+00:00'],
    ['0000-01-02T03:04:05.000006Z', '0001-01-02 03:04:05.000006+00:00 BC'],
    ['-000043-03-15T00:00:00.000Z', '0044-03-15 00:00:00.000+00:00 BC'],
    ['+010000-01-01T00:00:00.000Z', '10000-01-01 00:00:00.000+00:00'],
  ])('ISO text %s keeps its microseconds and is written in the syntax of PostgreSQL', (iso, text) => {
    expect(toPgValue(iso, scalar('datetime', 'TIMESTAMPTZ'))).toBe(text)
  })

  test.each([
    ['-000043-03-15T00:00:00Z', '0044-03-15 00:00:00+00:00 BC', '0044-03-15 BC'],
    ['0000-06-01T00:00:00Z', '0001-06-01 00:00:00+00:00 BC', '0001-06-01 BC'],
    ['+010000-01-01T00:00:00Z', '10000-01-01 00:00:00+00:00', '10000-01-01'],
    ['0007-01-01T00:00:00Z', '0007-01-01 00:00:00+00:00', '0007-01-01'],
  ])('a Date in a far year %s is written in the syntax of PostgreSQL', (iso, timestamp, date) => {
    expect(toPgValue(new Date(iso), scalar('datetime', 'TIMESTAMP'))).toBe(timestamp)
    expect(toPgValue(new Date(iso), scalar('datetime', 'DATE'))).toBe(date)
  })

  test('the ends of Date are infinity, as they are read', () => {
    for (const dbType of ['TIMESTAMPTZ', 'TIMESTAMP', 'DATE', undefined]) {
      expect(toPgValue(new Date(8.64e15), scalar('datetime', dbType))).toBe('infinity')
      expect(toPgValue(new Date(-8.64e15).toISOString(), scalar('datetime', dbType))).toBe('-infinity')
    }
    expect(toPgValue(new Date(8.64e15), scalar('datetime', 'TIME'))).toBe('00:00:00')
  })

  test.each([new Date(NaN), 'tomorrow', '05/06/2024', '2024-05-06T07:08:09+99:99'])(
    '%p is refused',
    (arg) => {
      expect(() => toPgValue(arg, scalar('datetime', 'TIMESTAMP'))).toThrow(/^Not a date/)
    },
  )

  test('what is written reads back as the same instant', () => {
    const anyDate = fc.date({ min: new Date('-004712-01-01T00:00:00Z'), noInvalidDate: true })
    fc.assert(
      fc.property(anyDate, (date) => {
        const sent = toPgValue(date, scalar('datetime', 'TIMESTAMPTZ')) as string
        const printed = sent.replace('+00:00', '+00')
        expect(new Date(textParserOf(OID.TIMESTAMPTZ)(printed) as string)).toEqual(date)
      }),
    )
  })
})

describe('arrays', () => {
  test.each([
    [[], list('string'), '{}'],
    [['a', null, 'NULL', ''], list('string'), '{"a",NULL,"NULL",""}'],
    [['q"\\', '{x,y}'], list('string'), '{"q\\"\\\\","{x,y}"}'],
    [[1, 2.5], list('decimal'), '{"1","2.5"}'],
    [[true, false], list('boolean'), '{"true","false"}'],
    [[10n], list('bigint'), '{"10"}'],
    [[['a'], ['b']], list('string'), '{{"a"},{"b"}}'],
    [['{"a":1}', '"s"'], list('json', 'JSONB'), '{"{\\"a\\":1}","\\"s\\""}'],
    [['AP8='], list('bytes'), '{"\\\\x00ff"}'],
    [[new Uint8Array([65])], list('bytes'), '{"\\\\x41"}'],
    [[DATE], list('datetime', 'DATE'), '{"2024-05-06"}'],
    [['2024-05-06T07:08:09Z'], list('datetime', 'TIMETZ'), '{"07:08:09+00:00"}'],
  ])('%p is an array literal', (arg, type, text) => {
    expect(toPgValue(arg, type)).toBe(text)
  })

  test('a list that Prisma calls a scalar, as in a push, is an array too', () => {
    expect(toPgValue(['q'], scalar('string', 'TEXT'))).toBe('{"q"}')
    expect(toPgValue([DATE], undefined)).toBe('{"2024-05-06 07:08:09.120+00:00"}')
  })

  test('any list of texts reads back as it was', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '"', '\\', '{', '}', ',', ' ', 'NULL', '\n', 'é') })
    fc.assert(
      fc.property(fc.array(fc.option(text)), (texts) => {
        const literal = toPgValue(texts, list('string')) as string
        expect(textParserOf(ARRAY_OID.TEXT!)(literal)).toEqual(texts)
      }),
    )
  })

  test('any list of bytes reads back as it was', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (values) => {
        const literal = toPgValue(values, list('bytes')) as string
        expect(textParserOf(ARRAY_OID.BYTEA!)(literal)).toEqual(values.map((value) => Buffer.from(value)))
      }),
    )
  })
})
