/** How far an attempt to connect has come, so that a timeout can name the question that was not answered. */
import { TLSSocket } from 'node:tls'
import type { Client } from 'pg'
import { handshakeOf } from './client-state.js'

const LOGIN = [
  'authenticationCleartextPassword',
  'authenticationMD5Password',
  'authenticationSASL',
  'authenticationOk',
]

interface Stage {
  /** The rest of a sentence that begins with the server. */
  readonly silence: string
  readonly advice: string
}

const CHECK_ADDRESS = 'Check the host and the firewall, or raise connectTimeout.'

const STAGES = {
  address: { silence: 'nothing accepted the connection', advice: CHECK_ADDRESS },
  tlsRequest: {
    silence: 'the server accepted the connection, but did not answer the TLS request (SSLRequest)',
    advice:
      'Does PostgreSQL listen there? If a proxy or pooler there cannot answer the request, try sslmode=disable.',
  },
  handshake: {
    silence: 'the server agreed to TLS, but did not finish the handshake',
    advice: 'A firewall or proxy may hold TLS back. If plain text is acceptable, try sslmode=disable.',
  },
  startup: {
    silence: 'the server accepted the connection, but did not answer the startup packet',
    advice:
      'What listens there may be not PostgreSQL, a pooler that is full, or a server that is overloaded. ' +
      'Check the port, or raise connectTimeout.',
  },
  login: {
    silence: 'the server began the login, but did not finish it',
    advice: 'The server may be overloaded, or wait for its own authentication service. Raise connectTimeout.',
  },
  session: {
    silence: 'the login succeeded, but the session was not ready in time',
    advice: 'Make `configure` faster, or raise connectTimeout.',
  },
} satisfies Record<string, Stage>

/** An attempt to connect took longer than `connectTimeout`. */
export class ConnectTimeoutError extends Error {
  override readonly name = 'ConnectTimeoutError'
  readonly code = 'ETIMEDOUT'
  readonly advice: string

  constructor(limitMs: number, { silence, advice }: Stage) {
    super(`no connection within ${limitMs} ms (connectTimeout): ${silence}`)
    this.advice = advice
  }
}

export class ConnectProgress {
  #stage: keyof typeof STAGES = 'address'

  /** Follows a client from before it connects; another one follows when the first attempt failed. */
  follow(client: Client): void {
    const { connection } = handshakeOf(client)
    this.#stage = 'address'
    connection.once('connect', () => (this.#stage = connection.ssl ? 'tlsRequest' : 'startup'))
    connection.once('sslconnect', () => {
      const { stream } = connection
      this.#stage = stream instanceof TLSSocket ? 'handshake' : 'startup'
      if (stream instanceof TLSSocket) stream.once('secureConnect', () => (this.#stage = 'startup'))
    })
    for (const event of LOGIN) connection.on(event, () => (this.#stage = 'login'))
    connection.once('readyForQuery', () => (this.#stage = 'session'))
  }

  timeoutError(limitMs: number): ConnectTimeoutError {
    return new ConnectTimeoutError(limitMs, STAGES[this.#stage])
  }
}
