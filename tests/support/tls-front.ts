// A server that speaks TLS in front of one that need not.
import { connect, createServer, type Server } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Certificate } from './certificates.js'
import { addressOf, listen } from './listening.js'

export class TlsFront {
  readonly #server: Server

  private constructor(
    server: Server,
    readonly port: number,
  ) {
    this.#server = server
  }

  /** Listens on a free port of 127.0.0.1, in front of the server that a database URL names. */
  static async inFrontOf(url: string, { cert, key }: Certificate): Promise<TlsFront> {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      // The client asks whether there is TLS, and begins with it when it is told so (PostgreSQL manual 54.2.11).
      socket.once('data', () => {
        socket.write('S')
        const client = new TLSSocket(socket, { isServer: true, cert, key })
        const target = connect(addressOf(url))
        client.pipe(target).pipe(client)
        for (const end of [client, target]) {
          end.on('error', () => {})
          end.on('close', () => (client.destroy(), target.destroy()))
        }
      })
    })
    return new TlsFront(server, await listen(server))
  }

  close(): void {
    this.#server.close()
  }
}
