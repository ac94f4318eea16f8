// A server's answers, rewritten message by message on their way to the client (PostgreSQL manual 54.7).
import { connect, createServer, type Server, type Socket } from 'node:net'
import { addressOf, listen, urlBy } from './listening.js'

/** Returns another body for a message of the server: its type, and its body without the length. */
export type Rewrite = (type: string, body: Buffer) => Buffer

const HEADER_BYTES = 5

export class Rewriter {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** The messages are left as they are until a test sets it. */
  rewrite: Rewrite = (_type, body) => body

  private constructor(server: Server) {
    this.#server = server
  }

  /** Listens on a free port; returns the rewriter, and the URL of the same database by way of it. */
  static async inFrontOf(url: string): Promise<{ rewriter: Rewriter; url: string }> {
    const server = createServer({ noDelay: true })
    const rewriter = new Rewriter(server)
    server.on('connection', (client) => rewriter.#relay(client, url))
    const plain = new URL(urlBy(await listen(server), url))
    // The answer to a request for TLS has no length.
    plain.searchParams.set('sslmode', 'disable')
    return { rewriter, url: plain.href }
  }

  #relay(client: Socket, url: string): void {
    const target = connect({ ...addressOf(url), noDelay: true })
    let rest = Buffer.alloc(0)
    client.pipe(target)
    target.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk])
      for (;;) {
        const length = rest.length < HEADER_BYTES ? Infinity : 1 + rest.readUInt32BE(1)
        if (rest.length < length) return
        this.#pass(client, rest.subarray(0, length))
        rest = rest.subarray(length)
      }
    })
    for (const socket of [client, target]) {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#sockets.delete(socket)
        client.destroy()
        target.destroy()
      })
    }
  }

  #pass(client: Socket, message: Buffer): void {
    const body = this.rewrite(message.toString('latin1', 0, 1), message.subarray(HEADER_BYTES))
    const header = Buffer.from(message.subarray(0, HEADER_BYTES))
    header.writeUInt32BE(body.length + HEADER_BYTES - 1, 1)
    client.write(Buffer.concat([header, body]))
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }
}

/** The body of a message that is one text. */
export function textBody(text: string): Buffer {
  return Buffer.from(`${text}\0`)
}
