// Values of every built-in type of PostgreSQL, ordinary and extreme: what the server calls them, what Prisma gives
// in a raw query, and what it takes.
import { expect } from '@jest/globals'
import { Prisma } from '../generated/prisma/client.js'

/** The server prints the value in the form that the session asks for; it is compared by the server itself. */
export const AS_THE_SESSION_PRINTS = Symbol('as the session prints it')
/** JavaScript, or Prisma, has no way to say this one. */
export const NOT_WRITTEN = Symbol('not written')

/**
 * As text of the server, in UTC with ISO dates; as Prisma gives it in a raw query; and as it takes it, where that is
 * something else.
 */
export type RawCase = readonly [text: string, value: unknown, input?: unknown]

const utc = (text: string): Date => new Date(text)
const time = (text: string): Date => new Date(`1970-01-01T${text}Z`)
const decimal = (text: string): Prisma.Decimal => new Prisma.Decimal(text)
const bytes = (...values: number[]): Uint8Array => new Uint8Array(values)
const same = (...texts: string[]): RawCase[] => texts.map((text) => [text, text])
const printed = (...texts: string[]): RawCase[] => texts.map((text) => [text, AS_THE_SESSION_PRINTS, text])

const AWKWARD = `quotes ' " \\ {braces}, (a;b) NULL ünïcödé 😀 \u{10FFFF}\ttab`
/** What `infinity` reads as, and what is written as `infinity`. */
const LAST = new Date(8.64e15)
const FIRST = new Date(-8.64e15)
const BIG_NUMBER = `-${'1234567890'.repeat(100)}.${'0987654321'.repeat(50)}`

const INSTANTS: readonly (readonly [text: string, value: Date, input?: unknown])[] = [
  ['2024-02-29 12:34:56.789', utc('2024-02-29T12:34:56.789Z')],
  // 02:30 does not exist that day in New York, 01:30 exists twice that day.
  ['2024-03-10 02:30:00', utc('2024-03-10T02:30:00Z')],
  ['2024-11-03 05:30:00', utc('2024-11-03T05:30:00Z')],
  ['2024-11-03 06:30:00', utc('2024-11-03T06:30:00Z')],
  // Apia skipped the 30th of December 2011.
  ['2011-12-30 10:30:00', utc('2011-12-30T10:30:00Z')],
  ['1969-12-31 23:59:59.999', utc('1969-12-31T23:59:59.999Z')],
  // Amsterdam, New York and Apia had seconds in their offsets, Apia on the other side of the date line.
  ['1936-06-01 12:00:00', utc('1936-06-01T12:00:00Z')],
  ['1850-06-01 00:00:00', utc('1850-06-01T00:00:00Z')],
  ['1000-01-01 00:00:00', utc('1000-01-01T00:00:00Z')],
  ['0999-12-31 23:59:59', utc('0999-12-31T23:59:59Z')],
  ['0099-01-02 03:04:05', utc('0099-01-02T03:04:05Z')],
  ['0001-01-01 00:00:00', utc('0001-01-01T00:00:00Z')],
  ['0001-12-31 23:59:59 BC', utc('0000-12-31T23:59:59Z')],
  ['0044-03-15 12:00:00 BC', utc('-000043-03-15T12:00:00Z')],
  ['4713-02-01 00:00:00 BC', utc('-004712-02-01T00:00:00Z')],
  ['9999-12-31 23:59:59.999', utc('9999-12-31T23:59:59.999Z')],
  ['10000-01-01 00:00:00', utc('+010000-01-01T00:00:00Z')],
  ['275760-09-12 23:59:59.999', utc('+275760-09-12T23:59:59.999Z')],
  ['infinity', LAST],
  ['-infinity', FIRST],
  // A Date has milliseconds.
  ['2024-02-29 12:34:56.789999', utc('2024-02-29T12:34:56.789Z'), NOT_WRITTEN],
]
/** Nothing is printed behind an infinity. */
const withOffset = (text: string): string =>
  text.endsWith('infinity') ? text : text.replace(/( BC)?$/, '+00$1')

