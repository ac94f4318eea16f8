/**
 * From a URL and connection fields to what node-postgres wants, and the name of the server for messages.
 * Fields that are given win over the URL.
 */
import type { ClientConfig } from 'pg'
import { parse } from 'pg-connection-string'
import { CONNECTION_KEYS } from '../option-schema.js'
import type { ConnectionOptions, PgPool, ResolvedOptions } from '../options.js'
import { OptionsError } from '../pool/errors.js'

export interface ConnectionConfig {
  readonly client: ClientConfig
  readonly schema: string | undefined
  /** Host, port and database, as messages name them; never a password. */
  readonly target: string
}

/** Any of these says where to connect, as it does for psql. */
const ENVIRONMENT = ['PGHOST', 'PGPORT', 'PGDATABASE', 'PGUSER', 'PGSERVICE']

export function configFor({ connection, schema, pgPool }: ResolvedOptions): ConnectionConfig {
  return pgPool === undefined ? resolveConnection(connection, schema) : configOfPool(pgPool, schema)
}

export function resolveConnection(
  options: ConnectionOptions,
  schemaOption: string | undefined,
): ConnectionConfig {
  if (options.connectionString === undefined) requireSomeTarget(options)
  return merge(options, schemaOption)
}

/** What the pool of the user's connects to: for messages, and for a database beside that one. */
function configOfPool(pool: PgPool, schema: string | undefined): ConnectionConfig {
  const options = pool.options as ConnectionOptions
  try {
    const fields = Object.fromEntries(CONNECTION_KEYS.map((key) => [key, options[key]])) as ConnectionOptions
    const { connectionString, ...rest } = fields
    if (connectionString === undefined) return merge(rest, schema)
    // To node-postgres the URL wins over what stands beside it.
    const { schema: urlSchema, ...fromUrl } = parseUrl(connectionString)
    return merge({ ...rest, ...fromUrl }, schema ?? urlSchema)
  } catch {
    // node-postgres, which takes more than we do, may have made something of it all the same.
    return { client: {}, schema, target: "the server of the application's pg.Pool" }
  }
}

function merge(options: ConnectionOptions, schemaOption: string | undefined): ConnectionConfig {
  const { connectionString, ...fields } = withoutUndefined(options)
  const fromUrl = connectionString === undefined ? {} : parseUrl(connectionString)
  const { schema: urlSchema, ...urlFields } = fromUrl
  const schema = schemaOption ?? urlSchema
  const merged = { ...urlFields, ...fields } as ClientConfig
  refuseMisplacedSecrets(merged)
  // The form of dates must not depend on how the server is set up; what the user sets comes after and wins.
  const settings = ['-c DateStyle=ISO']
  if (schema !== undefined) settings.push(`-c search_path=${escapeOption(quoteIdentifier(schema))}`)
  if (merged.options !== undefined) settings.push(merged.options)
  return { client: { ...merged, options: settings.join(' ') }, schema, target: describeTarget(merged) }
}

/** The same server and session, another database. */
export function withDatabase(config: ConnectionConfig, database: string): ConnectionConfig {
  const client = { ...config.client, database }
  return { ...config, client, target: describeTarget(client) }
}

/**
 * What a URL may say. Not, for example, `binary`, which corrupts values (pg decodes binary fields as text), nor
 * `pipeline` or `stream`, which are ours to decide.
 */
const URL_KEYS: ReadonlySet<string> = new Set([
  'host',
  'port',
  'database',
  'user',
  'password',
  'ssl',
  'sslnegotiation',
  'application_name',
  'fallback_application_name',
  'options',
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
  'query_timeout',
  'client_encoding',
  'keepAlive',
  'keepAliveInitialDelayMillis',
  'schema',
])

function parseUrl(url: string): Record<string, unknown> & { schema?: string } {
  if (!/^(postgres|postgresql|socket):\/\//.test(url) && !url.startsWith('/')) {
    throw new OptionsError(
      '`connectionString` is not a PostgreSQL URL: it must begin with postgresql:// and look like ' +
        'postgresql://user:password@host:5432/database',
    )
  }
  let parsed: ReturnType<typeof parse>
  try {
    parsed = parse(url)
  } catch (error) {
    // A certificate or key that the URL names is read by the parser.
    const { code, path } = error as { code?: unknown; path?: unknown }
    if (typeof path === 'string') {
      throw new OptionsError(
        `\`connectionString\` names a file that cannot be read (${String(code)}): ${path}`,
      )
    }
    // The parser's own error may quote the URL, and with it the password.
    throw new OptionsError(
      '`connectionString` cannot be parsed: it must look like postgresql://user:password@host:5432/database; ' +
        'characters such as @ : / # % in the user or password must be percent-encoded, and the port is at most 65535',
    )
  }
  const known = Object.entries(parsed).filter(
    ([, value]) => value !== undefined && value !== null && value !== '',
  )
  const { port, schema, ...rest } = Object.fromEntries(known.filter(([key]) => URL_KEYS.has(key)))
  return {
    ...rest,
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(typeof schema === 'string' ? { schema } : {}),
  }
}

/** A password with a `/` in it, or a URL where a host belongs, would be told to everyone as part of an address. */
function refuseMisplacedSecrets({ host, database }: ClientConfig): void {
  if (host !== undefined && /[@\s]|:\/\//.test(host)) {
    throw new OptionsError('`host` is not the name of a host: a URL belongs into `connectionString`')
  }
  if (database?.includes('@') === true) {
    throw new OptionsError(
      '`connectionString` names a database with an @ in it: most likely the password has characters such as ' +
        '/ : @ # or %, which must be percent-encoded',
    )
  }
}

function requireSomeTarget(options: ConnectionOptions): void {
  const isNamed = (['host', 'database', 'user', 'stream'] as const).some((key) => options[key] !== undefined)
  if (isNamed || ENVIRONMENT.some((name) => process.env[name] !== undefined)) return
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

function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** In `options` of the startup packet a space ends an argument and a backslash escapes (manual 54.7, 34.1.2). */
function escapeOption(value: string): string {
  return value.replace(/[\\\s]/g, '\\$&')
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T
}
