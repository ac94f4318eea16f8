/**
 * What the parameters of a connection URL mean: those of libpq and node-postgres for the connection, those of
 * Prisma 6 for the pool. What has no effect here is warned of, once and by name.
 */
import { closest, distance } from 'fastest-levenshtein'
import type { ConnectionOptions, PoolOptions, RealPoolAdapterOptions } from '../options.js'
import { OptionsError } from '../pool/errors.js'
import { parseConnectionUrl, unreadable } from './connection-url.js'
import { SECURITY_PARAMETERS } from './security-parameters.js'
import { TLS_PARAMETERS } from './tls-config.js'

type Parameters = ReadonlyMap<string, string>
type Read<T> = (value: string, name: string) => T

const asNumber: Read<number> = (value, name) => {
  if (/^\d+$/.test(value)) return Number(value)
  throw new OptionsError(`\`${name}\` in the connection URL must be a whole number, 0 or more`)
}

const asBoolean: Read<boolean> = (value, name) => {
  if (/^(?:true|1|on|yes)$/i.test(value)) return true
  if (/^(?:false|0|off|no)$/i.test(value)) return false
  throw new OptionsError(`\`${name}\` in the connection URL must be true or false`)
}

/** Prisma 6 and libpq count in seconds. */
const asSeconds: Read<`${number}s`> = (value, name) => `${asNumber(value, name)}s`

/** Where 0 means there that a wait has no end. */
const asPatience: Read<`${number}s` | number> = (value, name) =>
  asNumber(value, name) === 0 ? Infinity : asSeconds(value, name)

const CONNECTION: Readonly<Record<string, Read<Partial<ConnectionOptions>>>> = {
  application_name: (value) => ({ application_name: value }),
  fallback_application_name: (value) => ({ fallback_application_name: value }),
  options: (value) => ({ options: value }),
  client_encoding: (value) => ({ client_encoding: value }),
  encoding: (value) => ({ client_encoding: value }),
  statement_timeout: (value, name) => ({ statement_timeout: asNumber(value, name) }),
  lock_timeout: (value, name) => ({ lock_timeout: asNumber(value, name) }),
  idle_in_transaction_session_timeout: (value, name) => ({
    idle_in_transaction_session_timeout: asNumber(value, name),
  }),
  query_timeout: (value, name) => ({ query_timeout: asNumber(value, name) }),
  keepAlive: (value, name) => ({ keepAlive: asBoolean(value, name) }),
  keepalives: (value, name) => ({ keepAlive: asBoolean(value, name) }),
  keepAliveInitialDelayMillis: (value, name) => ({ keepAliveInitialDelayMillis: asNumber(value, name) }),
  keepalives_idle: (value, name) => ({ keepAliveInitialDelayMillis: asNumber(value, name) * 1_000 }),
}

const POOL: Readonly<Record<string, Read<PoolOptions>>> = {
  connection_limit: (value, name) => ({ maxSize: asNumber(value, name) || Infinity }),
  pool_timeout: (value, name) => ({ timeout: asPatience(value, name) }),
  connect_timeout: (value, name) => ({ connectTimeout: asSeconds(value, name) }),
  max_connection_lifetime: (value, name) => ({ maxLifetime: asSeconds(value, name) }),
  max_idle_connection_lifetime: (value, name) => ({ maxIdle: asSeconds(value, name) }),
}

const OTHERS: Readonly<Record<string, Read<Partial<RealPoolAdapterOptions>>>> = {
  schema: (value) => ({ schema: value }),
  pgbouncer: (value, name) => ({ pooler: asBoolean(value, name) ? 'transaction' : 'none' }),
}

/** For what Prisma sends; a pool without it has nothing that they could be for. */
const STATEMENTS: Readonly<Record<string, Read<Partial<RealPoolAdapterOptions>>>> = {
  socket_timeout: (value, name) => ({ queryTimeout: asSeconds(value, name) }),
  statement_cache_size: (value, name) => ({ statementCacheSize: asNumber(value, name) }),
}

/** Parts of the address that may stand among the parameters, and what asks for nothing that is not so anyway. */
const SILENT = ['host', 'port', 'user', 'password', 'dbname', 'db', 'uselibpqcompat']

/** Known to libpq, node-postgres or Prisma 6, but without effect here; but for these values, which ask for nothing. */
const WITHOUT_EFFECT: Readonly<Record<string, readonly string[]>> = {
  passfile: [],
  sslsni: ['1'],
  sslcompression: ['0'],
  sslkeylogfile: [],
  target_session_attrs: ['any'],
  load_balance_hosts: ['disable'],
  gssdelegation: ['0'],
  krbsrvname: [],
  gsslib: [],
  replication: ['false', 'off', 'no', '0'],
  keepalives_interval: [],
  keepalives_count: [],
  tcp_user_timeout: ['0'],
  min_protocol_version: ['3.0'],
  max_protocol_version: ['3.0', 'latest'],
  binary: ['false', '0'],
  pipeline: ['false', '0'],
  stream: [],
  types: [],
}

