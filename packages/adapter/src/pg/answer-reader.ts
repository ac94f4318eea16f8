/**
 * Reads what the server answers as it comes from the socket: the rows of our own statements, and how far it is with
 * them, go straight to them; everything else goes to node-postgres, unread. Most of the time of a result with many rows
 * went into node-postgres' reading: a message object for each row, a call out of JavaScript for each value; and
 * of a result with one row, an object, an event and two listeners for each message. statement.ts says how much.
 */
import type { Client } from 'pg'
import { activeQueryOf, isUnreadable, relayMessages } from './client-state.js'
import { ProtocolViolation } from './protocol-violation.js'
import { Texts } from './texts.js'

/** PostgreSQL manual 54.7, message formats: a type of one byte, and a length that counts itself. */
const DATA_ROW = 0x44
const PARSE_COMPLETE = 0x31
const BIND_COMPLETE = 0x32
const COMMAND_COMPLETE = 0x43
const TYPE_BYTES = 1
const HEADER_BYTES = 5
/** A length counts itself. */
const SHORTEST = 4

/** A statement that is answered. */
export interface AnswerTaker {
  noteParsed(): void
  noteBound(): void
  /**
   * Reads the row that begins and ends there.
   *
   * @throws {@link ProtocolViolation} if its values do not end where it does.
   */
  takeRow(texts: Texts, from: number, end: number): void
  noteComplete(tag: string): void
}

/**
 * Takes effect when the client connects: from one that has, all goes to node-postgres as before.
 *
 * @param onComplete - Called back for each command of ours that the server completes, behind the statement itself.
 * @param onViolation - Called back once when an answer is malformed. Nothing behind it is read: the connection must end.
 */
export function readAnswersOf<T extends AnswerTaker>(
  client: Client,
  isOurs: (query: unknown) => query is T,
  onComplete: (tag: string, statement: T) => void,
  onViolation: (error: ProtocolViolation) => void,
): void {
  relayMessages(client, (passOn) => {
    const activeStatement = (): T | undefined => {
      const query = activeQueryOf(client)
      return isOurs(query) ? query : undefined
    }
    const reader = new AnswerReader(activeStatement, onComplete, passOn)
    let isMalformed = false
    return (chunk) => {
      if (isMalformed) return
      try {
        reader.read(chunk)
      } catch (error) {
        if (!isUnreadable(error)) throw error
        isMalformed = true
        onViolation(error instanceof ProtocolViolation ? error : unreadable(error))
      }
    }
  })
}

/** node-postgres throws where a message is shorter than its fields, or of a kind that it does not know. */
function unreadable(error: unknown): ProtocolViolation {
  return new ProtocolViolation('a message cannot be read', { cause: error })
}

class AnswerReader<T extends AnswerTaker> {
  readonly #activeStatement: () => T | undefined
  readonly #onComplete: (tag: string, statement: T) => void
  readonly #passOn: (bytes: Buffer) => void
  /** The beginning of a message whose end has not come yet, in the pieces it came in. */
  #rest: Buffer[] = []
  #restLength = 0
  /** How long that message is, once that is known. */
  #needed = HEADER_BYTES

  constructor(
    activeStatement: () => T | undefined,
    onComplete: (tag: string, statement: T) => void,
    passOn: (bytes: Buffer) => void,
  ) {
    this.#activeStatement = activeStatement
    this.#onComplete = onComplete
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
    let texts: Texts | undefined
    let statement: T | undefined
    let at = 0
    /** Where what is to be passed on begins. */
    let others = 0
    this.#needed = HEADER_BYTES
    while (at + HEADER_BYTES <= bytes.length) {
      const length = bytes.readInt32BE(at + TYPE_BYTES)
      if (length < SHORTEST) throw new ProtocolViolation('a message says that it is shorter than its length')
      const end = at + TYPE_BYTES + length
      if (end > bytes.length) {
        this.#needed = end - at
        break
      }
      const start = at
      at = end
      const type = bytes[start]
      if (!isOfAnswer(type)) continue
      // What came before decides whose answer it is.
      if (others < start) {
        this.#passOn(bytes.subarray(others, start))
        statement = undefined
      }
      statement ??= this.#activeStatement()
      others = statement === undefined ? start : end
      if (statement === undefined) continue
      if (type === DATA_ROW) statement.takeRow((texts ??= new Texts(bytes)), start + HEADER_BYTES, end)
      else this.#tell(statement, type, bytes, start + HEADER_BYTES, end)
    }
    if (others < at) this.#passOn(bytes.subarray(others, at))
    if (at < bytes.length) this.#keep(bytes.subarray(at))
  }

  #tell(statement: T, type: number, bytes: Buffer, from: number, to: number): void {
    switch (type) {
      case PARSE_COMPLETE:
        return statement.noteParsed()
      case BIND_COMPLETE:
        return statement.noteBound()
      case COMMAND_COMPLETE: {
        // Without the byte that ends it.
        const tag = bytes.toString('latin1', from, to - 1)
        statement.noteComplete(tag)
        this.#onComplete(tag, statement)
      }
    }
  }
}

function isOfAnswer(type: number | undefined): type is number {
  return type === DATA_ROW || type === BIND_COMPLETE || type === COMMAND_COMPLETE || type === PARSE_COMPLETE
}
