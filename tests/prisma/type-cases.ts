// Values of every type of the Prisma schema language, each beside what the server must say they are.
// Observed with DateStyle ISO and time zone UTC, whatever the database is set to.
import { Prisma } from '../generated/prisma/client.js'
import type { TestDatabase } from '../support/database.js'

/** As Prisma takes and gives it, and as text of the server, whose session is in UTC with ISO dates. */
export type Case = readonly [value: unknown, text: string]

const utc = (text: string): Date => new Date(text)
const decimal = (text: string): Prisma.Decimal => new Prisma.Decimal(text)
const bytes = (...values: number[]): Uint8Array => new Uint8Array(values)
const time = (text: string): Date => new Date(`1970-01-01T${text}Z`)

const AWKWARD = `quotes ' " \\ \\\\, {braces}, NULL, ünïcödé 😀\nline\ttab $1 %s`
const MILLISECOND_BEFORE_1970 = utc('1969-12-31T23:59:59.999Z')
/** 02:30 does not exist that day in New York, 01:30 exists twice that day. */
const SPRING = utc('2024-03-10T02:30:00.000Z')
const AUTUMN = utc('2024-11-03T05:30:00.000Z')

export const SCALARS: Record<string, readonly Case[]> = {
  text: [
    ['plain', 'plain'],
    ['', ''],
    ['null', 'null'],
    [AWKWARD, AWKWARD],
    ['x'.repeat(100_000), 'x'.repeat(100_000)],
  ],
  varchar: [['exactly twenty chars', 'exactly twenty chars']],
  char: [['abcde', 'abcde']],
  uuid: [['0190f8a0-0000-7000-8000-ffffffffffff', '0190f8a0-0000-7000-8000-ffffffffffff']],
  xml: [['<a b="c">d</a>', '<a b="c">d</a>']],
  inet: [['10.1.2.0/24', '10.1.2.0/24']],
  bit: [['1010', '1010']],
  varbit: [
    ['101', '101'],
    ['11111111', '11111111'],
  ],
  boolean: [
    [true, 'true'],
    [false, 'false'],
  ],
  int: [
    [0, '0'],
    [2147483647, '2147483647'],
    [-2147483648, '-2147483648'],
  ],
  smallint: [
    [32767, '32767'],
    [-32768, '-32768'],
  ],
  oid: [[2147483647, '2147483647']],
  bigint: [
    [0n, '0'],
    [9223372036854775807n, '9223372036854775807'],
    [-9223372036854775808n, '-9223372036854775808'],
    [9007199254740993n, '9007199254740993'],
  ],
  float: [
    [0.1, '0.1'],
    [-1.5, '-1.5'],
    // Of large floats without a fraction, Prisma itself keeps only 16 digits.
    [-1.5e308, '-1.5e+308'],
    [2.2250738585072014e-308, '2.2250738585072014e-308'],
    [5e-324, '5e-324'],
    [0.30000000000000004, '0.30000000000000004'],
    [3, '3'],
  ],
  real: [
    [0.1, '0.1'],
    [-3.4e38, '-3.4e+38'],
  ],
  decimal: [
    [decimal('0.1'), '0.100000000000000000000000000000'],
    [
      decimal('-12345678901234567890123456789012345.123456789012345678901234567891'),
      '-12345678901234567890123456789012345.123456789012345678901234567891',
    ],
    [decimal('1e-30'), '0.000000000000000000000000000001'],
    [decimal('1e34'), `1${'0'.repeat(34)}.${'0'.repeat(30)}`],
  ],
  decimal10: [
    [decimal('-99999999.99'), '-99999999.99'],
    [decimal('0'), '0.00'],
  ],
  money: [
    [decimal('1234.5'), '$1,234.50'],
    [decimal('-0.07'), '-$0.07'],
    [decimal('92233720368547758.07'), '$92,233,720,368,547,758.07'],
  ],
  timestamp: [
    [utc('2024-02-29T12:34:56.789Z'), '2024-02-29 12:34:56.789'],
    [SPRING, '2024-03-10 02:30:00'],
    [AUTUMN, '2024-11-03 05:30:00'],
    [MILLISECOND_BEFORE_1970, '1969-12-31 23:59:59.999'],
    [utc('0001-01-01T00:00:00.000Z'), '0001-01-01 00:00:00'],
    [utc('9999-12-31T23:59:59.999Z'), '9999-12-31 23:59:59.999'],
  ],
  timestamp6: [[utc('2024-02-29T12:34:56.001Z'), '2024-02-29 12:34:56.001']],
  timestamptz: [
    [utc('2024-02-29T12:34:56.789Z'), '2024-02-29 12:34:56.789+00'],
    [utc('2024-07-01T03:59:59.999Z'), '2024-07-01 03:59:59.999+00'],
    [SPRING, '2024-03-10 02:30:00+00'],
    [AUTUMN, '2024-11-03 05:30:00+00'],
    [MILLISECOND_BEFORE_1970, '1969-12-31 23:59:59.999+00'],
    // New York was then 4:56:02 behind.
    [utc('1850-06-01T00:00:00.000Z'), '1850-06-01 00:00:00+00'],
    [utc('0001-01-01T00:00:00.000Z'), '0001-01-01 00:00:00+00'],
    [utc('9999-12-31T23:59:59.999Z'), '9999-12-31 23:59:59.999+00'],
  ],
  date: [
    [utc('2024-02-29T00:00:00.000Z'), '2024-02-29'],
    [utc('0001-01-01T00:00:00.000Z'), '0001-01-01'],
    [utc('9999-12-31T00:00:00.000Z'), '9999-12-31'],
  ],
  time: [
    [time('00:00:00.000'), '00:00:00'],
    [time('12:34:56.789'), '12:34:56.789'],
    [time('23:59:59.999'), '23:59:59.999'],
  ],
  timetz: [
    [time('00:00:00.000'), '00:00:00+00'],
    [time('23:59:59.999'), '23:59:59.999+00'],
  ],
  json: [
    [{ b: 1, a: [null, true, 'x', { '': 1.5 }] }, '{"b":1,"a":[null,true,"x",{"":1.5}]}'],
    [[], '[]'],
    ['text', '"text"'],
    [0, '0'],
    [false, 'false'],
  ],
  jsonb: [
    [{ a: [null, true, 'x'], b: 1 }, '{"a": [null, true, "x"], "b": 1}'],
    [[1, [2, []]], '[1, [2, []]]'],
    [AWKWARD, JSON.stringify(AWKWARD)],
    [1e21, '1000000000000000000000'],
  ],
  bytes: [
    [bytes(), '\\x'],
    [bytes(0, 1, 92, 39, 127, 128, 255), '\\x00015c277f80ff'],
  ],
  role: [
    ['ADMIN', 'ADMIN'],
    ['GUEST', 'a guest'],
  ],
}

