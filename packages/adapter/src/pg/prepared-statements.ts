/**
 * Which statements a session has prepared, by their text, the least recently used of them given up for new ones.
 * Names are the same in every process, so that whoever looks at the server finds them again.
 */
import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Columns } from './statement.js'

/** A text as long as this is one of a kind, such as the INSERT of so many rows. */
const LONGEST_TEXT = 16_384

/** How many texts a process remembers to have met once. */
const MOST_REMEMBERED = 4_096

/** A statement that a session has prepared, or is about to. */
export interface Prepared {
  readonly name: string
  readonly text: string
  /** Whether the server has been sent the text. */
  isSent: boolean
  /** What it returns, once the server has said so. */
  columns: Columns | undefined
}

/** Names for the texts that come up again; what has come up once may never do so a second time. */
export class StatementNames {
  readonly #names = new LRUCache<string, string>({ max: MOST_REMEMBERED })

  /** The name of a text that is worth preparing; `undefined` at the first time, and where it is too long. */
  nameOf(text: string): string | undefined {
    if (text.length > LONGEST_TEXT) return undefined
    const name = this.#names.get(text)
    if (name === undefined) {
      this.#names.set(text, '')
      return undefined
    }
    if (name !== '') return name
    const given = nameFor(text)
    this.#names.set(text, given)
    return given
  }
}

/** The text alone tells statements apart: types of parameters stand in it, or are for the server to find. */
function nameFor(text: string): string {
  return `real_pool_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`
}

/** The statements of one session. */
export class PreparedStatements {
  readonly #names: StatementNames
  readonly #byName: LRUCache<string, Prepared>
  /** Given up here, and not yet at the server. */
  #surplus: string[] = []

  constructor(names: StatementNames, size: number) {
    this.#names = names
    this.#byName = new LRUCache({
      max: size,
      dispose: ({ name, isSent }, _name, reason) => {
        if (isSent && reason === 'evict') this.#surplus.push(name)
      },
    })
  }

  /** The statement for a text, where it is worth preparing. The empty name is that of the unnamed statement. */
  for(text: string, givenName?: string): Prepared | undefined {
    const name = givenName ?? this.#names.nameOf(text)
    if (name === undefined || name === '') return undefined
    let prepared = this.#byName.get(name)
    // Names that are given from outside may be those of other texts.
    if (prepared !== undefined && prepared.text !== text) {
      this.forget(prepared)
      prepared = undefined
    }
    if (prepared === undefined) {
      prepared = { name, text, isSent: false, columns: undefined }
      this.#byName.set(name, prepared)
    }
    return prepared
  }

  /** The names that the server is to give up, told once. */
  takeSurplus(): readonly string[] {
    if (this.#surplus.length === 0) return NONE
    const names = this.#surplus
    this.#surplus = []
    return names
  }

  /** The server has not prepared the statement, or what it has prepared is of no use any more. */
  forget(prepared: Prepared): void {
    // Another statement in flight may have found that out before, and one behind it have prepared it anew.
    if (this.#byName.peek(prepared.name) !== prepared) return
    this.#byName.delete(prepared.name)
    // To close what is not there is no error (manual 54.2.3).
    this.#surplus.push(prepared.name)
  }

  /** None of them is of use any more; the server may still have them. */
  forgetAll(): void {
    for (const { name, isSent } of this.#byName.values()) if (isSent) this.#surplus.push(name)
    this.#byName.clear()
  }

  /** The server has given up all of them. */
  clear(): void {
    this.#byName.clear()
    this.#surplus = []
  }
}

const NONE: readonly string[] = []
