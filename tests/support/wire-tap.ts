// Listens in on what clients say to a server (PostgreSQL manual 54.7, message formats): which messages, and how
// many of them the server had to answer before anything could go on.
import { connect, createServer, type Server, type Socket } from 'node:net'
import { Garbler } from './garbler.js'
import { addressOf, listen, urlBy } from './listening.js'
import { reset } from './reset.js'

const SYNC = 'S'
const QUERY = 'Q'
const PARSE = 'P'
/** The code of the message that asks for TLS. */
const SSL_REQUEST = 80_877_103

export class WireTap {
  #server: Server | undefined
  readonly #sockets = new Set<Socket>()
  #roundTrips = 0
  #texts: string[] = []
  #startup: Record<string, string> = {}
  readonly #garbler = new Garbler()
  readonly #answerGarbler = new Garbler()

  /** Listens on a free port, in front of the server that a database URL names; returns the URL by way of it. */
  async inFrontOf(url: string): Promise<string> {
    const server = createServer({ noDelay: true }, (client) => {
      const target = connect({ ...addressOf(url), noDelay: true })
      const reader = new Reader(
        (type, body) => this.#note(type, body),
        (body) => (this.#startup = parametersOf(body)),
      )
      client.on('data', (chunk: Buffer) => {
        reader.read(chunk)
        target.write(this.#garbler.garbled(chunk))
      })
      client.on('end', () => target.end())
      target.on('data', (chunk: Buffer) => client.write(this.#answerGarbler.garbled(chunk)))
      target.on('end', () => client.end())
      for (const socket of [client, target]) {
        this.#sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => {
          this.#sockets.delete(socket)
          client.destroy()
          target.destroy()
        })
      }
    })
    this.#server = server
    return urlBy(await listen(server), url)
  }

  /** What the last session was begun with. */
  get startup(): Readonly<Record<string, string>> {
    return this.#startup
  }

  /** What was said since the last time this was asked. */
  take(): { roundTrips: number; texts: string[] } {
    const taken = { roundTrips: this.#roundTrips, texts: this.#texts }
    this.#roundTrips = 0
    this.#texts = []
    return taken
  }

  /** Replaces a word, the first time that it is said, by another of the same length. */
  garble(word: string, by: string): void {
    this.#garbler.garble(word, by)
  }

  /** Replaces a word of the server's, the first time that it is said, by another of the same length. */
  garbleAnswer(word: string, by: string): void {
    this.#answerGarbler.garble(word, by)
  }

  /** Resets every connection, on both sides. */
  cut(): void {
    for (const socket of this.#sockets) reset(socket)
  }

  close(): void {
    this.#server?.close()
  }

  #note(type: string, body: Buffer): void {
    if (type === SYNC || type === QUERY) this.#roundTrips++
    if (type === QUERY) this.#texts.push(body.toString('utf8', 0, body.length - 1))
    if (type === PARSE) {
      const nameEnd = body.indexOf(0)
      this.#texts.push(body.toString('utf8', nameEnd + 1, body.indexOf(0, nameEnd + 1)))
    }
  }
}

/** Names and values in turn, each with a zero byte behind it. */
function parametersOf(body: Buffer): Record<string, string> {
  const texts = body.toString('utf8').split('\0')
  const names = texts.filter((name, index) => index % 2 === 0 && name !== '')
  return Object.fromEntries(names.map((name, index) => [name, texts[2 * index + 1] ?? '']))
}

/** Cuts a stream of bytes into messages; those before the session begins have no type. */
class Reader {
  readonly #onMessage: (type: string, body: Buffer) => void
  readonly #onStartup: (body: Buffer) => void
  #rest: Buffer = Buffer.alloc(0)
  #hasStarted = false

  constructor(onMessage: (type: string, body: Buffer) => void, onStartup: (body: Buffer) => void) {
    this.#onMessage = onMessage
    this.#onStartup = onStartup
  }

  read(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk])
    for (;;) {
      const offset = this.#hasStarted ? 1 : 0
      if (this.#rest.length < offset + 4) return
      const length = this.#rest.readInt32BE(offset)
      if (this.#rest.length < offset + length) return
      if (this.#hasStarted) {
        this.#onMessage(String.fromCharCode(this.#rest[0]!), this.#rest.subarray(5, 1 + length))
      } else if (this.#rest.readInt32BE(4) !== SSL_REQUEST) {
        this.#onStartup(this.#rest.subarray(8, length))
        this.#hasStarted = true
      }
      this.#rest = this.#rest.subarray(offset + length)
    }
  }
}
