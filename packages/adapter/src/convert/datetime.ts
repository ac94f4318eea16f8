// Dates and times between PostgreSQL's text and the ISO 8601 that JavaScript's Date reads and prints.
// Microseconds survive wherever the text does; only a Date object itself is limited to milliseconds.

import { DriverAdapterError } from '@prisma/driver-adapter-utils'

/** The greatest distance of a Date from 1970, in milliseconds. */
const DATE_LIMIT_MS = 8.64e15

/**
 * `infinity` reads as the last instant that a Date can hold and `-infinity` as the first; both are written
 * back as what they were. So comparisons come out right and an update loses nothing, whereas an Invalid
 * Date would make Prisma throw for every query that meets the row.
 */
const LAST_DAY = '+275760-09-13'
const FIRST_DAY = '-271821-04-20'

const PG_DATE = /^(\d{4,})(-\d\d-\d\d)( BC)?$/
const PG_TIMESTAMP =
  /^(\d{4,})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(\.\d+)?([+-]\d\d(?::\d\d(?::\d\d)?)?)?( BC)?$/
/** What other DateStyles print: those that say by themselves what is the day and what the month. */
const TIME = String.raw`(?<time>\d\d:\d\d:\d\d(?:\.\d+)?)`
const YEAR = String.raw`(?<year>\d{4,})`
const ZONE_AND_ERA = String.raw`(?: (?!BC)(?<zone>\S+))?(?<bc> BC)?`
const OTHER_STYLES = [
  String.raw`(?<day>\d\d)\.(?<month>\d\d)\.${YEAR}(?: ${TIME})?${ZONE_AND_ERA}`,
  String.raw`\w{3} (?<month>\w{3}) (?<day>\d\d) ${TIME} ${YEAR}${ZONE_AND_ERA}`,
  String.raw`\w{3} (?<day>\d\d) (?<month>\w{3}) ${TIME} ${YEAR}${ZONE_AND_ERA}`,
].map((style) => new RegExp(`^${style}$`))
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const PG_TIMETZ = /^(\d\d):(\d\d):(\d\d)(\.\d+)?([+-]\d\d(?::\d\d(?::\d\d)?)?)$/
const ISO = /^(\d{4}|[+-]\d{6})(-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(\.\d+)?(Z|[+-]\d\d(?::?\d\d)?)?)?$/

const SECONDS_PER_DAY = 86_400

export const INVALID_DATETIME_FORMAT = '22007'
const DATETIME_FIELD_OVERFLOW = '22008'

/** PostgreSQL's `date`, `2024-05-06` or `0044-03-15 BC`, as an ISO date. */
export function isoDate(text: string): string {
  if (text.length === 10 && text[4] === '-') return text
  if (text === 'infinity') return LAST_DAY
  if (text === '-infinity') return FIRST_DAY
  const [, year, monthDay = '', bc] = PG_DATE.exec(inIsoStyle(text)) ?? unreadable('date', text)
  const iso = isoYear(Number(year), bc) + monthDay
  return Date.parse(iso) < DATE_LIMIT_MS ? iso : tooLate('date', text)
}

/** PostgreSQL's `timestamp`, which Prisma takes to be in UTC. */
export function isoTimestamp(text: string): string {
  const plain = text.length <= 26 && text[4] === '-' && text[10] === ' ' && !text.endsWith('BC')
  return plain ? `${text.slice(0, 10)}T${text.slice(11)}+00:00` : isoInstant('timestamp', text)
}

/** PostgreSQL's `timestamptz`, printed in whatever time zone the session has, converted to UTC. */
export function isoTimestamptz(text: string): string {
  const utc = text.endsWith('+00') && text[4] === '-' && text[10] === ' '
  return utc ? `${text.slice(0, 10)}T${text.slice(11, -3)}+00:00` : isoInstant('timestamptz', text)
}

/**
 * PostgreSQL's `timetz` as the time of day in UTC, without an offset: Prisma appends `Z` to a time that it
 * reads in a raw query, so an offset left standing would make an Invalid Date.
 */
export function utcTime(text: string): string {
  const [, hours, minutes, seconds, fraction, offset] = PG_TIMETZ.exec(text) ?? unreadable('timetz', text)
  const total = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds) - offsetSeconds(offset)
  const inDay = (total + SECONDS_PER_DAY) % SECONDS_PER_DAY
  const parts = [Math.floor(inDay / 3600), Math.floor(inDay / 60) % 60, inDay % 60]
  return parts.map((part) => pad(part)).join(':') + (fraction ?? '')
}

function isoInstant(type: string, text: string): string {
  if (text === 'infinity') return `${LAST_DAY}T00:00:00.000+00:00`
  if (text === '-infinity') return `${FIRST_DAY}T00:00:00.000+00:00`
  const match = PG_TIMESTAMP.exec(inIsoStyle(text)) ?? unreadable(type, text)
  const [, year, month, day, hours, minutes, seconds, fraction = '', offset, bc] = match
  const date = new Date(0)
  date.setUTCFullYear(bc === undefined ? Number(year) : 1 - Number(year), Number(month) - 1, Number(day))
  date.setUTCHours(Number(hours), Number(minutes), Number(seconds) - offsetSeconds(offset))
  // The last instant itself stands for infinity.
  if (!(date.getTime() < DATE_LIMIT_MS)) return tooLate(type, text)
  return `${date.toISOString().slice(0, -'.000Z'.length)}${fraction}+00:00`
}

