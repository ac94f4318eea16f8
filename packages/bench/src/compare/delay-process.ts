/**
 * A proxy in a process of its own: whatever arrives leaves again after half a round trip, in each direction, as
 * much of it as there is. It also counts how often clients wait for an answer before they go on.
 */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { Alarm } from './alarm.js'
import { answerQuestions } from './messages.js'

export interface DelayArguments {
  readonly host: string
  readonly port: number
}

export type DelayQuestion =
  | { readonly kind: 'delay'; readonly oneWayMs: number }
  /** What has happened since the last time that this was asked. */
  | { readonly kind: 'take' }

export interface Traffic {
  readonly connections: number
  /** How often a client has spoken after the server had, or for the first time. */
  readonly roundTrips: number
}

class DelayLine {
  readonly #alarm = new Alarm(() => this.#deliver())
  readonly #held: { readonly moment: bigint; readonly deliver: () => void }[] = []
  delay = 0n

  /** As all wait equally long, they leave in the order in which they came. */
  add(deliver: () => void): void {
    if (this.delay === 0n) return deliver()
    const moment = process.hrtime.bigint() + this.delay
    if (this.#held.push({ moment, deliver }) === 1) this.#alarm.set(moment)
  }

  #deliver(): void {
    const now = process.hrtime.bigint()
    let due = 0
    for (const { moment, deliver } of this.#held) {
      if (moment > now) break
      deliver()
      due++
    }
    this.#held.splice(0, due)
    const [next] = this.#held
    if (next !== undefined) this.#alarm.set(next.moment)
  }
}

const line = new DelayLine()
let traffic = { connections: 0, roundTrips: 0 }

function link(client: Socket, server: Socket): void {
  traffic.connections++
  let speaker: Socket | undefined
  const pass = (from: Socket, to: Socket): void => {
    from.setNoDelay(true)
    from.on('data', (chunk: Buffer) => {
      if (from === client && speaker !== client) traffic.roundTrips++
      speaker = from
      line.add(() => to.write(chunk))
    })
    from.on('end', () => line.add(() => to.end()))
    from.on('error', () => to.destroy())
    from.on('close', () => line.add(() => to.end()))
  }
  pass(client, server)
  pass(server, client)
}

await answerQuestions<DelayQuestion, Traffic, number>(async () => {
  const target = JSON.parse(process.argv[2] ?? '{}') as DelayArguments
  const server = createServer({ allowHalfOpen: true }, (client) =>
    link(client, connect({ ...target, allowHalfOpen: true })),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    ready: (server.address() as AddressInfo).port,
    answer(question) {
      if (question.kind === 'delay') line.delay = BigInt(Math.max(0, Math.round(question.oneWayMs * 1e6)))
      const taken = traffic
      traffic = { connections: 0, roundTrips: 0 }
      return Promise.resolve(taken)
    },
    stop: () => Promise.resolve(),
  }
})
