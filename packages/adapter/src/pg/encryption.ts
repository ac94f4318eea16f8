/**
 * Steers how a client of node-postgres comes to its encryption, where libpq knows more than it does: going on in
 * plain text, trying the other way, and channel binding that must be.
 */
import { TLSSocket } from 'node:tls'
import type { Client } from 'pg'
import { handshakeOf } from './client-state.js'
import { codeOf } from './connect-failure.js'

/** What the server refuses a connection with that should be encrypted, or should not, or shows no certificate. */
const INVALID_AUTHORIZATION = '28000'
const NO_TLS = 'The server does not support SSL connections'
/** node-postgres says so of any other answer to the request for TLS: an error, or what is no answer at all. */
const NO_ANSWER = 'There was an error establishing an SSL connection'

/** A server without TLS answers the request for it with a single byte; then the connection itself is still good. */
export function acceptPlain(client: Client): void {
  const { connection } = handshakeOf(client)
  const requestSsl = connection.requestSsl.bind(connection)
  connection.requestSsl = () => {
    const { stream } = connection
    const listeners = stream.listeners('data')
    stream.removeAllListeners('data')
    stream.once('data', (answer: Buffer) => {
      if (answer.toString('latin1') !== 'N') {
        for (const listener of listeners) Reflect.apply(listener, stream, [answer])
        return
      }
      handshakeOf(client).ssl = false
      connection.ssl = false
      connection.attachListeners(stream)
      connection.emit('sslconnect')
    })
    requestSsl()
  }
}

/** Watches a client connect; tells of its failure whether the encryption, or the lack of it, may be the cause. */
export function watchEncryption(client: Client): (error: unknown) => boolean {
  const { connection } = handshakeOf(client)
  let isHandshaking = false
  connection.once('sslconnect', () => {
    const { stream } = connection
    if (!(stream instanceof TLSSocket)) return
    isHandshaking = true
    stream.once('secureConnect', () => (isHandshaking = false))
  })
  return (error) =>
    isHandshaking || codeOf(error) === INVALID_AUTHORIZATION || (error as Error).message === NO_ANSWER
}

/** Of two failures, the one that says more: not the one which says that the other way was the right one. */
export function tellingOf(first: unknown, second: unknown): unknown {
  const isBarred = codeOf(second) === INVALID_AUTHORIZATION || (second as Error).message === NO_TLS
  return isBarred ? first : second
}

/** Fails unless the server proves, bound to this very TLS connection, that it knows the password (RFC 5929). */
export function requireChannelBinding(client: Client, fail: (error: Error) => void): void {
  const { connection } = handshakeOf(client)
  let isOffered = false
  let isProven = false
  const refuse = (): void => {
    fail(new Error('the server did not offer channel binding, which channel_binding=require asks for'))
  }
  connection.on('authenticationSASL', ({ mechanisms }: { mechanisms: readonly string[] }) => {
    isOffered = mechanisms.includes('SCRAM-SHA-256-PLUS')
    if (!isOffered) refuse()
  })
  for (const event of ['authenticationCleartextPassword', 'authenticationMD5Password']) {
    connection.on(event, refuse)
  }
  connection.on('authenticationSASLFinal', () => (isProven = isOffered))
  connection.on('authenticationOk', () => {
    if (!isProven) refuse()
  })
}
