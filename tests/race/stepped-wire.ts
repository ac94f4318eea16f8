// A wire on which nothing moves by itself: each chunk that a client or the server has sent arrives when a scheduler
// says so, in any order against whatever else it schedules; on one connection, and in one direction, in its own.
import { connect, createServer, type Server, type Socket } from 'node:net'
import type fc from 'fast-check'
import { addressOf, listen, urlBy } from '../support/listening.js'
import { reset } from '../support/reset.js'

export class SteppedWire {
  readonly #sockets = new Set<Socket>()
  #scheduler: fc.Scheduler | undefined
  #server: Server | undefined

  /** Listens in front of the server that a database URL names; returns the URL by way of it. */
  async inFrontOf(url: string): Promise<string> {
    this.#server = createServer({ noDelay: true }, (client) => {
      const target = connect({ ...addressOf(url), noDelay: true })
      this.#forward(client, target, 'to the server')
      this.#forward(target, client, 'from the server')
    })
    return urlBy(await listen(this.#server), url)
  }

  /** From now on the scheduler says what arrives; without one, everything arrives at once. */
  set scheduler(scheduler: fc.Scheduler | undefined) {
    this.#scheduler = scheduler
  }

  /** Every connection is gone, and what was on its way is lost. */
  cut(): void {
    for (const socket of this.#sockets) reset(socket)
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server?.close()
  }

  #forward(from: Socket, to: Socket, what: string): void {
    let last = Promise.resolve()
    const inTurn = (how: string, move: () => void): void => {
      last = last.then(() => this.#step(`${how} ${what}`)).then(move)
    }
    this.#sockets.add(from)
    from.on('data', (chunk: Buffer) => inTurn(`${chunk.length} bytes`, () => void to.write(chunk)))
    from.on('end', () => inTurn('end', () => to.end()))
    from.on('error', () => {})
    from.on('close', () => {
      this.#sockets.delete(from)
      inTurn('close', () => to.destroy())
    })
  }

  #step(label: string): Promise<void> {
    return this.#scheduler === undefined
      ? Promise.resolve()
      : this.#scheduler.schedule(Promise.resolve(), label)
  }
}