/** By the name in `pg_type`. */
export const BASE_TYPES: Readonly<Record<string, readonly RawCase[]>> = {
  bool: [
    ['true', true],
    ['false', false],
  ],
  int2: [
    ['32767', 32767],
    ['-32768', -32768],
  ],
  int4: [
    ['0', 0],
    ['2147483647', 2147483647],
    ['-2147483648', -2147483648],
  ],
  int8: [
    ['0', 0n],
    ['9223372036854775807', 9223372036854775807n],
    ['-9223372036854775808', -9223372036854775808n],
  ],
  oid: [['4294967295', 4294967295n]],
  float4: [
    ['1.5', 1.5],
    ['-3.4028235e+38', -3.4028235e38],
    ['Infinity', Infinity, 'Infinity'],
    ['NaN', NaN, 'NaN'],
  ],
  float8: [
    ['0.30000000000000004', 0.30000000000000004],
    ['1.7976931348623157e+308', Number.MAX_VALUE],
    ['5e-324', Number.MIN_VALUE],
    ['-Infinity', -Infinity, '-Infinity'],
    ['NaN', NaN, 'NaN'],
  ],
  numeric: [
    ['0', decimal('0')],
    ['0.1', decimal('0.1')],
    [`0.${'0'.repeat(29)}1`, decimal('1e-30')],
    [BIG_NUMBER, decimal(BIG_NUMBER)],
    ['NaN', decimal('NaN')],
    ['Infinity', decimal('Infinity')],
    ['-Infinity', decimal('-Infinity')],
  ],
  money: [
    ['$1,234.50', decimal('1234.5')],
    ['-$0.07', decimal('-0.07')],
    ['-$92,233,720,368,547,758.08', decimal('-92233720368547758.08')],
  ],
  text: same('plain', '', 'NULL', AWKWARD),
  varchar: same('plain', AWKWARD),
  bpchar: same('ab'),
  name: same('pg_class', 'x'.repeat(63)),
  char: same('a', '"'),
  xml: same('<a b="c">é</a>'),
  uuid: same('0190f8a0-0000-7000-8000-ffffffffffff'),
  bytea: [
    ['\\x', bytes()],
    ['\\x00015c277f80ff', bytes(0, 1, 92, 39, 127, 128, 255)],
  ],
  json: [
    ['{"b":1, "a":[null,true,"x"]}', { b: 1, a: [null, true, 'x'] }, '{"b":1, "a":[null,true,"x"]}'],
    ['[]', [], '[]'],
    ['"text"', 'text', '"text"'],
    ['1.5', 1.5, '1.5'],
  ],
  jsonb: [
    ['{"a": [null, true, "x"], "b": 1}', { a: [null, true, 'x'], b: 1 }, { b: 1, a: [null, true, 'x'] }],
    [JSON.stringify(AWKWARD), AWKWARD, JSON.stringify(AWKWARD)],
  ],
  jsonpath: same('$."a"[*]?(@ > 1)'),
  date: [
    ...INSTANTS.filter(([, , input]) => input === undefined).map(([text, value]): RawCase => {
      const bc = text.endsWith(' BC') ? ' BC' : ''
      return [text.replace(/ .*/, '') + bc, Math.abs(value.getTime()) === 8.64e15 ? value : dayOf(value)]
    }),
  ],
  time: [
    ['00:00:00', time('00:00:00')],
    ['12:34:56.789', time('12:34:56.789')],
    ['23:59:59.999999', time('23:59:59.999'), NOT_WRITTEN],
    // The end of a day is the beginning of the next.
    ['24:00:00', utc('1970-01-02T00:00:00Z'), NOT_WRITTEN],
  ],
  timetz: [
    ['12:34:56.789+00', time('12:34:56.789')],
    ['01:00:00+02', time('23:00:00'), NOT_WRITTEN],
    ['23:00:00-15:59:59', time('14:59:59'), NOT_WRITTEN],
  ],
  timestamp: INSTANTS,
  timestamptz: INSTANTS.map(([text, ...rest]): RawCase => [withOffset(text), ...rest]),
  interval: printed(
    '00:00:00',
    '1 year 2 mons 3 days 04:05:06.789012',
    '-1 years -2 mons +3 days -04:05:06',
    '178000000 years',
  ),
  bit: same('1', '0'),
  varbit: same('', '101', '1'.repeat(100)),
  inet: same('10.1.2.0/24', '2001:db8::1/64'),
  cidr: same('10.0.0.0/8', '::/0'),
  macaddr: same('08:00:2b:01:02:03'),
  macaddr8: same('08:00:2b:01:02:03:04:05'),
  point: same('(1.5,-2)', '(Infinity,NaN)', '(1e+300,5e-324)'),
  line: same('{1,-1,0}'),
  lseg: same('[(0,0),(1,1)]'),
  // How a list of boxes is separated, the type of an argument would have to tell.
  box: same('(3,4),(1,2)', '(1,1),(1,1)'),
  path: same('((0,0),(1,1))', '[(0,0),(1,1)]'),
  polygon: same('((0,0),(1,1),(1,0))'),
  circle: same('<(1,2),3>'),
  tsvector: same(`'a':1A 'b':2 'it''s'`, ''),
  tsquery: same(`'a' & !'b' | 'c':*A`, `'a' <-> 'b'`),
  int4range: same('[1,10)', 'empty', '(,)'),
  int8range: same('[-9223372036854775808,9223372036854775807)'),
  numrange: same('(0.1,1.50]'),
  tsrange: printed('["2024-01-01 00:00:00","2024-02-01 00:00:00")', '[-infinity,infinity]'),
  tstzrange: printed('["2024-01-01 00:00:00+00","2024-02-01 00:00:00+00")', 'empty'),
  daterange: printed('[2024-01-01,2024-02-01)', '(,2024-01-01)'),
  int4multirange: same('{[1,3),[5,7)}', '{}'),
  int8multirange: same('{[1,9223372036854775807)}'),
  nummultirange: same('{[0.1,0.2],(1,2)}'),
  tsmultirange: printed('{["2024-01-01 00:00:00","2024-02-01 00:00:00")}'),
  tstzmultirange: printed('{["2024-01-01 00:00:00+00","2024-02-01 00:00:00+00")}'),
  datemultirange: printed('{[2024-01-01,2024-02-01),[2024-03-01,)}'),
  tid: same('(0,1)', '(4294967295,65535)'),
  xid: same('0', '4294967295'),
  xid8: same('18446744073709551615'),
  cid: same('4294967295'),
  pg_lsn: same('0/0', 'FFFFFFFF/FFFFFFFF'),
  pg_snapshot: same('10:20:10,14,15'),
  txid_snapshot: same('10:20:10,14,15'),
  refcursor: same('a cursor'),
  aclitem: same('=r/pg_monitor'),
  int2vector: same('1 -2 3', ''),
  oidvector: same('1 4294967295', ''),
  regproc: same('textlen', '-'),
  regprocedure: same('textlen(text)', 'sum(integer)'),
  regoper: same('|/'),
  regoperator: same('+(integer,integer)'),
  regclass: same('pg_class', 'information_schema.tables'),
  regtype: same('timestamp with time zone', 'integer[]'),
  regconfig: same('english'),
  regdictionary: same('simple'),
  regnamespace: same('pg_catalog'),
  regrole: same('pg_monitor'),
  regcollation: same('"C"'),
}

