/**
 * From a URL and connection fields to what node-postgres wants, and the name of the server for messages.
 * Fields that are given win over the URL.
 */
import type { ClientConfig } from 'pg'
import { parse } from 'pg-connection-string'
import { CONNECTION_KEYS } from '../connection-schema.js'
import { parseConnection } from '../option-schema.js'
import { withoutUndefined } from '../option-values.js'
import type { ConnectionOptions, ConnectionProvider, PgPool } from '../options.js'
import type { ResolvedOptions } from '../resolved-options.js'
import { OptionsError } from '../pool/errors.js'
import { parseConnectionUrl, refuseMisplacedSecrets } from './connection-url.js'
import { quoteIdentifier } from './identifier.js'
import { refuseSecurityParameters } from './security-parameters.js'
import { planTls, type TlsPlan } from './tls-config.js'
import { fieldsOf, warnOfLateOptions } from './url-options.js'

/** What one connection is made with. */
export interface SessionConfig {
  readonly client: ClientConfig
  /** How it is encrypted; `undefined`: as node-postgres makes it of `client`. */
  readonly tls: TlsPlan | undefined
  /** Host, port and database, as messages name them; never a password. */
  readonly target: string
}

export interface ConnectionConfig {
  readonly schema: string | undefined
  /** As far as it is known before the first connection. */
  readonly target: string
  /** What the next connection is made with: always the same, unless the user names it anew each time. */
  readonly next: () => SessionConfig | Promise<SessionConfig>
}

type Pooler = ResolvedOptions['pooler']

/** Any of these says where to connect, as it does for node-postgres. */
const ENVIRONMENT = ['PGHOST', 'PGPORT', 'PGDATABASE', 'PGUSER']

export function configFor({
  connection,
  provider,
  schema,
  pooler,
  pgPool,
}: ResolvedOptions): ConnectionConfig {
  refuseNul({ schema })
  if (pgPool !== undefined) return configOfPool(pgPool, schema)
  if (provider === undefined) return fixed(resolveConnection(connection, schema, pooler), schema)
  if (connection.connectionString !== undefined) {
    throw new OptionsError('`connection` and `connectionString` both say where to connect: give one of them')
  }
  return {
    schema,
    target: 'the server that `connection` names',
    next: () => provide(provider, connection, schema, pooler),
  }
}

function fixed(session: SessionConfig, schema: string | undefined): ConnectionConfig {
  return { schema, target: session.target, next: () => session }
}

/** The same server and session, another database. */
export function withDatabase(config: ConnectionConfig, database: string): ConnectionConfig {
  const rename = (session: SessionConfig): SessionConfig => {
    const client = { ...session.client, database }
    return { ...session, client, target: describeTarget(client) }
  }
  return {
    ...config,
    next: () => {
      const session = config.next()
      return session instanceof Promise ? session.then(rename) : rename(session)
    },
  }
}

async function provide(
  provider: ConnectionProvider,
  fields: ConnectionOptions,
  schema: string | undefined,
  pooler: Pooler,
): Promise<SessionConfig> {
  const provided = await provider()
  const given = typeof provided === 'string' ? { connectionString: provided } : parseConnection(provided)
  const options = { ...fields, ...withoutUndefined(given) }
  if (options.connectionString !== undefined) {
    warnOfLateOptions(options.connectionString, schema)
  }
  return resolveConnection(options, schema, pooler)
}

/** @throws {@link OptionsError} where it is not clear where to connect, or how. */
export function resolveConnection(
  options: ConnectionOptions,
  schema: string | undefined,
  pooler: Pooler = 'none',
): SessionConfig {
  const { connectionString, ...fields } = withoutUndefined(options)
  if (connectionString === undefined) requireSomeTarget(options)
  const url = connectionString === undefined ? undefined : parseConnectionUrl(connectionString)
  const { parameters = new Map<string, string>(), ...address } = url ?? {}
  refuseSecurityParameters(parameters)
  const merged = { ...address, ...fieldsOf(parameters), ...fields } as ClientConfig
  refuseMisplacedSecrets({ host: merged.host })
  refuseNul(merged)
  const host = merged.host ?? process.env['PGHOST']
  const settings = sessionSettings(schema, merged.options ?? process.env['PGOPTIONS'], pooler)
  return {
    client: { ...merged, ...(settings === '' ? {} : { options: settings }) },
    tls: planTls(parameters, { ...fields, ...(host === undefined ? {} : { host }) }),
    target: describeTarget(merged),
  }
}