/** The elements of the list are the values of the scalar of the same name, in one list. */
export const LISTS: Record<string, readonly Case[]> = {
  text: [
    [['a', '', 'null', 'NULL'], '{a,"","null","NULL"}'],
    [[AWKWARD], `{"${AWKWARD.replace(/["\\]/g, '\\$&')}"}`],
  ],
  varchar: [[['a b', '{}', ','], '{"a b","{}",","}']],
  uuid: [[['0190f8a0-0000-7000-8000-ffffffffffff'], '{0190f8a0-0000-7000-8000-ffffffffffff}']],
  inet: [[['10.1.2.0/24', '192.168.0.1/16'], '{10.1.2.0/24,192.168.0.1/16}']],
  boolean: [[[true, false, true], '{t,f,t}']],
  int: [[[2147483647, -2147483648, 0], '{2147483647,-2147483648,0}']],
  smallint: [[[32767, -32768], '{32767,-32768}']],
  bigint: [
    [[9223372036854775807n, -9223372036854775808n, 0n], '{9223372036854775807,-9223372036854775808,0}'],
  ],
  float: [[[0.1, -1.5, 5e-324, 1e21], '{0.1,-1.5,5e-324,1e+21}']],
  real: [[[0.1, -2], '{0.1,-2}']],
  decimal: [
    [
      [decimal('0.1'), decimal('12345678901234567890123456789012345.123456789012345678901234567891')],
      '{0.100000000000000000000000000000,12345678901234567890123456789012345.123456789012345678901234567891}',
    ],
  ],
  decimal10: [[[decimal('-99999999.99'), decimal('0')], '{-99999999.99,0.00}']],
  timestamp: [[[SPRING, MILLISECOND_BEFORE_1970], '{"2024-03-10 02:30:00","1969-12-31 23:59:59.999"}']],
  timestamptz: [
    [[SPRING, utc('9999-12-31T23:59:59.999Z')], '{"2024-03-10 02:30:00+00","9999-12-31 23:59:59.999+00"}'],
  ],
  date: [[[utc('2024-02-29T00:00:00.000Z'), utc('0001-01-01T00:00:00.000Z')], '{2024-02-29,0001-01-01}']],
  time: [[[time('12:34:56.789'), time('00:00:00.000')], '{12:34:56.789,00:00:00}']],
  timetz: [[[time('12:34:56.789')], '{12:34:56.789+00}']],
  json: [[[{ a: 1 }, 'x', [1], 2], '{"{\\"a\\":1}","\\"x\\"",[1],2}']],
  jsonb: [[[{ a: [1, '"'] }, 'x', 2], '{"{\\"a\\": [1, \\"\\\\\\"\\"]}","\\"x\\"",2}']],
  bytes: [[[bytes(0, 255, 34, 92), bytes()], '{"\\\\x00ff225c","\\\\x"}']],
  role: [[['GUEST', 'ADMIN', 'GUEST'], '{"a guest",ADMIN,"a guest"}']],
}

