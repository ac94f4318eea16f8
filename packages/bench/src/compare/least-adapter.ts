/**
 * An adapter that does nothing but send and wait: its packets are made and its statements prepared beforehand, its
 * answers come from memory. What is left of a call is Prisma, the sockets and the server, so that no adapter which
 * waits for the answer to each statement can do with much less.
 */
import type { SqlQuery } from '@prisma/driver-adapter-utils'
import { Client } from 'pg'
import { serialize } from 'pg-protocol'
import type { Session, Target } from './contenders.js'
import { connectLearned, keyOf, Memory, type Source } from './memory-adapter.js'
import type { Step } from './recording.js'
import type { Unique, Work } from './works.js'

export function connectLeast(target: Target, work: Work, unique: Unique): Promise<Session> {
  return connectLearned('least', (steps) => overLines(steps, target), target, work, unique)
}

async function overLines(steps: readonly Step[], target: Target): Promise<Source> {
  const packets = new Packets(steps)
  const connecting = Array.from({ length: target.poolSize }, () => connectLine(target, packets))
  return new LeastSource(new Memory(steps), packets, new Lines(await Promise.all(connecting)))
}

const BEGIN: SqlQuery = { sql: 'BEGIN', args: [], argTypes: [] }
const SYNC = serialize.sync()

/** The packets of a work, made once. */
class Packets {
  /** Those that prepare its statements. */
  readonly preparing: readonly Buffer[]
  /** Bind and Execute of BEGIN: it goes out with what is sent next. */
  readonly begin: Buffer
  readonly #ready = new Map<string, Buffer>()

  constructor(steps: readonly Step[]) {
    const names = new Map<string, string>()
    const executing = ({ sql, args }: SqlQuery): Buffer => {
      const name = names.get(sql) ?? `s${names.size}`
      names.set(sql, name)
      return Buffer.concat([
        serialize.bind({ statement: name, values: args.map(textOf) }),
        serialize.execute(),
      ])
    }
    this.begin = executing(BEGIN)
    for (const step of steps) {
      if (step.kind !== 'statement') continue
      const { query } = step
      this.#ready.set(keyOf(query.sql, query.args), Buffer.concat([executing(query), SYNC]))
    }
    this.preparing = [...names].map(([text, name]) => Buffer.concat([serialize.parse({ text, name }), SYNC]))
  }

  of({ sql, args }: SqlQuery): Buffer {
    const packet = this.#ready.get(keyOf(sql, args))
    if (packet === undefined) throw new Error(`bug: nobody has asked before: ${sql} with ${args.join(', ')}`)
    return packet
  }
}

function textOf(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number') return String(value)
  throw new Error(`bug: the least adapter sends texts and numbers alone, not ${typeof value}.`)
}

/** A connection of whose answers only the end is looked at, and whether the server refused. */
class Line {
  readonly #socket: NodeJS.ReadWriteStream
  readonly #close: () => Promise<void>
  #answered: (() => void) | undefined
  #end: Buffer = Buffer.alloc(0)

  constructor(client: Client) {
    this.#socket = streamOf(client)
    this.#close = () => client.end()
    this.#socket.removeAllListeners('data')
    this.#socket.on('data', (bytes: Buffer) => {
      if (bytes[0] === ERROR)
        throw new Error(`bug: the server has refused a packet: ${bytes.toString('latin1')}`)
      // The end may come in two pieces.
      this.#end = bytes.length > READY.length ? bytes : Buffer.concat([this.#end, bytes])
      if (isEnd(this.#end)) this.#answered?.()
    })
  }

  send(packet: Buffer): Promise<void> {
    return new Promise((resolve) => {
      this.#answered = resolve
      this.#socket.write(packet)
    })
  }

  close(): Promise<void> {
    return this.#close()
  }
}

async function connectLine({ url }: Target, { preparing }: Packets): Promise<Line> {
  const client = new Client({ connectionString: url })
  await client.connect()
  const line = new Line(client)
  for (const packet of preparing) await line.send(packet)
  return line
}

function streamOf(client: Client): NodeJS.ReadWriteStream {
  return (client as unknown as { readonly connection: { readonly stream: NodeJS.ReadWriteStream } })
    .connection.stream
}

const ERROR = 0x45
/** ReadyForQuery, which ends what a Sync asked for: type, length 5, state (manual, 54.7). */
const READY = Buffer.from('Z\0\0\0\x05')

function isEnd(bytes: Buffer): boolean {
  const at = bytes.length - READY.length - 1
  return at >= 0 && READY.equals(bytes.subarray(at, -1))
}

/** Whoever comes first has a connection first. */
class Lines {
  readonly #all: readonly Line[]
  readonly #idle: Line[]
  readonly #waiters: ((line: Line) => void)[] = []

  constructor(all: readonly Line[]) {
    this.#all = all
    this.#idle = [...all]
  }

  acquire(): Line | Promise<Line> {
    return this.#idle.shift() ?? new Promise<Line>((resolve) => this.#waiters.push(resolve))
  }

  release(line: Line): void {
    const waiter = this.#waiters.shift()
    if (waiter === undefined) this.#idle.push(line)
    else waiter(line)
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((line) => line.close()))
  }
}

class LeastSource implements Source {
  readonly #memory: Memory
  readonly #packets: Packets
  readonly #lines: Lines

  constructor(memory: Memory, packets: Packets, lines: Lines) {
    this.#memory = memory
    this.#packets = packets
    this.#lines = lines
  }

  async ask(query: SqlQuery) {
    const line = await this.#lines.acquire()
    await line.send(this.#packets.of(query))
    this.#lines.release(line)
    return this.#memory.answer(query)
  }

  async begin() {
    const line = await this.#lines.acquire()
    let isBegun = false
    return {
      ask: async (query: SqlQuery) => {
        const packet = this.#packets.of(query)
        await line.send(isBegun ? packet : Buffer.concat([this.#packets.begin, packet]))
        isBegun = true
        return this.#memory.answer(query)
      },
      end: () => this.#lines.release(line),
    }
  }

  close(): Promise<void> {
    return this.#lines.close()
  }
}
