// A server that answers every attempt to connect with an error of the test's choice, in whichever language: what a
// real one says only when it was built with translations, or is in a state that is hard to bring about.
import { createServer, type Server } from 'node:net'
import { listen } from './listening.js'

export interface Refusal {
  readonly severity: string
  readonly code: string
  readonly message: string
}

/** PostgreSQL manual 54.7: the request for TLS has this number in the place of a version. */
const SSL_REQUEST = 80877103

export class RefusingServer {
  readonly #server: Server

  private constructor(
    server: Server,
    readonly port: number,
  ) {
    this.#server = server
  }

  static async saying(refusal: Refusal): Promise<RefusingServer> {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.on('data', (chunk) => {
        if (chunk.readInt32BE(4) === SSL_REQUEST) socket.write('N')
        else socket.end(errorResponse(refusal))
      })
    })
    return new RefusingServer(server, await listen(server))
  }

  close(): void {
    this.#server.close()
  }
}

function errorResponse({ severity, code, message }: Refusal): Buffer {
  // V, the severity that is never translated, is there since PostgreSQL 9.6; node-postgres does not pass it on.
  const fields = { S: severity, V: 'FATAL', C: code, M: message }
  const body = Buffer.from(
    `${Object.entries(fields)
      .map(([type, text]) => `${type}${text}\0`)
      .join('')}\0`,
  )
  const head = Buffer.from('E\0\0\0\0')
  head.writeInt32BE(4 + body.length, 1)
  return Buffer.concat([head, body])
}
