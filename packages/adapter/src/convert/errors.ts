// From any failure to the error that Prisma knows: a DriverAdapterError, which it turns into its P-codes.
// The payload (`cause`) is public to users; the error it was made of is kept beside it, see `withOriginal`.

import { DriverAdapterError, isDriverAdapterError, type MappedError } from '@prisma/driver-adapter-utils'
import { isPoolError, type PoolError, type PoolErrorCode } from '../pool/errors.js'
import { TransactionClosedError } from './prisma-codes.js'
import { redact } from '../redact.js'
import { isServerError, mapServerError, messageWithAdvice, unmapped } from './sqlstates.js'

type Payload = DriverAdapterError['cause']

/**
 * The error to reject with at the boundary to Prisma. Never throws.
 *
 * An error that comes neither from the database nor from the way to it, such as a `TypeError`, is a bug,
 * ours or the user's: it is returned as it is, and Prisma passes it on untouched.
 *
 * The error that a DriverAdapterError was made of is its property `originalError`, not enumerable, so that
 * a debugger finds it and no log does.
 */
export function toDriverAdapterError(error: unknown): Error {
  if (!(typeof error === 'object' && error !== null)) {
    return new Error(`Thrown, but not an error: ${redact(String(error))}`)
  }
  if (isDriverAdapterError(error) && error.cause !== null) return error
  if (isPoolError(error) && error.code === 'POOL_LEASE') {
    return withOriginal(new TransactionClosedError(error.message, error.code), error)
  }
  const payload = isPoolError(error) ? mapPoolError(error) : mapConnectionError(error)
  return payload === undefined ? asError(error) : withOriginal(new DriverAdapterError(payload), error)
}

export function withOriginal(error: DriverAdapterError, original: unknown): DriverAdapterError {
  return Object.defineProperty(error, 'originalError', { value: original })
}

function asError(value: object): Error {
  return value instanceof Error || 'stack' in value
    ? (value as Error)
    : new Error('Thrown, but not an error', { cause: value })
}

/** A misused lease is a `TransactionClosedError`, see above. */
export const POOL_KINDS: Record<Exclude<PoolErrorCode, 'POOL_LEASE'>, (message: string) => MappedError> = {
  POOL_TIMEOUT: (cause) => ({ kind: 'TooManyConnections', cause }),
  POOL_TOO_MANY_REQUESTS: (cause) => ({ kind: 'TooManyConnections', cause }),
  POOL_CLOSED: () => ({ kind: 'ConnectionClosed' }),
  POOL_CONNECT: () => ({ kind: 'DatabaseNotReachable' }),
  // Carries a text that Prisma shows.
  POOL_OPTIONS: (message) => ({ kind: 'InvalidInputValue', message }),
}

function mapPoolError(error: PoolError): Payload {
  const message = redact(error.message)
  if ((error.code === 'POOL_TIMEOUT' || error.code === 'POOL_CONNECT') && error.cause !== undefined) {
    return mapConnectFailure(error.code, message, error.cause)
  }
  // A newer version of this package, in the same tree, may have codes that this one has not.
  const mapping = (POOL_KINDS as Partial<Record<PoolErrorCode, (message: string) => MappedError>>)[error.code]
  return { ...(mapping?.(message) ?? fatal(error.code, message)), ...originals(error.code, message) }
}

/** No connection could be made: what stands in the way matters, not that the pool waited for it. */
function mapConnectFailure(code: PoolErrorCode, message: string, cause: unknown): Payload {
  if (isPoolError(cause) && cause.cause !== undefined) return mapConnectFailure(code, message, cause.cause)
  const reason = messageOf(cause)
  const text = message.includes(reason) ? message : `${message}: ${reason}`
  const mapped = typeof cause === 'object' && cause !== null ? mapConnectionError(cause, true) : undefined
  // Not the database: a hook or a password function of the user threw.
  if (mapped === undefined) return { ...fatal(code, text), ...originals(code, text) }
  // To lose a connection while it is being made is not to reach the server; a pool that is over is just that.
  const isLost = mapped.kind === 'ConnectionClosed' || mapped.kind === 'SocketTimeout'
  const unreachable = isLost && !PG_POOL_ENDED.test(reason)
  return {
    ...(unreachable ? notReachable(cause as NodeError) : mapped),
    ...originals(mapped.originalCode, text),
  }
}

function fatal(code: string, message: string): MappedError {
  return unmapped({ code, severity: 'FATAL', message })
}

/** What happened between us and the server, or `undefined` if it is none of these. */
function mapConnectionError(error: object, isConnecting?: boolean): Payload | undefined {
  if (isServerError(error)) {
    return { ...mapServerError(error, isConnecting), ...originals(error.code, messageWithAdvice(error)) }
  }
  const nodeError = error as NodeError
  const mapped = mapTlsError(nodeError) ?? mapSocketError(nodeError) ?? mapBareMessage(nodeError)
  return (
    mapped && {
      ...mapped,
      ...originals(codeOf(nodeError) || codeOf(firstOfAggregate(nodeError)), messageOf(error)),
    }
  )
}

/** Of Node's errors, what is used here; each property may be missing. */
interface NodeError {
  readonly code?: unknown
  readonly message?: unknown
  readonly syscall?: unknown
  readonly address?: unknown
  readonly hostname?: unknown
  readonly host?: unknown
  readonly port?: unknown
  readonly errors?: unknown
}

