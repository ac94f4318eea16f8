// From Prisma's query arguments to what node-postgres sends: text, bytes or null, nothing that it would
// format by itself. Its own formatting writes dates in the process's time zone.

import { isAnyArrayBuffer, isDate } from 'node:util/types'
import { type ArgType, DriverAdapterError } from '@prisma/driver-adapter-utils'
import { INVALID_DATETIME_FORMAT, pgDateTime } from './datetime.js'

export type PgValue = string | Buffer | null

/** The protocol counts the parameters of a statement in 16 bits (PostgreSQL manual 54.7, Bind). */
const MOST_PARAMETERS = 65_535

/**
 * What to send for the arguments of a statement.
 *
 * @throws DriverAdapterError of kind `InvalidInputValue` where PostgreSQL cannot be given one, or so many.
 */
export function toPgValues(args: readonly unknown[], argTypes: readonly ArgType[]): PgValue[] {
  if (args.length > MOST_PARAMETERS) {
    throw invalidInput(
      `A statement can have ${MOST_PARAMETERS} parameters, this one has ${args.length}: send an array, or several statements.`,
      PROGRAM_LIMIT_EXCEEDED,
    )
  }
  return args.map((arg, index) => toPgValue(arg, argTypes[index]))
}

/** The protocol ends a text at this character: PostgreSQL would see another statement than the one that was meant. */
export function refuseNul(sql: string): void {
  if (!sql.includes('\0')) return
  throw invalidInput(
    'The text of a statement has the character U+0000, which PostgreSQL cannot be given.',
    CHARACTER_NOT_IN_REPERTOIRE,
  )
}

/**
 * What to send for an argument. Arrays become array literals whatever `argType.arity` says: Prisma calls
 * the list of a `push` a scalar.
 *
 * @throws DriverAdapterError of kind `InvalidInputValue` for what PostgreSQL cannot be given.
 */
export function toPgValue(arg: unknown, argType: ArgType | undefined): PgValue {
  switch (typeof arg) {
    case 'string':
      return fromString(arg, argType)
    case 'number':
      return Object.is(arg, -0) ? '-0' : String(arg)
    case 'boolean':
    case 'bigint':
      return String(arg)
    case 'undefined':
      return null
    case 'object':
      return arg === null ? null : fromObject(arg, argType)
    default:
      throw invalidInput(`A ${typeof arg} cannot be sent to the database.`, INVALID_PARAMETER_VALUE)
  }
}

const CHARACTER_NOT_IN_REPERTOIRE = '22021'
const INVALID_PARAMETER_VALUE = '22023'
const PROGRAM_LIMIT_EXCEEDED = '54000'

function fromString(text: string, argType: ArgType | undefined): PgValue {
  if (argType?.scalarType === 'datetime') return dateTime(text, argType)
  if (argType?.scalarType === 'bytes') return Buffer.from(text, 'base64')
  if (text.includes('\0')) {
    throw invalidInput(
      'A text has the character U+0000, which PostgreSQL cannot store.',
      CHARACTER_NOT_IN_REPERTOIRE,
    )
  }
  return text
}

function fromObject(value: object, argType: ArgType | undefined): PgValue {
  if (Array.isArray(value)) return arrayLiteral(value, argType)
  if (isDate(value)) return dateTime(value, argType)
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  if (isAnyArrayBuffer(value)) return Buffer.from(value)
  // Prisma hands over decimals and JSON as text; this is for callers of the adapter who do not.
  return isDecimal(value) ? value.toFixed() : fromString(JSON.stringify(value), undefined)
}

/** A Decimal of decimal.js, from whichever copy of it. */
function isDecimal(value: object): value is { toFixed(): string } {
  return 'toFixed' in value && typeof value.toFixed === 'function'
}

function dateTime(value: Date | string, argType: ArgType | undefined): string {
  const text = pgDateTime(value, argType?.dbType)
  if (text === undefined) {
    throw invalidInput(
      `Not a date that can be stored: ${String(value).slice(0, 40)}`,
      INVALID_DATETIME_FORMAT,
    )
  }
  return text
}

/** Every element but NULL is quoted, so that none is taken for NULL, a number of elements or a brace. */
function arrayLiteral(values: readonly unknown[], argType: ArgType | undefined): string {
  return `{${values.map((value) => arrayElement(value, argType)).join(',')}}`
}

function arrayElement(value: unknown, argType: ArgType | undefined): string {
  if (Array.isArray(value)) return arrayLiteral(value, argType)
  const element = toPgValue(value, argType)
  if (element === null) return 'NULL'
  if (typeof element !== 'string') return `"\\\\x${element.toString('hex')}"`
  return `"${element.replace(/["\\]/g, '\\$&')}"`
}

function invalidInput(message: string, sqlState: string): DriverAdapterError {
  return new DriverAdapterError({
    kind: 'InvalidInputValue',
    message,
    originalCode: sqlState,
    originalMessage: message,
  })
}