function dayOf(instant: Date): Date {
  return new Date(instant.toISOString().replace(/T.*/, 'T00:00:00Z'))
}

/** Types without a text that could be given to them; how else a value of them comes about, and what Prisma gives. */
export const OTHER_TYPES: Readonly<Record<string, readonly [sql: string, value: unknown]>> = {
  void: ['SELECT pg_advisory_unlock_all() AS value', null],
  record: [`SELECT ROW(1, 'a b', NULL) AS value`, '(1,"a b",)'],
  _record: [`SELECT ARRAY[ROW(1, 'a'), NULL] AS value`, ['(1,a)', null]],
  cstring: [`SELECT 'a'::cstring AS value`, 'a'],
  anyarray: [
    `SELECT stavalues1 AS value FROM pg_statistic WHERE starelid = '"Sampled"'::regclass AND staattnum = 1`,
    '{1,2}',
  ],
  pg_node_tree: [`SELECT ev_qual AS value FROM pg_rewrite WHERE ev_class = 'pg_views'::regclass`, '<>'],
  pg_ndistinct: ['SELECT stxdndistinct AS value FROM pg_statistic_ext_data', expect.stringContaining('1, 2')],
  pg_dependencies: [
    'SELECT stxddependencies AS value FROM pg_statistic_ext_data',
    expect.stringContaining('=>'),
  ],
  pg_mcv_list: ['SELECT stxdmcv AS value FROM pg_statistic_ext_data', expect.stringMatching(/^\\/)],
}

/** Makes what the statistics above are about. */
export const STATISTICS = `
  CREATE TABLE "Sampled" AS SELECT n % 2 + 1 AS a, n % 2 + 1 AS b FROM generate_series(1, 1000) n;
  CREATE STATISTICS "Sample" (ndistinct, dependencies, mcv) ON a, b FROM "Sampled";
  ANALYZE "Sampled"`

/** Types of which no value reaches a client: the arguments of functions and what they pass among themselves. */
export const NEVER_SEEN: readonly string[] = [
  'any',
  'anycompatible',
  'anycompatiblearray',
  'anycompatiblemultirange',
  'anycompatiblenonarray',
  'anycompatiblerange',
  'anyelement',
  'anyenum',
  'anymultirange',
  'anynonarray',
  'anyrange',
  'event_trigger',
  'fdw_handler',
  'gtsvector',
  'index_am_handler',
  'internal',
  'language_handler',
  'pg_brin_bloom_summary',
  'pg_brin_minmax_multi_summary',
  'pg_ddl_command',
  'table_am_handler',
  'trigger',
  'tsm_handler',
  // A result has `text` instead.
  'unknown',
]