/** What the startup packet sets, at no cost. A pooler that shares sessions refuses that: there is the user's alone. */
function sessionSettings(schema: string | undefined, given: string | undefined, pooler: Pooler): string {
  const settings: string[] = []
  if (pooler === 'none') {
    // The form of dates, the digits of floats, and NULL in lists must not depend on how the server is set up.
    settings.push('-c DateStyle=ISO', '-c extra_float_digits=1', '-c array_nulls=on')
    if (schema !== undefined) settings.push(`-c search_path=${escapeOption(quoteIdentifier(schema))}`)
  }
  // What the user sets comes after, and wins.
  if (given !== undefined && given !== '') settings.push(given)
  return settings.join(' ')
}

/** What the pool of the user's connects to: for messages, and for a database beside that one. */
function configOfPool(pool: PgPool, schemaOption: string | undefined): ConnectionConfig {
  const options = pool.options as ConnectionOptions
  const { connectionString, ...fields } = withoutUndefined(
    Object.fromEntries(CONNECTION_KEYS.map((key) => [key, options[key]])) as ConnectionOptions,
  )
  try {
    // As node-postgres does it: there, the URL wins over the fields, and `sslmode` has a meaning of its own.
    const url = connectionString === undefined ? {} : withoutEmpty(parse(connectionString))
    const { schema, ...merged } = { ...fields, ...url } as ClientConfig & { schema?: string }
    refuseMisplacedSecrets(merged)
    const named = schemaOption ?? schema
    const client = {
      ...merged,
      options: sessionSettings(named, merged.options ?? process.env['PGOPTIONS'], 'none'),
    }
    return fixed({ client, tls: undefined, target: describeTarget(client) }, named)
  } catch {
    // node-postgres, which takes more than we do, may have made something of it all the same.
    const target = "the server of the application's pg.Pool"
    return fixed({ client: {}, tls: undefined, target }, schemaOption)
  }
}

/** In the startup packet it ends a text (manual 54.7): what is behind it would set another parameter, such as the user. */
function refuseNul(fields: object): void {
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === 'string' && value.includes('\0')) {
      throw new OptionsError(`\`${name}\` has the character U+0000, which PostgreSQL cannot be given`)
    }
  }
}

function requireSomeTarget(options: ConnectionOptions): void {
  const isNamed = (['host', 'database', 'user', 'stream'] as const).some((key) => options[key] !== undefined)
  if (isNamed || ENVIRONMENT.some((name) => process.env[name] !== undefined)) return
  if (process.env['PGSERVICE'] !== undefined) {
    throw new OptionsError(
      'PGSERVICE names a service, but service files are not read here: give `connectionString`, or `host` and `database`',
    )
  }
  const found =
    'connectionString' in options ? '`connectionString` is undefined' : '`connectionString` is missing'
  throw new OptionsError(
    `${found}: give the URL of the database (is DATABASE_URL set, and loaded before this runs?), ` +
      'or at least one of `host`, `database` and `user`',
  )
}

function describeTarget({ host, port, database }: ClientConfig): string {
  const address = host ?? process.env['PGHOST'] ?? 'localhost'
  const portNumber = port ?? process.env['PGPORT'] ?? 5432
  const name = database ?? process.env['PGDATABASE']
  return `${address}:${portNumber}${name === undefined ? '' : `/${name}`}`
}

/** In `options` of the startup packet a space ends an argument and a backslash escapes (manual 54.7, 34.1.2). */
function escapeOption(value: string): string {
  return value.replace(/[\\\s]/g, '\\$&')
}

function withoutEmpty(parsed: object): object {
  return Object.fromEntries(
    Object.entries(parsed)
      .filter(([, value]) => value !== undefined && value !== null && value !== '')
      .map(([key, value]) => [key, key === 'port' ? Number(value) : value] as const),
  )
}
