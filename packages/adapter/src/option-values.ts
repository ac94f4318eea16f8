/** The kinds of values that options have: how each is checked, and what is said of one that is not valid. */
import ms, { type StringValue } from 'ms'
import * as v from 'valibot'
import type { ConnectionHook, Duration } from './options.js'

const DURATION = /^(?:\d+|\d*\.\d+)(?:ms|s|m|h|d)$/
const LONGEST_SUSPECT_MS = 999

/** A number from 1 to 999 looks like seconds; only a string says what is meant. */
export const duration = v.pipe(
  v.custom<Duration>(
    (value) =>
      (typeof value === 'number' && value >= 0) || (typeof value === 'string' && DURATION.test(value)),
    "must be a duration: milliseconds, or a string such as '30s', '500ms', '10m' or '1h'",
  ),
  v.check(
    (value) => typeof value !== 'number' || value === 0 || value > LONGEST_SUSPECT_MS,
    ({ input }) =>
      `is ${String(input)} milliseconds as written: write '${String(input)}s' or '${String(input)}ms'`,
  ),
  v.transform((value) => (typeof value === 'number' ? value : ms(value as StringValue))),
)

/** The server keeps its timeouts as whole milliseconds in 32 bits (PostgreSQL manual 20.1.1). */
const LONGEST_ON_SERVER_MS = 2_147_483_647

export const serverDuration = v.pipe(
  duration,
  v.check(
    (value) => value <= LONGEST_ON_SERVER_MS,
    `must be at most ${LONGEST_ON_SERVER_MS} ms, which is as far as the server counts`,
  ),
  v.transform((value) => Math.ceil(value)),
)

export const text = v.string('must be a string')
export const someText = v.pipe(text, v.nonEmpty('must not be empty'))
export const trueOrFalse = v.boolean('must be true or false')

export const numberThat = (isValid: (value: number) => boolean, rule: string, kind = 'must be a number') =>
  v.pipe(v.number(kind), v.check(isValid, rule))

export const wholeNumber = (least: number) =>
  numberThat((value) => Number.isInteger(value) && value >= least, `must be a whole number, ${least} or more`)

export const wholeNumberOrInfinity = (least: number) =>
  numberThat(
    (value) => (Number.isInteger(value) || value === Infinity) && value >= least,
    `must be a whole number, ${least} or more, or Infinity`,
  )

export function callback<T>() {
  return v.custom<T>((value) => typeof value === 'function', 'must be a function')
}

export const checkOption = v.custom<boolean | ConnectionHook>(
  (value) => typeof value === 'boolean' || typeof value === 'function',
  'must be true, false or a function',
)

export const echoOption = v.custom<boolean | 'debug'>(
  (value) => typeof value === 'boolean' || value === 'debug',
  "must be true, false or 'debug'",
)

export function oneOf<const T extends string>(...values: T[]) {
  return v.picklist(values, `must be ${values.map((value) => `'${value}'`).join(' or ')}`)
}

export function isPlainObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  // A client of Prisma looks like one but for this.
  if (Object.prototype.toString.call(value) !== '[object Object]') return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** Options without those that are `undefined`, which are as good as not given. */
export function withoutUndefined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T
}
