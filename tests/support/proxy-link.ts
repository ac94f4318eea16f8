// One connection through the proxy: its two directions, and how each passes on, holds back or breaks off what
// the other side has said.
import type { Socket } from 'node:net'
import { reset } from './reset.js'

export type Direction = 'toServer' | 'toClient'

export interface LinkOptions {
  readonly delayMs: () => number
  readonly onCutAfterBytes: (direction: Direction) => void
}

/** One client's connection, and ours to the server on its behalf. */
export class Link {
  readonly #client: Socket
  readonly #server: Socket
  readonly #flows: Readonly<Record<Direction, Flow>>
  /** Called once both sides are closed. */
  onClosed = (): void => {}

  constructor(client: Socket, server: Socket, { delayMs, onCutAfterBytes }: LinkOptions) {
    this.#client = client
    this.#server = server
    const flow = (direction: Direction, from: Socket, to: Socket): Flow =>
      new Flow(from, to, {
        delayMs,
        onReset: () => this.cut(),
        onBytesPassed: () => onCutAfterBytes(direction),
      })
    this.#flows = { toServer: flow('toServer', client, server), toClient: flow('toClient', server, client) }
    let closed = 0
    for (const socket of [client, server]) {
      socket.once('close', () => {
        closed++
        if (closed === 2) this.onClosed()
      })
    }
  }

  /** Whether the client's side is closed. */
  get isOver(): boolean {
    return this.#client.destroyed
  }

  stall(): void {
    for (const flow of Object.values(this.#flows)) flow.stall()
  }

  resume(): void {
    for (const flow of Object.values(this.#flows)) flow.resume()
  }

  stopReading(): void {
    this.#client.pause()
  }

  readOn(): void {
    this.#client.resume()
  }

  cutAfterBytes(count: number, direction: Direction): void {
    this.#flows[direction].cutAfter(count)
  }

  cut(): void {
    this.#stop()
    reset(this.#client)
    reset(this.#server)
  }

  fin(): void {
    this.#stop()
    // Each side answers with an end of its own, and the socket closes.
    this.#client.end()
    this.#server.end()
  }

  #stop(): void {
    for (const flow of Object.values(this.#flows)) flow.stop()
  }
}

/** What one end of a connection has said: bytes, its end, or that it is gone without one. */
type Item = Buffer | 'end' | 'reset'

interface FlowOptions {
  readonly delayMs: () => number
  readonly onReset: () => void
  /** As many bytes have passed as were allowed; the reset follows. */
  readonly onBytesPassed: () => void
}

/** One direction of a link: what arrives on one socket leaves on the other, in order. */
class Flow {
  readonly #to: Socket
  readonly #options: FlowOptions
  readonly #held: { readonly item: Item; readonly dueAt: number }[] = []
  #timer: NodeJS.Timeout | undefined
  #isStalled = false
  #isStopped = false
  #bytesUntilCut = Infinity

  constructor(from: Socket, to: Socket, options: FlowOptions) {
    this.#to = to
    this.#options = options
    from.on('data', (chunk: Buffer) => this.#take(chunk))
    from.once('end', () => this.#take('end'))
    from.on('error', () => this.#take('reset'))
  }

  stall(): void {
    this.#isStalled = true
  }

  resume(): void {
    this.#isStalled = false
    this.#pass()
  }

  cutAfter(count: number): void {
    this.#bytesUntilCut = count
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
    this.#held.length = 0
  }

  #take(item: Item): void {
    if (this.#isStopped) return
    this.#held.push({ item, dueAt: performance.now() + this.#options.delayMs() })
    this.#pass()
  }

  #pass(): void {
    clearTimeout(this.#timer)
    while (!this.#isStalled && !this.#isStopped) {
      const [next] = this.#held
      if (next === undefined) return
      const remainingMs = next.dueAt - performance.now()
      if (remainingMs > 0) {
        this.#timer = setTimeout(() => this.#pass(), remainingMs)
        return
      }
      this.#held.shift()
      this.#send(next.item)
    }
  }

  #send(item: Item): void {
    if (item === 'reset') return this.#options.onReset()
    if (item === 'end') return void this.#to.end()
    if (item.length < this.#bytesUntilCut) {
      this.#bytesUntilCut -= item.length
      this.#to.write(item)
      return
    }
    const last = item.subarray(0, this.#bytesUntilCut)
    this.stop()
    this.#options.onBytesPassed()
    // Not before the bytes have left, for a reset discards what has not; and a while after, for a client of
    // Node's that reads the last bytes and a reset at once takes it for an end in good order.
    this.#to.write(last, () => setImmediate(() => setImmediate(() => this.#options.onReset())))
  }
}
