/**
 * Takes a connection URL apart, in libpq's meaning: who, where, which database, and the parameters. What the
 * parameters mean is for others to say. No message quotes the URL, because of the password in it.
 */
import { parse } from 'pg-connection-string'
import { OptionsError } from '../pool/errors.js'

export interface ConnectionUrl {
  readonly host?: string
  readonly port?: number
  readonly database?: string
  readonly user?: string
  readonly password?: string
  readonly parameters: ReadonlyMap<string, string>
}

const SCHEME = /^(?:postgres|postgresql|socket):\/\//
const SHAPE = 'postgresql://user:password@host:5432/database'
const ENCODE =
  'characters such as @ : / # % in the user or password must be percent-encoded, and the port is at most 65535'

export function parseConnectionUrl(url: string): ConnectionUrl {
  if (!SCHEME.test(url) && !url.startsWith('/')) {
    throw new OptionsError(
      `\`connectionString\` is not a PostgreSQL URL: it must begin with postgresql:// and look like ${SHAPE}`,
    )
  }
  const [, address = '', query = ''] = /^([^?]*)\??(.*)$/s.exec(url) ?? []
  // What is behind it would be dropped: of a password, with the host.
  if (address.includes('#')) throw unreadable()
  refuseSeveralHosts(/^[^/]*\/\/(?:[^/]*@)?([^/]*)/.exec(address)?.[1])
  const parameters = parametersOf(query)
  const found = { ...partsOf(address), ...partsIn(parameters) }
  refuseSeveralHosts(found.host)
  refuseMisplacedSecrets({ host: found.host, database: pathOf(address) })
  return { ...found, parameters }
}

type Parts = Omit<ConnectionUrl, 'parameters'>

function partsOf(address: string): Parts {
  let parsed: ReturnType<typeof parse>
  try {
    parsed = parse(address)
  } catch {
    // The parser's own error may quote the URL.
    throw unreadable()
  }
  return given({ ...parsed, database: databaseOf(address) ?? parsed.database })
}

/** Decoded to the last character: the parser leaves `%40`, `%2F` and their like as they are. */
function databaseOf(address: string): string | undefined {
  const path = pathOf(address)
  try {
    return path && decodeURIComponent(path)
  } catch {
    throw unreadable()
  }
}

/** What is behind the host, as it stands there. */
function pathOf(address: string): string | undefined {
  return /^postgres(?:ql)?:\/\/[^/]*\/(.*)$/s.exec(address)?.[1]
}

/** What may stand among the parameters instead; the name of the database is libpq's `dbname`, or pg's `db`. */
function partsIn(parameters: ReadonlyMap<string, string>): Parts {
  const database = parameters.get('dbname') ?? parameters.get('db')
  return given({ ...Object.fromEntries(parameters), database })
}

type Texts = { readonly [Part in keyof Parts]?: string | null | undefined }

/** Those that are not empty. */
function given({ host, port, database, user, password }: Texts): Parts {
  return {
    ...(host ? { host } : {}),
    ...(port ? { port: portOf(port) } : {}),
    ...(database ? { database } : {}),
    ...(user ? { user } : {}),
    ...(password ? { password } : {}),
  }
}

function parametersOf(query: string): ReadonlyMap<string, string> {
  const parameters = new Map(new URLSearchParams(query))
  // Else it is most likely a part of a password with a question mark in it, and not to be told.
  if (![...parameters.keys()].every((name) => /^[\w.-]+$/.test(name))) throw unreadable()
  return parameters
}

function portOf(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw unreadable()
  return port
}

function refuseSeveralHosts(host: string | undefined): void {
  if (host?.includes(',') !== true) return
  throw new OptionsError(
    '`connectionString` names several hosts: a pool has one server. Name the address that leads to the right ' +
      'one, such as that of a proxy or of the cluster; or let `connection` choose one for each new connection',
  )
}

/** A password with a `/` in it, or a URL where a host belongs, would be told to everyone as part of an address. */
export function refuseMisplacedSecrets({
  host,
  database,
}: {
  readonly host?: string | undefined
  readonly database?: string | undefined
}): void {
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

/** Quotes nothing of the URL. */
export function unreadable(): OptionsError {
  return new OptionsError(`\`connectionString\` cannot be parsed: it must look like ${SHAPE}; ${ENCODE}`)
}
