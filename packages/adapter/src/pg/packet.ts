/**
 * Messages of a client, written one behind the other into one buffer, so that they leave in one write (PostgreSQL
 * manual 54.7, message formats). Texts must not have the character U+0000, which ends them on the wire.
 */

const PARSE = 0x50
const BIND = 0x42
const DESCRIBE = 0x44
const EXECUTE = 0x45
const CLOSE = 0x43
const SYNC = 0x53
const QUERY = 0x51

const STATEMENT = 0x53
const PORTAL = 0x50

const TEXT = 0
const BINARY = 1
const NULL_LENGTH = -1

/** Most packets fit: a name, a few values. */
const USUAL_SIZE = 512
/** The most bytes that UTF-8 needs for one unit of a JavaScript string. */
const LONGEST_UNIT = 3

export type WireValue = string | Buffer | null

export class Packet {
  #buffer = Buffer.allocUnsafe(USUAL_SIZE)
  #end = 0
  #messageAt = 0

  /** The types of its parameters are for the server to find. */
  parse(name: string, text: string): this {
    this.#begin(PARSE)
    this.#cstring(name)
    this.#cstring(text)
    this.#int16(0)
    return this.#finish()
  }

  /** To the unnamed portal; results are asked for as text. */
  bind(statement: string, values: readonly WireValue[]): this {
    this.#begin(BIND)
    this.#cstring('')
    this.#cstring(statement)
    this.#int16(values.length)
    for (const value of values) this.#int16(typeof value === 'object' && value !== null ? BINARY : TEXT)
    this.#int16(values.length)
    for (const value of values) this.#value(value)
    this.#int16(0)
    return this.#finish()
  }

  describePortal(): this {
    this.#begin(DESCRIBE)
    this.#byte(PORTAL)
    this.#cstring('')
    return this.#finish()
  }

  /** All rows of the unnamed portal. */
  execute(): this {
    this.#begin(EXECUTE)
    this.#cstring('')
    this.#int32(0)
    return this.#finish()
  }

  closeStatement(name: string): this {
    this.#begin(CLOSE)
    this.#byte(STATEMENT)
    this.#cstring(name)
    return this.#finish()
  }

  sync(): this {
    this.#begin(SYNC)
    return this.#finish()
  }

  /** Of the simple protocol. */
  query(text: string): this {
    this.#begin(QUERY)
    this.#cstring(text)
    return this.#finish()
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#end)
  }

  #begin(type: number): void {
    this.#byte(type)
    this.#messageAt = this.#end
    // Its length, which is not known yet.
    this.#reserve(4)
    this.#end += 4
  }

  #finish(): this {
    this.#buffer.writeInt32BE(this.#end - this.#messageAt, this.#messageAt)
    return this
  }

  #value(value: WireValue): void {
    if (value === null) {
      this.#int32(NULL_LENGTH)
    } else if (typeof value === 'string') {
      this.#reserve(4 + value.length * LONGEST_UNIT)
      const length = this.#buffer.write(value, this.#end + 4)
      this.#buffer.writeInt32BE(length, this.#end)
      this.#end += 4 + length
    } else {
      this.#int32(value.length)
      this.#reserve(value.length)
      this.#end += value.copy(this.#buffer, this.#end)
    }
  }

  #cstring(text: string): void {
    this.#reserve(text.length * LONGEST_UNIT + 1)
    if (text !== '') this.#end += this.#buffer.write(text, this.#end)
    this.#buffer[this.#end++] = 0
  }

  #byte(value: number): void {
    this.#reserve(1)
    this.#buffer[this.#end++] = value
  }

  #int16(value: number): void {
    this.#reserve(2)
    this.#end = this.#buffer.writeUInt16BE(value, this.#end)
  }

  #int32(value: number): void {
    this.#reserve(4)
    this.#end = this.#buffer.writeInt32BE(value, this.#end)
  }

  #reserve(bytes: number): void {
    const needed = this.#end + bytes
    if (needed <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(larger, 0, 0, this.#end)
    this.#buffer = larger
  }
}
