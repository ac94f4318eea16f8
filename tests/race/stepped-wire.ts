// A wire on which nothing moves by itself: each chunk that a client or the server has sent arrives when a scheduler
// says so, in any order against whatever else it schedules; on one connection, and in one direction, in its own.
import { connect, createServer, type Server, type Socket } from 'node:net'
import type fc from 'fast-check'
import { Garbler } from '../support/garbler.js'
import { addressOf, listen, urlBy } from '../support/listening.js'
import { reset } from '../support/reset.js'

/** What a COMMIT becomes that is spoiled. */
export const SPOILED = 'COMMAT'

export class SteppedWire {
  readonly #sockets = new Set<Socket>()
  readonly #garbler = new Garbler()
  #scheduler: fc.Scheduler | undefined
  #server: Server | undefined

  /** Listens in front of the server that a database URL names; returns the URL by way of it. */
  async inFrontOf(url: string): Promise<string> {
    this.#server = createServer({ noDelay: true }, (client) => {
      const target = connect({ ...addressOf(url), noDelay: true })
      this.#forward(client, target, 'to the server', (bytes) => this.#garbler.garbled(bytes))
      this.#forward(target, client, 'from the server', (bytes) => bytes)
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

  /** The next COMMIT is none to the server, and leaves its transaction open. */
  spoilCommit(): void {
    this.#garbler.garble('COMMIT', SPOILED)
  }

  /** What is yet to be spoiled is not. */
  spare(): void {
    this.#garbler.spare()
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server?.close()
  }

  #forward(from: Socket, to: Socket, what: string, pass: (bytes: Buffer) => Buffer): void {
    let last = Promise.resolve()
    const inTurn = (how: string, move: () => void): void => {
      last = last.then(() => this.#step(`${how} ${what}`)).then(move)
    }
    this.#sockets.add(from)
    from.on('data', (chunk: Buffer) => inTurn(`${chunk.length} bytes`, () => void to.write(pass(chunk))))
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