/** They say where to connect: to go elsewhere instead would be worse than not to connect. */
const REFUSED: Readonly<Record<string, string>> = {
  service: 'service files are not read here: give the address itself',
  servicefile: 'service files are not read here: give the address itself',
  hostaddr: 'give the address as the host',
}

const KNOWN = [
  ...[CONNECTION, POOL, OTHERS, STATEMENTS, WITHOUT_EFFECT, REFUSED].flatMap((table) => Object.keys(table)),
  ...SILENT,
  ...TLS_PARAMETERS,
  ...SECURITY_PARAMETERS,
]

/** The connection fields that the parameters stand for. */
export function fieldsOf(parameters: Parameters): Partial<ConnectionOptions> {
  for (const [name, reason] of Object.entries(REFUSED)) {
    if (parameters.has(name)) throw new OptionsError(`\`${name}\` in the connection URL: ${reason}`)
  }
  return read(CONNECTION, parameters)
}

export interface UrlOptions extends Pick<
  RealPoolAdapterOptions,
  'queryTimeout' | 'statementCacheSize' | 'schema' | 'pooler'
> {
  readonly pool: PoolOptions
}

/** The options of the pool and the adapter that a URL has. */
export function optionsInUrl(url: string, isForAdapter: boolean): UrlOptions {
  const { parameters } = parseConnectionUrl(url)
  warnOfTheRest(url, parameters)
  const others = read(OTHERS, parameters)
  const pool = read(POOL, parameters)
  if (!isForAdapter) {
    for (const name of Object.keys(STATEMENTS)) {
      if (parameters.has(name)) warn(name, 'it is for the statements of Prisma, and a RealPool has none')
    }
    return { ...others, pool }
  }
  const { statementCacheSize, ...statements } = read(STATEMENTS, parameters)
  // As there, nothing is kept behind a pooler, whatever else the URL says.
  const isKept = statementCacheSize !== undefined && others.pooler !== 'transaction'
  return { ...others, ...statements, ...(isKept ? { statementCacheSize } : {}), pool }
}

/** Of a URL that comes too late for the pool: the pool is made, and Prisma has been told the schema. */
export function warnOfLateOptions(url: string, schema: string | undefined): void {
  const { parameters } = parseConnectionUrl(url)
  warnOfTheRest(url, parameters)
  for (const name of [...Object.keys(POOL), ...Object.keys(STATEMENTS), 'pgbouncer']) {
    if (parameters.has(name))
      warn(name, '`connection` returned it, which comes too late; give it as an option')
  }
  const late = parameters.get('schema')
  if (late === undefined || late === '' || late === (schema ?? 'public')) return
  throw new OptionsError('`schema` in a URL that `connection` returns comes too late: give it as an option')
}

function read<T extends object>(table: Readonly<Record<string, Read<T>>>, parameters: Parameters): T {
  const found = [...parameters].map(([name, value]) =>
    Object.hasOwn(table, name) && value !== '' ? table[name]?.(value, name) : undefined,
  )
  return Object.assign({}, ...found) as T
}

function warnOfTheRest(url: string, parameters: Parameters): void {
  for (const [index, name] of [...parameters.keys()].entries()) {
    if (!KNOWN.includes(name)) warnOfUnknown(url, name, index + 1)
    else if (
      Object.hasOwn(WITHOUT_EFFECT, name) &&
      WITHOUT_EFFECT[name]?.includes(parameters.get(name) ?? '') === false
    ) {
      warn(name)
    }
  }
}

/** `user:pass?word@host`: the question mark belongs to a password. */
const MISPLACED_PASSWORD = /^[^?@]*\?.*@/s

/** Its name may be a part of a password, so it is not told. */
function warnOfUnknown(url: string, name: string, place: number): void {
  if (MISPLACED_PASSWORD.test(url)) throw unreadable()
  const guess = closest(name, KNOWN)
  const isClose = distance(name, guess) <= Math.max(2, name.length / 3)
  const question = isClose ? `: did you mean \`${guess}\`?` : ''
  const where = `the parameter ${place} of the connection URL`
  warnOnce(name, `${where} is not known and has no effect${question}`)
}

const warned = new Set<string>()

function warn(name: string, more = ''): void {
  const rest = more === '' ? '' : `: ${more}`
  warnOnce(name, `\`${name}\` in the connection URL has no effect here${rest}`)
}

function warnOnce(name: string, message: string): void {
  if (warned.has(name)) return
  warned.add(name)
  process.emitWarning(message, { code: 'REAL_POOL_URL_PARAMETER' })
}
