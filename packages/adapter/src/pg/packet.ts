/**
 * Messages of a client, written one behind the other into one buffer, so that they leave in one write (PostgreSQL
 * manual 54.7, message formats). Texts must not have the character U+0000, which ends them on the wire.
 */

const PARSE = 0x50
const BIND = 0x42
const CLOSE = 0x43
const QUERY = 0x51

const STATEMENT = 0x53

const TEXT = 0
const BINARY = 1
const NULL_LENGTH = -1

/** Messages that are always the same. */
const DESCRIBE_PORTAL = Buffer.from('D\0\0\0\x06P\0', 'latin1')
const EXECUTE = Buffer.from('E\0\0\0\x09\0\0\0\0\0', 'latin1')
const SYNC = Buffer.from('S\0\0\0\x04', 'latin1')

/** Most packets fit: a name, a few values. */
const USUAL_SIZE = 512
/** Room for many packets, one behind the other: to make a buffer costs more than to write the usual packet. */
const ROOM_SIZE = 32_768
/** The most bytes that UTF-8 needs for one unit of a JavaScript string. */
const LONGEST_UNIT = 3
/** To leave JavaScript costs more than to write a text of this length unit by unit. */
const SHORT = 64

export type WireValue = string | Buffer | null

export const NO_VALUES: readonly WireValue[] = []

/** What the last packet has left of its room; a packet that is not finished yet has its room to itself. */
let spare: Buffer | undefined
let spareFrom = 0

export class Packet {
  #buffer: Buffer
  #start: number
  #end: number
  #messageAt = 0

  constructor() {
    const room = spare
    spare = undefined
    const fits = room !== undefined && room.length - spareFrom >= USUAL_SIZE
    this.#buffer = fits ? room : Buffer.allocUnsafeSlow(ROOM_SIZE)
    this.#start = this.#end = fits ? spareFrom : 0
  }

  /** The types of its parameters are for the server to find. */
  parse(name: string, text: string): this {
    this.#begin(PARSE)
    this.#cstring(name)
    this.#cstring(text)
    this.#reserve(2)
    this.#int16(0)
    return this.#endMessage()
  }

  /** To the unnamed portal; results are asked for as text. */
  bind(statement: string, values: readonly WireValue[]): this {
    this.#begin(BIND)
    this.#cstring('')
    this.#cstring(statement)
    this.#reserve(sizeOf(values))
    // None at all says that all are texts.
    const formats = values.some(isBinary) ? values : NO_VALUES
    this.#int16(formats.length)
    for (const value of formats) this.#int16(isBinary(value) ? BINARY : TEXT)
    this.#int16(values.length)
    for (const value of values) this.#value(value)
    this.#int16(0)
    return this.#endMessage()
  }

  describePortal(): this {
    return this.#append(DESCRIBE_PORTAL)
  }

  /** All rows of the unnamed portal. */
  execute(): this {
    return this.#append(EXECUTE)
  }

  closeStatement(name: string): this {
    this.#begin(CLOSE)
    this.#reserve(1)
    this.#buffer[this.#end++] = STATEMENT
    this.#cstring(name)
    return this.#endMessage()
  }

  /** Messages that another packet has written. */
  messages(bytes: Buffer): this {
    return this.#append(bytes)
  }

  sync(): this {
    return this.#append(SYNC)
  }

  /** Of the simple protocol. */
  query(text: string): this {
    this.#begin(QUERY)
    this.#cstring(text)
    return this.#endMessage()
  }

  /** The bytes of all its messages; it has no more to come. */
  finish(): Buffer {
    this.#leaveFrom(this.#end)
    return this.#buffer.subarray(this.#start, this.#end)
  }

  /** The next packet may have the rest of the room; of one that outgrew it, the rest may be large, and kept for long. */
  #leaveFrom(end: number): void {
    if (this.#buffer.length !== ROOM_SIZE) return
    spare = this.#buffer
    spareFrom = end
  }

  #begin(type: number): void {
    this.#reserve(5)
    this.#buffer[this.#end++] = type
    this.#messageAt = this.#end
    // Its length, which is not known yet.
    this.#end += 4
  }

  #endMessage(): this {
    this.#buffer.writeInt32BE(this.#end - this.#messageAt, this.#messageAt)
    return this
  }

  #append(message: Buffer): this {
    this.#reserve(message.length)
    this.#buffer.set(message, this.#end)
    this.#end += message.length
    return this
  }

  #cstring(text: string): void {
    this.#reserve(text.length * LONGEST_UNIT + 1)
    this.#text(text)
    this.#buffer[this.#end++] = 0
  }

  // --- Where there is room already ---

  #value(value: WireValue): void {
    const lengthAt = this.#end
    this.#end += 4
    if (value === null) {
      this.#buffer.writeInt32BE(NULL_LENGTH, lengthAt)
      return
    }
    if (typeof value === 'string') this.#text(value)
    else this.#end += value.copy(this.#buffer, this.#end)
    this.#buffer.writeInt32BE(this.#end - lengthAt - 4, lengthAt)
  }

  #text(text: string): void {
    if (text.length > SHORT || !this.#ascii(text)) this.#end += this.#buffer.write(text, this.#end)
  }

  /** Whether the text is one, and so has been written. */
  #ascii(text: string): boolean {
    const buffer = this.#buffer
    const at = this.#end
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index)
      if (unit > 0x7f) return false
      buffer[at + index] = unit
    }
    this.#end = at + text.length
    return true
  }

  #int16(value: number): void {
    this.#end = this.#buffer.writeUInt16BE(value, this.#end)
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#buffer.length) return
    const length = this.#end - this.#start
    const larger = Buffer.allocUnsafeSlow(Math.max(length + bytes, length * 2, ROOM_SIZE))
    this.#buffer.copy(larger, 0, this.#start, this.#end)
    this.#leaveFrom(this.#start)
    this.#buffer = larger
    this.#messageAt -= this.#start
    this.#start = 0
    this.#end = length
  }
}

function isBinary(value: WireValue): value is Buffer {
  return typeof value === 'object' && value !== null
}

/** The most that values need, with what stands around them. */
function sizeOf(values: readonly WireValue[]): number {
  let size = 6 + 6 * values.length
  for (const value of values) {
    if (value !== null) size += typeof value === 'string' ? value.length * LONGEST_UNIT : value.length
  }
  return size
}
