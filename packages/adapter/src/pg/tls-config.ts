/**
 * Whether a connection is encrypted, and whom it trusts: from `ssl*` of a URL in libpq's meaning (manual 34.19),
 * Prisma 6's `sslaccept` and `sslidentity`, the field `ssl` of node-postgres, and the environment.
 */
import { readFileSync } from 'node:fs'
import {
  type ConnectionOptions as TlsOptions,
  createSecureContext,
  type SecureContextOptions,
  type SecureVersion,
} from 'node:tls'
import type { ConnectionOptions } from '../options.js'
import { OptionsError } from '../pool/errors.js'

export type Encryption = 'tls' | 'plain'

export interface TlsPlan {
  /** In which order to try: the second only where the first fails for its encryption. */
  readonly attempts: readonly [Encryption, Encryption?]
  /** Whether to go on in plain text where the server says that it has no TLS. */
  readonly acceptsPlain: boolean
  readonly negotiation: 'postgres' | 'direct'
  readonly channelBinding: 'disable' | 'prefer' | 'require'
  /** For Node. Files are read for each connection, since certificates are renewed while a pool lives. */
  readonly options: () => TlsOptions
}

/** The parameters of a URL that are read here, and the variables that stand for them (manual 34.15). */
const VARIABLES: Readonly<Record<string, string | undefined>> = {
  ssl: undefined,
  sslmode: 'PGSSLMODE',
  sslrootcert: 'PGSSLROOTCERT',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
  sslpassword: undefined,
  sslnegotiation: 'PGSSLNEGOTIATION',
  channel_binding: 'PGCHANNELBINDING',
  ssl_min_protocol_version: 'PGSSLMINPROTOCOLVERSION',
  ssl_max_protocol_version: 'PGSSLMAXPROTOCOLVERSION',
  sslaccept: undefined,
  sslidentity: undefined,
}

export const TLS_PARAMETERS = Object.keys(VARIABLES)

const MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const
type Mode = (typeof MODES)[number]

/** How node-postgres says it; its `true` verifies. */
const MODE_OF_SSL = {
  true: 'verify-full',
  '1': 'verify-full',
  false: 'disable',
  '0': 'disable',
  'no-verify': 'no-verify',
} as const
const SSL_VALUES = ['true', '1', 'false', '0', 'no-verify'] as const

/** What is verified of the server's certificate: nothing, who signed it, or also the name of the host in it. */
type Verification = 'none' | 'authority' | 'full'

type Fields = Pick<ConnectionOptions, 'host' | 'ssl' | 'sslnegotiation' | 'enableChannelBinding' | 'stream'>

export function planTls(parameters: ReadonlyMap<string, string>, fields: Fields): TlsPlan {
  const settings = new Settings(parameters)
  const channelBinding = bindingOf(settings, fields)
  // Nobody else can listen to a socket of the file system (manual 34.19).
  const isLocal = fields.host?.startsWith('/') === true
  // Who brings a stream of his own knows whether it is encrypted; nothing in it is, unless he says so.
  const isUnasked = fields.stream !== undefined && fields.ssl === undefined && !settings.asksForTls
  const { mode, options } =
    fields.ssl === undefined ? fromSettings(settings) : fromField(fields.ssl, settings)
  const plan = { channelBinding, options }
  if (isLocal || isUnasked || mode === 'disable') {
    return { ...plan, attempts: ['plain'], acceptsPlain: false, negotiation: 'postgres' }
  }
  const negotiation = fields.sslnegotiation ?? settings.oneOf('sslnegotiation', ['postgres', 'direct'])
  if (negotiation === 'direct' && (mode === 'allow' || mode === 'prefer')) {
    throw new OptionsError(
      '`sslnegotiation=direct` needs an `sslmode` of require, verify-ca or verify-full: it has no plain text to fall back to',
    )
  }
  return {
    ...plan,
    attempts: attemptsOf(mode, settings.get('sslaccept') === 'strict'),
    acceptsPlain: mode === 'prefer',
    negotiation: negotiation ?? 'postgres',
  }
}

function attemptsOf(mode: Mode, isStrict: boolean): TlsPlan['attempts'] {
  if (mode === 'allow') return ['plain', 'tls']
  // A certificate that Prisma 6 would not have accepted is no reason to go on without any.
  return mode === 'prefer' && !isStrict ? ['tls', 'plain'] : ['tls']
}

/** The field decides alone whether there is TLS and whom to trust. */
function fromField(
  ssl: NonNullable<Fields['ssl']>,
  settings: Settings,
): { mode: Mode; options: () => TlsOptions } {
  if (ssl === false) return { mode: 'disable', options: () => ({}) }
  const given = ssl === true ? settings.versions() : ssl
  const options = () => withSecretsSealed(given)
  options()
  return { mode: 'require', options }
}

function fromSettings(settings: Settings): { mode: Mode; options: () => TlsOptions } {
  const mode = modeOf(settings)
  const verification = verificationOf(mode, settings)
  const options = () => {
    return {
      ...withSecretsSealed({ ...materialOf(settings), ...settings.versions() }),
      rejectUnauthorized: verification !== 'none',
      ...(verification === 'authority' ? { checkServerIdentity: () => undefined } : {}),
    }
  }
  // At once, so that a file that cannot be used is told when the pool is made.
  if (mode !== 'disable') options()
  return { mode, options }
}

