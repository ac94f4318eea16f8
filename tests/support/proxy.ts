// A TCP proxy in front of a server, in this process, that fails as a network does when it is told to: it
// resets, ends, stalls, delays or refuses connections, accepts them and says nothing, or cuts them in the
// middle of a message.
import { connect, createServer, type Server, type Socket } from 'node:net'
import { addressOf, listen, urlBy } from './listening.js'
import { type Direction, Link } from './proxy-link.js'

export interface Target {
  readonly host: string
  readonly port: number
}

export class Proxy {
  #target: Target
  readonly #links = new Set<Link>()
  readonly #unanswered = new Set<Socket>()
  #server: Server | undefined
  #port = 0
  #accepted = 0
  #isDeaf = false
  #isStalled = false
  #delayMs = 0
  #bytesUntilCut: Record<Direction, number> = { toServer: Infinity, toClient: Infinity }

  constructor(target: Target) {
    this.#target = target
  }

  /** Listens on a free port, in front of the server that a database URL names. */
  static async inFrontOf(url: string): Promise<Proxy> {
    const proxy = new Proxy(addressOf(url))
    await proxy.listen()
    return proxy
  }

  /** The URL of the same database, by way of the proxy. */
  urlOf(url: string): string {
    return urlBy(this.#port, url)
  }

  get port(): number {
    return this.#port
  }

  /** Connections accepted since the beginning, those to cancel a request included. */
  get accepted(): number {
    return this.#accepted
  }

  /** Connections that clients have now, as far as the proxy has heard. */
  get open(): number {
    return [...this.#links].filter((link) => !link.isOver).length + this.#unanswered.size
  }

  /** Moves the address: new connections go to the server that the URL names, and existing connections stay. */
  moveTo(url: string): void {
    this.#target = addressOf(url)
  }

  /** Resets every connection, on both sides. */
  cut(): void {
    for (const link of this.#links) link.cut()
  }

  /** Ends every connection in good order, on both sides; what is on its way is lost. */
  fin(): void {
    for (const link of this.#links) link.fin()
  }

  /** A black hole: connections stay as they are, new ones are accepted, and nothing passes, not even an end. */
  stall(): void {
    this.#isStalled = true
    for (const link of this.#links) link.stall()
  }

  /** As a firewall that forgets: the connections of now become black holes, new ones are served. */
  forget(): void {
    for (const link of this.#links) link.stall()
  }

  /**
   * Reads no more from clients that are connected: what they send stays in their own kernel, but for what fits into
   * the receive buffer of the proxy.
   */
  stopReading(): void {
    for (const link of this.#links) link.stopReading()
  }

  /** Ends `stopReading`. */
  readOn(): void {
    for (const link of this.#links) link.readOn()
  }

  /** Ends `stall` and `forget`: what was held is sent on. */
  resume(): void {
    this.#isStalled = false
    for (const link of this.#links) link.resume()
  }

  /** What arrives from now on is sent on after so long, in each direction. */
  delay(ms: number): void {
    this.#delayMs = ms
  }

  /**
   * The first connection, of now or of later, over which so many more bytes pass in the direction is reset;
   * those bytes still arrive. One, and no other, unless this is called again. `Infinity` takes it back.
   */
  cutAfterBytes(count: number, direction: Direction): void {
    this.#bytesUntilCut[direction] = count
    for (const link of this.#links) link.cutAfterBytes(count, direction)
  }

  /** New connections are accepted and never answered. */
  deafen(): void {
    this.#isDeaf = true
  }

  /** Ends `deafen`: those it has left unanswered stay so, the next are served. */
  hear(): void {
    this.#isDeaf = false
  }

  /** New connections are refused; those that exist live on. */
  refuse(): void {
    // Its callback would wait for the connections to end; the port is closed at once.
    this.#server?.close()
    this.#server = undefined
  }

  /** Accepts connections, always on the same port. */
  async listen(): Promise<void> {
    if (this.#server !== undefined) return
    // An end is passed on as one, and not answered by another before the other side has said its own.
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client))
    this.#port = await listen(server, this.#port)
    this.#server = server
  }

  close(): void {
    this.refuse()
    this.cut()
    for (const socket of this.#unanswered) socket.destroy()
  }

  #accept(client: Socket): void {
    this.#accepted++
    if (this.#isDeaf) {
      this.#unanswered.add(client)
      client.on('error', () => {})
      client.once('close', () => this.#unanswered.delete(client))
      // Read, so that its end is noticed, which it is not told of in return.
      client.on('end', () => client.end()).resume()
      return
    }
    const server = connect({ ...this.#target, allowHalfOpen: true, noDelay: true })
    const link = new Link(client, server, {
      delayMs: () => this.#delayMs,
      onCutAfterBytes: (direction) => this.cutAfterBytes(Infinity, direction),
    })
    this.#links.add(link)
    link.onClosed = () => this.#links.delete(link)
    if (this.#isStalled) link.stall()
    for (const direction of ['toServer', 'toClient'] as const) {
      link.cutAfterBytes(this.#bytesUntilCut[direction], direction)
    }
  }
}