/** What another DateStyle prints, as `ISO` does; the text itself, where it does not say what it means. */
function inIsoStyle(text: string): string {
  for (const style of OTHER_STYLES) {
    const parts = style.exec(text)?.groups
    if (parts === undefined) continue
    const { year = '', month = '', day = '', time, zone, bc = '' } = parts
    const number = MONTHS.includes(month) ? pad(MONTHS.indexOf(month) + 1) : month
    const offset = isoOffset(zone)
    if (offset === undefined) break
    return `${year}-${number}-${day}${time === undefined ? '' : ` ${time}`}${offset}${bc}`
  }
  return text
}

/** Abbreviations other than these mean different offsets in different places: `IST` is Indian, Irish or Israel's. */
function isoOffset(zone = ''): string | undefined {
  if (zone === '') return ''
  if (zone === 'UTC' || zone === 'GMT') return '+00'
  const [, hours, minutes, seconds] = /^([+-]\d\d)(?::?(\d\d)(?::?(\d\d))?)?$/.exec(zone) ?? []
  return hours && [hours, minutes, seconds].filter((part) => part !== undefined).join(':')
}

/** ISO 8601 counts 1 BC as year 0, and writes years outside 0 to 9999 with a sign and six digits. */
function isoYear(year: number, bc: string | undefined): string {
  const astronomical = bc === undefined ? year : 1 - year
  if (astronomical >= 0 && astronomical <= 9999) return pad(astronomical, 4)
  return (astronomical < 0 ? '-' : '+') + pad(Math.abs(astronomical), 6)
}

function offsetSeconds(offset: string | undefined): number {
  if (offset === undefined) return 0
  const [hours = 0, minutes = 0, seconds = 0] = offset.slice(1).split(':').map(Number)
  return (offset.startsWith('-') ? -1 : 1) * (hours * 3600 + minutes * 60 + seconds)
}

/** A guess at `05/06/2024` could swap day and month, which nobody would notice. */
function unreadable(type: string, text: string): never {
  const message = `Cannot tell which ${type} '${text}' is: the session's DateStyle must be ISO.`
  throw inconsistentData(message, INVALID_DATETIME_FORMAT)
}

/** An Invalid Date would surface only where it is used, without a word of where it came from. */
function tooLate(type: string, text: string): never {
  const message = `The ${type} '${text}' is later than any Date of JavaScript: read it as text (${type}::text).`
  throw inconsistentData(message, DATETIME_FIELD_OVERFLOW)
}

function inconsistentData(cause: string, sqlState: string): DriverAdapterError {
  return new DriverAdapterError({
    kind: 'InconsistentColumnData',
    cause,
    originalCode: sqlState,
    originalMessage: cause,
  })
}

/**
 * A date in PostgreSQL's syntax, for the column type that Prisma names, if it names one.
 *
 * Everything but `date` and `time` has an explicit offset, as a value without one is read in the session's
 * time zone. All of PostgreSQL's date and time types accept the longest form and ignore what they lack,
 * so it also serves where the type is unknown. `undefined`: not a date.
 */
export function pgDateTime(value: Date | string, dbType: string | null | undefined): string | undefined {
  const moment = typeof value === 'string' ? momentOfIso(value) : momentOfDate(value)
  if (moment === undefined) return undefined
  const { date, time, era } = moment
  if (dbType === 'TIME') return time
  if (dbType === 'TIMETZ') return `${time}+00:00`
  if (moment.infinity !== undefined) return moment.infinity
  return dbType === 'DATE' ? date + era : `${date} ${time}+00:00${era}`
}

interface Moment {
  readonly date: string
  readonly time: string
  readonly era: '' | ' BC'
  readonly infinity?: 'infinity' | '-infinity'
}

function momentOfIso(text: string): Moment | undefined {
  const match = ISO.exec(text)
  if (match === null) return undefined
  const [, year = '', monthDay = '', hoursMinutes = '00:00', seconds = ':00', fraction = '', offset = 'Z'] =
    match
  // The usual case needs no calendar; PostgreSQL itself refuses a 30th of February.
  if (year.length === 4 && year !== '0000' && offset === 'Z') {
    return { date: year + monthDay, time: hoursMinutes + seconds + fraction, era: '' }
  }
  const fullOffset = offset.replace(
    /^([+-]\d\d):?(\d\d)?$/,
    (_, hours: string, minutes = '00') => `${hours}:${minutes}`,
  )
  return momentOfDate(new Date(`${year}${monthDay}T${hoursMinutes}${seconds}${fullOffset}`), fraction)
}

function momentOfDate(value: Date, fraction = fractionOf(value)): Moment | undefined {
  const ms = value.getTime()
  if (Number.isNaN(ms)) return undefined
  const year = value.getUTCFullYear()
  const date = `${pad(year > 0 ? year : 1 - year, 4)}-${pad(value.getUTCMonth() + 1)}-${pad(value.getUTCDate())}`
  const time = `${pad(value.getUTCHours())}:${pad(value.getUTCMinutes())}:${pad(value.getUTCSeconds())}${fraction}`
  const moment = { date, time, era: year > 0 ? '' : ' BC' } as const
  if (Math.abs(ms) < DATE_LIMIT_MS) return moment
  return { ...moment, infinity: ms > 0 ? 'infinity' : '-infinity' }
}

function fractionOf(value: Date): string {
  const ms = value.getUTCMilliseconds()
  return ms === 0 ? '' : `.${pad(ms, 3)}`
}

function pad(value: number, width = 2): string {
  return String(value).padStart(width, '0')
}