function modeOf(settings: Settings): Mode {
  const isSystem = settings.get('sslrootcert') === 'system'
  const mode = settings.mode()
  if (mode !== undefined) {
    if (isSystem && mode !== 'verify-full' && mode !== 'disable') {
      throw new OptionsError(
        `\`sslrootcert=system\` needs \`sslmode=verify-full\`, not ${mode}: anybody can have a certificate that the system trusts`,
      )
    }
    if (mode === 'verify-ca' && settings.get('sslrootcert') === undefined) {
      throw new OptionsError(
        '`sslmode=verify-ca` needs `sslrootcert`, the file of the authority; or use `sslmode=verify-full`, which also checks the name of the host',
      )
    }
    return mode
  }
  // Who names an authority wants it to be asked. (For libpq that is so of `system` alone.)
  if (settings.get('sslrootcert') !== undefined) return 'verify-full'
  return settings.get('sslnegotiation') === 'direct' ? 'require' : 'prefer'
}

function verificationOf(mode: Mode, settings: Settings): Verification {
  if (mode === 'verify-full') return 'full'
  if (mode === 'verify-ca') return 'authority'
  if (settings.isUnverified) return 'none'
  const accept = settings.get('sslaccept')
  // As there, what is not known is taken for the stricter.
  if (accept !== undefined) return accept === 'accept_invalid_certs' ? 'none' : 'full'
  return settings.get('sslrootcert') === undefined ? 'none' : 'authority'
}

/** The files that are named: the authority, and our own certificate. */
function materialOf(settings: Settings): SecureContextOptions {
  const root = settings.get('sslrootcert')
  const [cert, key, identity] = ['sslcert', 'sslkey', 'sslidentity'].map((name) => settings.file(name))
  const passphrase = settings.get('sslpassword')
  // Of Prisma 6, which has no `sslkey`, `sslcert` is the authority.
  const isAuthority = cert !== undefined && key === undefined && root === undefined
  if (cert !== undefined && key === undefined && !isAuthority) {
    throw new OptionsError('`sslcert` needs `sslkey`, the file of its private key')
  }
  if (key !== undefined && cert === undefined) {
    throw new OptionsError('`sslkey` needs `sslcert`, the file of its certificate')
  }
  const ca = isAuthority ? cert : root === 'system' ? undefined : settings.file('sslrootcert')
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || isAuthority ? {} : { cert, key }),
    ...(identity === undefined ? {} : { pfx: identity }),
    ...(passphrase === undefined ? {} : { passphrase }),
  }
}

/** Keys and passphrases go where nobody can print them: the options of a socket are on show in the client. */
function withSecretsSealed(options: TlsOptions): TlsOptions {
  if (options.secureContext !== undefined) return options
  const { key, passphrase, pfx, ...rest } = options
  // To make a context takes milliseconds, and in vain where the server has no TLS.
  if (key === undefined && passphrase === undefined && pfx === undefined) return options
  try {
    return { ...rest, secureContext: createSecureContext(options) }
  } catch (error) {
    const { message } = error as Error
    throw new OptionsError(`the certificate, its key or its password cannot be used: ${message}`)
  }
}

function bindingOf(settings: Settings, { enableChannelBinding }: Fields): TlsPlan['channelBinding'] {
  if (enableChannelBinding !== undefined) return enableChannelBinding ? 'prefer' : 'disable'
  return settings.oneOf('channel_binding', ['disable', 'prefer', 'require']) ?? 'disable'
}

/** What the URL says, else the environment. */
class Settings {
  readonly #parameters: ReadonlyMap<string, string>

  constructor(parameters: ReadonlyMap<string, string>) {
    this.#parameters = parameters
  }

  get(name: string): string | undefined {
    const variable = VARIABLES[name]
    const value = this.#parameters.get(name) ?? (variable === undefined ? undefined : process.env[variable])
    return value === '' ? undefined : value
  }

  oneOf<const T extends string>(name: string, values: readonly T[]): T | undefined {
    const value = this.get(name)
    if (value === undefined || (values as readonly string[]).includes(value)) return value as T | undefined
    throw new OptionsError(`\`${name}\` must be one of ${values.join(', ')}`)
  }

  mode(): Mode | undefined {
    const stated = this.#stated()
    return stated === 'no-verify' ? 'require' : stated
  }

  get isUnverified(): boolean {
    return this.#stated() === 'no-verify'
  }

  /** The environment has a say only where the URL has neither. */
  #stated(): Mode | 'no-verify' | undefined {
    const ssl = this.#parameters.get('sslmode') ? undefined : this.oneOf('ssl', SSL_VALUES)
    return ssl === undefined ? this.oneOf('sslmode', [...MODES, 'no-verify']) : MODE_OF_SSL[ssl]
  }

  get asksForTls(): boolean {
    return TLS_PARAMETERS.some((name) => name.startsWith('ssl') && this.get(name) !== undefined)
  }

  versions(): { minVersion?: SecureVersion; maxVersion?: SecureVersion } {
    const known = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const
    const minVersion = this.oneOf('ssl_min_protocol_version', known)
    const maxVersion = this.oneOf('ssl_max_protocol_version', known)
    return {
      ...(minVersion === undefined ? {} : { minVersion }),
      ...(maxVersion === undefined ? {} : { maxVersion }),
    }
  }

  file(name: string): Buffer | undefined {
    const path = this.get(name)
    if (path === undefined) return undefined
    try {
      return readFileSync(path)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? ''
      throw new OptionsError(`\`${name}\` names a file that cannot be read (${code}): ${path}`)
    }
  }
}
