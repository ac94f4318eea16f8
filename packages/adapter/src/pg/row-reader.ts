/**
 * Reads rows as they come from the socket: those of our own statements go straight to them, everything else to
 * node-postgres, unread. Where a result has many rows, most of the time went into node-postgres' reading: a message
 * object for each row, a call out of JavaScript for each value. statement.ts says how much.
 */
import { isAscii } from 'node:buffer'
import type { Client } from 'pg'
import { activeQueryOf, relayMessages } from './client-state.js'

/** PostgreSQL manual 54.7, message formats: a type of one byte, and a length that counts itself. */
const DATA_ROW = 0x44
const TYPE_BYTES = 1
const HEADER_BYTES = 5

export interface RowTaker {
  /** Reads the row that stands between two places. */
  takeRow(bytes: Buffer, from: number, to: number, isPlain: boolean): void
}

/** Call it before the client connects. */
export function readRowsOf<T extends RowTaker>(client: Client, isOurs: (query: unknown) => query is T): void {
  relayMessages(client, (passOn) => {
    const reader = new RowReader(() => {
      const query = activeQueryOf(client)
      return isOurs(query) ? query : undefined
    }, passOn)
    return (chunk) => reader.read(chunk)
  })
}

class RowReader {
  readonly #taker: () => RowTaker | undefined
  readonly #passOn: (bytes: Buffer) => void
  /** The beginning of a message whose end has not come yet, in the pieces it came in. */
  #rest: Buffer[] = []
  #restLength = 0
  /** How long that message is, once that is known. */
  #needed = HEADER_BYTES

  constructor(taker: () => RowTaker | undefined, passOn: (bytes: Buffer) => void) {
    this.#taker = taker
    this.#passOn = passOn
  }

  read(chunk: Buffer): void {
    let at = 0
    // Of a chunk only what completes the message is copied: to put chunks together costs more than to read them.
    while (this.#restLength > 0 && at < chunk.length) {
      const end = Math.min(at + this.#needed - this.#restLength, chunk.length)
      this.#keep(chunk.subarray(at, end))
      at = end
      if (this.#restLength < this.#needed) return
      const bytes = Buffer.concat(this.#rest, this.#restLength)
      this.#rest = []
      this.#restLength = 0
      this.#readMessages(bytes)
    }
    if (at < chunk.length) this.#readMessages(at === 0 ? chunk : chunk.subarray(at))
  }

  #keep(bytes: Buffer): void {
    this.#rest.push(bytes)
    this.#restLength += bytes.length
  }

  #readMessages(bytes: Buffer): void {
    const isPlain = isAscii(bytes)
    let at = 0
    /** Where what is to be passed on begins. */
    let others = 0
    this.#needed = HEADER_BYTES
    while (at + HEADER_BYTES <= bytes.length) {
      const end = at + TYPE_BYTES + bytes.readUInt32BE(at + TYPE_BYTES)
      if (end > bytes.length) {
        this.#needed = end - at
        break
      }
      if (bytes[at] === DATA_ROW) {
        // What came before decides whose row it is.
        if (others < at) this.#passOn(bytes.subarray(others, at))
        const taker = this.#taker()
        others = taker === undefined ? at : end
        taker?.takeRow(bytes, at + HEADER_BYTES, end, isPlain)
      }
      at = end
    }
    if (others < at) this.#passOn(bytes.subarray(others, at))
    if (at < bytes.length) this.#keep(bytes.subarray(at))
  }
}