const set = (settings: Readonly<Record<string, string>>): string =>
  Object.entries(settings)
    .map(([name, value]) => `ALTER DATABASE % SET ${name} TO '${value}'`)
    .join('; ')

/** A name for the test, and the settings of the database. */
export const DATABASES: [string, string | undefined][] = [
  ['a plain database', undefined],
  [
    'a database in New York with German dates',
    set({
      timezone: 'America/New_York',
      DateStyle: 'German',
      IntervalStyle: 'sql_standard',
      bytea_output: 'escape',
    }),
  ],
  [
    'a database in Kolkata with SQL dates',
    set({ timezone: 'Asia/Kolkata', DateStyle: 'SQL, DMY', IntervalStyle: 'iso_8601' }),
  ],
  [
    'a database in Apia with dates as POSTGRES had them',
    set({ timezone: 'Pacific/Apia', DateStyle: 'Postgres, MDY', IntervalStyle: 'postgres_verbose' }),
  ],
  // Until 1937 it was 19 minutes and 32 seconds ahead, in summer an hour more.
  ['a database in Amsterdam', set({ timezone: 'Europe/Amsterdam', DateStyle: 'SQL, MDY' })],
]

/** What the server says of a field of a table, in a session that does not depend on the database's settings. */
export function observeIn(database: TestDatabase, table: string) {
  return {
    async prepare(): Promise<void> {
      await database.query(
        `SET timezone TO 'UTC'; SET DateStyle TO ISO; SET bytea_output TO hex; SET lc_monetary TO 'C'`,
      )
    },
    async textOf(field: string, id: number): Promise<string | null> {
      const [row] = await database.query<{ text: string | null }>(
        `SELECT "${field}"::text AS text FROM "${table}" WHERE "id" = $1`,
        [id],
      )
      return row!.text
    },
    /** Makes a row by casting the text; returns its id. */
    async insertText(field: string, text: string): Promise<number> {
      const [column] = await database.query<{ type: string }>(
        `SELECT format_type(atttypid, atttypmod) AS type FROM pg_attribute
          WHERE attrelid = format('%I', $1::text)::regclass AND attname = $2`,
        [table, field],
      )
      const [row] = await database.query<{ id: number }>(
        `INSERT INTO "${table}" ("${field}") VALUES ($1::text::${column!.type}) RETURNING "id"`,
        [text],
      )
      return row!.id
    },
  }
}
