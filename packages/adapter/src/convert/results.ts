// From PostgreSQL's text format to the values Prisma expects, by the OID of a column's type. Total: a type
// that is not known here reads as text, since by the time we see it the statement has already run.

import { type ColumnType, ColumnTypeEnum } from '@prisma/driver-adapter-utils'
import { parseArray } from './arrays.js'
import { isoDate, isoTimestamp, isoTimestamptz, utcTime } from './datetime.js'
import { ARRAY_OID, OID, type TypeName } from './oids.js'

export type TextParser = (text: string) => unknown

interface Conversion {
  readonly columnType: ColumnType
  readonly parse: TextParser
}

interface ScalarConversion extends Conversion {
  readonly listType: ColumnType
}

/** What many types read as. */
export const asIs: TextParser = (text) => text

const {
  Int32,
  Int64,
  Float,
  Double,
  Numeric,
  Boolean: Bool,
  Character,
  Text,
  Date: DateOnly,
  Time,
  DateTime,
  Json,
  Bytes,
  Uuid,
} = ColumnTypeEnum

const TEXT: ScalarConversion = { columnType: Text, listType: ColumnTypeEnum.TextArray, parse: asIs }
const INT32: ScalarConversion = { columnType: Int32, listType: ColumnTypeEnum.Int32Array, parse: Number }
// As text: a number loses digits above 2^53, and Prisma turns one into a bigint, which JSON.stringify refuses.
const INT64: ScalarConversion = { columnType: Int64, listType: ColumnTypeEnum.Int64Array, parse: asIs }
const NUMERIC: ScalarConversion = { columnType: Numeric, listType: ColumnTypeEnum.NumericArray, parse: asIs }
const TIME: ScalarConversion = { columnType: Time, listType: ColumnTypeEnum.TimeArray, parse: asIs }
const DATE_TIME = { columnType: DateTime, listType: ColumnTypeEnum.DateTimeArray }
const JSON_TEXT: ScalarConversion = { columnType: Json, listType: ColumnTypeEnum.JsonArray, parse: asIs }

/** The types that do not simply read as text. */
const SCALARS: Partial<Record<TypeName, ScalarConversion>> = {
  BOOL: { columnType: Bool, listType: ColumnTypeEnum.BooleanArray, parse: (text) => text === 't' },
  BYTEA: { columnType: Bytes, listType: ColumnTypeEnum.BytesArray, parse: bytesOf },
  INT2: INT32,
  INT4: INT32,
  INT8: INT64,
  OID: INT64,
  FLOAT4: { columnType: Float, listType: ColumnTypeEnum.FloatArray, parse: Number },
  FLOAT8: { columnType: Double, listType: ColumnTypeEnum.DoubleArray, parse: Number },
  NUMERIC,
  MONEY: { ...NUMERIC, parse: moneyToNumeric },
  DATE: { columnType: DateOnly, listType: ColumnTypeEnum.DateArray, parse: isoDate },
  TIME,
  TIMETZ: { ...TIME, parse: utcTime },
  TIMESTAMP: { ...DATE_TIME, parse: isoTimestamp },
  TIMESTAMPTZ: { ...DATE_TIME, parse: isoTimestamptz },
  JSON: JSON_TEXT,
  JSONB: JSON_TEXT,
  UUID: { columnType: Uuid, listType: ColumnTypeEnum.UuidArray, parse: asIs },
  // Prisma's schema engine refuses the catalog's columns of this type if they are called texts.
  CHAR: { columnType: Character, listType: ColumnTypeEnum.CharacterArray, parse: asIs },
  // What `SELECT pg_advisory_lock(1)` returns: an empty text that means nothing.
  VOID: { ...TEXT, parse: () => null },
}

/** What separates elements that hold a bare comma themselves. */
const DELIMITER: Partial<Record<TypeName, string>> = { BOX: ';' }

const CONVERSIONS = new Map<number, Conversion>(conversions())

function* conversions(): Iterable<[number, Conversion]> {
  for (const name of Object.keys(OID) as TypeName[]) {
    const scalar = SCALARS[name] ?? TEXT
    yield [OID[name], scalar]
    const arrayOid = ARRAY_OID[name]
    if (arrayOid !== undefined) {
      yield [arrayOid, { columnType: scalar.listType, parse: arrayOf(scalar.parse, DELIMITER[name]) }]
    }
  }
}

/**
 * Prisma's name for a type. Types of users and extensions are text; so are their arrays (`{a,b}`), whose
 * OIDs say nothing. Prisma casts enum lists to `text[]` in the SQL it generates, so those do arrive as lists.
 */
export function columnTypeOf(oid: number): ColumnType {
  return (CONVERSIONS.get(oid) ?? TEXT).columnType
}

export function isListType(type: ColumnType): boolean {
  return type >= ColumnTypeEnum.Int32Array && type <= ColumnTypeEnum.UuidArray
}

/** The function that reads values of a type, given in PostgreSQL's text format and not null. */
export function textParserOf(oid: number): TextParser {
  return (CONVERSIONS.get(oid) ?? TEXT).parse
}

function arrayOf(parse: TextParser, delimiter?: string): TextParser {
  return (text) => parseArray(text, parse, delimiter)
}

/** Both settings of `bytea_output`: `hex` (`\x00ff`) and `escape` (`\000\377A\\`). */
function bytesOf(text: string): Buffer {
  if (text.startsWith('\\x')) return Buffer.from(text.slice(2), 'hex')
  const latin1 = text.replace(/\\(\\|[0-7]{3})/g, (_, code: string) =>
    code === '\\' ? code : String.fromCharCode(parseInt(code, 8)),
  )
  return Buffer.from(latin1, 'latin1')
}

/**
 * `money` prints as the server's `lc_monetary` says: `-$1,234.50`, `($1.00)`, `1.234,50 €`. Which separator
 * is the decimal point is not told, so: the last one, where exactly two digits follow it. That is right
 * for every currency with two or no decimals, and wrong for those with three (Kuwait's dinar): cast these
 * to `numeric` in SQL, as Prisma does for its own fields.
 */
function moneyToNumeric(text: string): string {
  const amount = /\d(?:.*\d)?/.exec(text)?.[0]
  if (amount === undefined) return text
  const [, whole = '', cents] = /^(.*?)(?:[.,](\d\d))?$/.exec(amount) ?? []
  const sign = /[-(]/.test(text) ? '-' : ''
  return sign + whole.replace(/\D/g, '') + (cents === undefined ? '' : `.${cents}`)
}
