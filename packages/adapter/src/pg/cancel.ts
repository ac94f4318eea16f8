/**
 * Asks the server to end the statement that a connection is running, over a connection of its own (PostgreSQL
 * manual 54.2.9, canceling requests in progress), by the same transport and TLS as the one it is about.
 */
import type { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import type { Client } from 'pg'
import type { Clock } from '../pool/clock.js'
import { backendKeyOf } from './client-state.js'

/** How long the server may take to take note. */
const CANCEL_MS = 2_000

/** What is used here of node-postgres' own `Connection`. */
export interface CancelWire extends EventEmitter {
  readonly stream: Duplex
  connect(portOrPath: number | string, host?: string): void
  requestSsl(): void
  cancel(processId: number, secretKey: number): void
}

/**
 * Resolves to whether nothing of the request is on its way any more, because the server has taken note or none was
 * sent: else it may hit what the connection runs next, whoever sends that. Never rejects; whether the statement did
 * end is for the caller to see.
 */
export function requestCancel(makeWire: () => CancelWire, client: Client, clock: Clock): Promise<boolean> {
  const { processId, secretKey } = backendKeyOf(client)
  const { host, port, ssl } = client
  return new Promise((resolve) => {
    let wire: CancelWire | undefined
    let isSent = false
    const end = (isOver: boolean): void => {
      timer.cancel()
      wire?.stream.destroy()
      resolve(isOver)
    }
    const timer = clock.setTimer(CANCEL_MS, () => end(!isSent), { keepAlive: true })
    const send = (made: CancelWire): void => {
      made.on('error', () => end(!isSent))
      // The server answers by closing the connection.
      made.once('end', () => end(true))
      made.once(ssl ? 'sslconnect' : 'connect', () => {
        isSent = true
        made.cancel(processId, secretKey)
      })
      if (ssl) made.once('connect', () => made.requestSsl())
      if (host.startsWith('/')) made.connect(`${host}/.s.PGSQL.${port}`)
      else made.connect(port, host)
    }
    try {
      wire = makeWire()
      send(wire)
    } catch {
      // A `stream` of the user's own may throw.
      end(!isSent)
    }
  })
}
