/**
 * Security parameters of libpq that this package does not support. A user who sets one relies on it, so the options are
 * refused rather than the parameter ignored.
 */
import { OptionsError } from '../pool/errors.js'

interface SecurityParameter {
  /** The environment variable that stands for it (manual 34.15). */
  readonly variable: string
  /** The values that ask for nothing. */
  readonly harmless: readonly string[]
  readonly instead: string
}

const REVOCATION = 'give the list as a field, `ssl: { ca, crl }`'

const PARAMETERS: Readonly<Record<string, SecurityParameter>> = {
  require_auth: {
    variable: 'PGREQUIREAUTH',
    harmless: [],
    instead:
      'channel_binding=require accepts SCRAM only, over TLS; sslmode=verify-full sends a password to no other server',
  },
  sslcrl: { variable: 'PGSSLCRL', harmless: [], instead: REVOCATION },
  sslcrldir: { variable: 'PGSSLCRLDIR', harmless: [], instead: REVOCATION },
  requirepeer: {
    variable: 'PGREQUIREPEER',
    harmless: [],
    instead: 'put the socket into a folder that only the account of the server can write to',
  },
  sslcertmode: {
    variable: 'PGSSLCERTMODE',
    harmless: ['allow'],
    instead: 'a client certificate is sent if `sslcert` names one, and never otherwise',
  },
  gssencmode: {
    variable: 'PGGSSENCMODE',
    harmless: ['disable', 'prefer'],
    instead: 'there is no GSSAPI encryption: use sslmode=verify-full',
  },
  requiressl: { variable: 'PGREQUIRESSL', harmless: ['0'], instead: 'write sslmode=require' },
}

export const SECURITY_PARAMETERS = Object.keys(PARAMETERS)

/**
 * The URL wins over the environment, as it does in libpq.
 *
 * @throws {@link OptionsError} for the first that asks for something.
 */
export function refuseSecurityParameters(parameters: ReadonlyMap<string, string>): void {
  for (const [name, { variable, harmless, instead }] of Object.entries(PARAMETERS)) {
    const inUrl = parameters.get(name)
    const value = inUrl ?? process.env[variable] ?? ''
    if (value === '' || harmless.includes(value)) continue
    const what =
      inUrl === undefined ? `\`${variable}\` in the environment` : `\`${name}\` in the connection URL`
    throw new OptionsError(`${what} is not supported, and it is refused because it protects you: ${instead}`)
  }
}
