/** What a failure to connect means: what happened, where, what to do, and whether trying again can help. */
import type { ConnectFailure } from '../pool/types.js'
import { ConnectTimeoutError } from './connect-progress.js'
import { redact } from '../redact.js'

interface Advice {
  readonly isPermanent: boolean
  readonly advice: string
}

/** A function of the user's failed, `connection` or `password`: whoever waits hears of it at once. */
export class CredentialsError extends Error {
  override readonly name = 'CredentialsError'
}

const GIVE_AUTHORITY = 'Name the file of the certificate authority in sslrootcert, or give it in ssl.ca.'

/** By SQLSTATE, or the code of a socket or TLS error. */
const ADVICE: Readonly<Record<string, Advice>> = {
  '28P01': { isPermanent: true, advice: 'Check the user and the password.' },
  '28000': { isPermanent: true, advice: "Check the user, and the server's pg_hba.conf." },
  '3D000': { isPermanent: true, advice: 'Check the name of the database, or create it.' },
  '42501': { isPermanent: true, advice: 'The user lacks the right to connect to this database.' },
  '53300': { isPermanent: false, advice: 'Lower maxSize, or raise max_connections on the server.' },
  '57P03': { isPermanent: false, advice: 'The server is starting up or shutting down.' },
  ECONNREFUSED: { isPermanent: false, advice: 'Is the server running there, and listening on that address?' },
  ENOTFOUND: { isPermanent: false, advice: 'Check the name of the host.' },
  EAI_AGAIN: { isPermanent: false, advice: 'The name of the host could not be looked up just now.' },
  ENOENT: { isPermanent: false, advice: 'There is no socket at that path: is the server running?' },
  ETIMEDOUT: { isPermanent: false, advice: 'Check the host and the firewall, or raise connectTimeout.' },
  DEPTH_ZERO_SELF_SIGNED_CERT: { isPermanent: true, advice: GIVE_AUTHORITY },
  SELF_SIGNED_CERT_IN_CHAIN: { isPermanent: true, advice: GIVE_AUTHORITY },
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: { isPermanent: true, advice: GIVE_AUTHORITY },
  ERR_TLS_CERT_ALTNAME_INVALID: { isPermanent: true, advice: 'The certificate is for another host name.' },
  CERT_HAS_EXPIRED: { isPermanent: true, advice: "Renew the server's certificate." },
}

/** node-postgres raises some failures without a code. */
const ADVICE_BY_MESSAGE: ReadonlyArray<readonly [RegExp, Advice]> = [
  [
    /does not support SSL/,
    { isPermanent: true, advice: 'Use sslmode=prefer or disable, or turn TLS on there.' },
  ],
  [
    /channel binding/,
    { isPermanent: true, advice: 'Leave out channel_binding, or connect by TLS with SCRAM.' },
  ],
  [
    /unsupported startup parameter/,
    {
      isPermanent: true,
      advice:
        "A pooler refuses what the session asks for: set pooler: 'transaction', and leave out that setting.",
    },
  ],
  [/password must be a string/i, { isPermanent: true, advice: 'The server wants a password: give one.' }],
]

export function explainConnectFailure(target: string, error: unknown): ConnectFailure {
  const cause = firstOf(error)
  const { isPermanent, advice } = adviceFor(cause) ?? { isPermanent: false, advice: '' }
  const message = `could not connect to ${target}: ${messageOf(cause)}`
  return { isPermanent, message: advice === '' ? message : `${message}. ${advice}` }
}

/** A host with several addresses fails with one error for each, and the first is enough. */
function firstOf(error: unknown): unknown {
  return error instanceof AggregateError && error.errors.length > 0 ? (error.errors[0] as unknown) : error
}

/** Whatever a function of the user's throws. */
export function messageOf(error: unknown): string {
  if (typeof error === 'string') return redact(error)
  // Not by its class: an error may come from another realm.
  const message = (error as { message?: unknown } | null | undefined)?.message
  return typeof message === 'string' ? redact(message) : typeof error
}

/** An SQLSTATE, or the code of a socket or TLS error. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' ? code : undefined
}

function adviceFor(error: unknown): Advice | undefined {
  if (error instanceof CredentialsError) return { isPermanent: true, advice: '' }
  if (error instanceof ConnectTimeoutError) return { isPermanent: false, advice: error.advice }
  const code = codeOf(error)
  if (code !== undefined && Object.hasOwn(ADVICE, code)) return ADVICE[code]
  const message = messageOf(error)
  return ADVICE_BY_MESSAGE.find(([pattern]) => pattern.test(message))?.[1]
}
