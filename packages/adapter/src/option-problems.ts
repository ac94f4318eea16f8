/** What is wrong with the options, in words: every problem with the option's name, the value and the fix. */
import { closest, distance } from 'fastest-levenshtein'
import * as v from 'valibot'
import { isPlainObject } from './option-values.js'

type Issue = v.BaseIssue<unknown>

/** The names of all options, for guessing what somebody meant. */
export interface KnownOptions {
  readonly top: readonly string[]
  /** The names in those that are objects themselves. */
  readonly within: Readonly<Record<string, readonly string[]>>
}

/** Their values are never printed. */
const SECRET_KEYS: ReadonlySet<string> = new Set(['connectionString', 'password', 'ssl', 'stream'])

export const NOT_AN_OPTION = 'is not an option'

export function problemsMessage(issues: readonly Issue[], known: KnownOptions): string {
  const problems = issues.map((issue) => describeProblem(issue, known))
  if (problems.length === 1) return `the options are not valid: ${problems[0] as string}`
  return `the options are not valid:\n${problems.map((problem) => `- ${problem}`).join('\n')}`
}

export function describeProblem(issue: Issue, known: KnownOptions): string {
  const path = v.getDotPath(issue) ?? ''
  if (issue.message === NOT_AN_OPTION) return describeUnknown(path, known)
  if (issue.type === 'loose_object') {
    return `the options must be a URL or an object, not ${print(issue.input)}`
  }
  // Also not printed: what stands there by mistake may be a URL.
  if (path === 'pool' && !isPlainObject(issue.input)) {
    return `\`pool\` ${issue.message}, not ${kindOf(issue.input)}`
  }
  const isSecret = SECRET_KEYS.has(path)
  const isObject = typeof issue.input === 'object'
  return `\`${path}\`${isSecret || isObject ? '' : ` (${print(issue.input)})`} ${issue.message}`
}

/** A name that is not printed may be a URL, or a part of one, that was spread or split by mistake. */
const PLAIN_NAME = /^[\w.-]{1,40}$/

/** What other pools call it. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  max: 'pool.maxSize',
  min: 'pool.minSize',
  poolSize: 'pool.maxSize',
  size: 'pool.maxSize',
  connection_limit: 'pool.maxSize',
  pool_timeout: 'pool.timeout',
  acquireTimeout: 'pool.timeout',
  connectionTimeoutMillis: 'pool.timeout (waiting for a connection) or pool.connectTimeout (making one)',
  connect_timeout: 'pool.connectTimeout',
  idleTimeoutMillis: 'pool.maxIdle',
  maxLifetimeSeconds: 'pool.maxLifetime',
  url: 'connectionString',
  username: 'user',
}

function describeUnknown(path: string, known: KnownOptions): string {
  const objects = Object.entries(known.within)
  const [object, names] = objects.find(([key]) => path.startsWith(`${key}.`)) ?? ['', known.top]
  const prefix = object === '' ? '' : `${object}.`
  const name = path.slice(prefix.length)
  if (!PLAIN_NAME.test(name)) {
    const place = object === '' ? '' : ` in \`${object}\``
    return `there is no such option${place}: an option whose name has ${name.length} characters`
  }
  // Whose options have no pool among them are not ours, but another library's.
  const otherName = 'pool' in known.within && Object.hasOwn(OTHER_NAMES, name) ? OTHER_NAMES[name] : undefined
  if (otherName !== undefined) return `\`${path}\` ${NOT_AN_OPTION}: it is called ${otherName} here`
  const [place] = objects.find(([, within]) => within.includes(name)) ?? []
  if (place !== undefined) return `\`${path}\` ${NOT_AN_OPTION} here: write it inside \`${place}\``
  const guess = names.find((other) => simplify(other) === simplify(name)) ?? closest(name, [...names])
  if (simplify(guess) === simplify(name) || distance(name, guess) <= Math.max(2, name.length / 3)) {
    return `\`${path}\` ${NOT_AN_OPTION}: did you mean \`${prefix}${guess}\`?`
  }
  return `\`${path}\` ${NOT_AN_OPTION}; there are: ${names.join(', ')}`
}

/** A name without the conventions of its language. */
function simplify(name: string): string {
  return name.replaceAll('_', '').toLowerCase()
}

/** Texts that are too short and too plain for a URL or a token. */
const PLAIN_TEXT = /^[\w.+-][\w .+-]{0,19}$/

/** Quotes no text that may be or hold a secret, only its type: users put secrets into the wrong options. */
function print(value: unknown): string {
  switch (typeof value) {
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(value)
    case 'string':
      return PLAIN_TEXT.test(value) ? `'${value}'` : `a string of ${value.length} characters`
    default:
      return value === null ? 'null' : kindOf(value)
  }
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  const tag = Object.prototype.toString.call(value).slice('[object '.length, -1)
  const className = tag === 'Object' ? (value as object).constructor.name : tag
  const name = typeof value === 'object' ? className : typeof value
  return `${/^[AEIOU]/i.test(name) ? 'an' : 'a'} ${name}`
}