const TLS_CODES =
  /^(ERR_SSL_|ERR_TLS_|EPROTO$|CERT_|CRL_|UNABLE_TO_|ERROR_IN_C|DEPTH_ZERO_SELF_SIGNED_CERT$|SELF_SIGNED_CERT_IN_CHAIN$|HOSTNAME_MISMATCH$|INVALID_(CA|PURPOSE)$)/
const TLS_MESSAGES = new Set([
  'The server does not support SSL connections',
  'There was an error establishing an SSL connection',
])

function mapTlsError(error: NodeError): MappedError | undefined {
  const isTls = TLS_CODES.test(codeOf(error)) || TLS_MESSAGES.has(messageOf(error))
  return isTls ? { kind: 'TlsConnectionError', reason: messageOf(error) } : undefined
}

/** A test holds docs/errors.md against them. */
export const SOCKET_KINDS: Record<string, 'DatabaseNotReachable' | 'ConnectionClosed' | 'SocketTimeout'> = {
  ECONNREFUSED: 'DatabaseNotReachable',
  ENOTFOUND: 'DatabaseNotReachable',
  EAI_AGAIN: 'DatabaseNotReachable',
  EHOSTUNREACH: 'DatabaseNotReachable',
  EHOSTDOWN: 'DatabaseNotReachable',
  ENETUNREACH: 'DatabaseNotReachable',
  ENETDOWN: 'DatabaseNotReachable',
  EADDRNOTAVAIL: 'DatabaseNotReachable',
  ENOENT: 'DatabaseNotReachable',
  EACCES: 'DatabaseNotReachable',
  ECONNRESET: 'ConnectionClosed',
  ECONNABORTED: 'ConnectionClosed',
  ENETRESET: 'ConnectionClosed',
  EPIPE: 'ConnectionClosed',
  ERR_STREAM_DESTROYED: 'ConnectionClosed',
  ERR_STREAM_WRITE_AFTER_END: 'ConnectionClosed',
  ETIMEDOUT: 'SocketTimeout',
}
const CONNECT_CALLS = new Set<unknown>(['connect', 'getaddrinfo'])
/** Codes of sockets only in a `connect`; elsewhere of files, such as a certificate that is not there. */
const FILE_CODES = new Set(['ENOENT', 'EACCES'])

function mapSocketError(error: NodeError): MappedError | undefined {
  const single = firstOfAggregate(error)
  const code = codeOf(single)
  const connecting = CONNECT_CALLS.has(single.syscall)
  const kind = SOCKET_KINDS[code]
  if (connecting || (kind === 'DatabaseNotReachable' && !FILE_CODES.has(code))) return notReachable(single)
  return kind === 'ConnectionClosed' || kind === 'SocketTimeout' ? { kind } : undefined
}

/** A name with several addresses fails with one error for each of them, and an empty message. */
function firstOfAggregate(error: NodeError): NodeError {
  const [first] = Array.isArray(error.errors) ? (error.errors as unknown[]) : []
  return typeof first === 'object' && first !== null ? first : error
}

function notReachable(error: NodeError): MappedError {
  const { address, hostname, host, port } = firstOfAggregate(error)
  const where = [address, hostname, host].find((name) => typeof name === 'string')
  return {
    kind: 'DatabaseNotReachable',
    ...(where !== undefined && { host: where }),
    ...(typeof port === 'number' && { port }),
  }
}

/** Of a `pg.Pool` of the user's. */
const PG_POOL_ENDED = /^Cannot use a pool after calling end on the pool$/

/** Errors of node-postgres and of its pool that have nothing but a message. */
const BARE_MESSAGES: readonly (readonly [RegExp, (message: string) => MappedError])[] = [
  [/^Connection terminated due to connection timeout$/, () => ({ kind: 'DatabaseNotReachable' })],
  [/^timeout expired$/, () => ({ kind: 'DatabaseNotReachable' })],
  [/^Connection terminated( unexpectedly)?$/, () => ({ kind: 'ConnectionClosed' })],
  [
    /^Client (has encountered a connection error|was closed) and is not queryable$/,
    () => ({ kind: 'ConnectionClosed' }),
  ],
  [/^Received unexpected \w+ message from backend\.$/, () => ({ kind: 'ConnectionClosed' })],
  [/^the server broke the protocol: /, () => ({ kind: 'ConnectionClosed' })],
  [PG_POOL_ENDED, () => ({ kind: 'ConnectionClosed' })],
  [/^timeout exceeded when trying to connect$/, (cause) => ({ kind: 'TooManyConnections', cause })],
  [/^Query read timeout$/, () => ({ kind: 'SocketTimeout' })],
  [/^SASL\b/, () => ({ kind: 'AuthenticationFailed' })],
]

function mapBareMessage(error: NodeError): MappedError | undefined {
  const message = messageOf(error)
  return BARE_MESSAGES.find(([pattern]) => pattern.test(message))?.[1](message)
}

function originals(
  code: string | undefined,
  message: string,
): Pick<Payload, 'originalCode' | 'originalMessage'> {
  return { originalCode: code || 'N/A', originalMessage: message }
}

function codeOf(error: NodeError): string {
  return typeof error.code === 'string' ? error.code : ''
}

function messageOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return redact(String(error))
  const { message, errors } = error as NodeError
  if (typeof message === 'string' && message !== '') return redact(message)
  return Array.isArray(errors) ? errors.map(messageOf).join('; ') : ''
}
