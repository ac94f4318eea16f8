/**
 * Decides which connections leave because their server is read-only, and how soon after each other. A refused write
 * retires one connection. The server that the next new connection reaches decides about the others: if it accepts
 * writes, every older connection to a read-only server leaves; if it is read-only, too, they stay.
 */
import type { Access } from './types.js'

/** The least time between two connections that are retired because of refused writes. */
const FIRST_DELAY_MS = 250
/** For a pool that has never had a connection that accepts writes: it may be pointed at a standby on purpose. */
const LONGEST_DELAY_MS = 5_000

export class WriteAccess {
  #round = 0
  #isSought = false
  #hasBeenWritable = false
  #lastRetiredAt = -Infinity
  #delayMs = 0

  /** A connection of an earlier round leaves if its server is read-only. */
  get round(): number {
    return this.#round
  }

  /** A caller was refused a write by a read-only server; returns whether that connection is retired now. */
  onRefused(now: number): boolean {
    const sinceMs = now - this.#lastRetiredAt
    if (sinceMs < this.#delayMs) return false
    const isSeries = sinceMs < this.#delayMs + LONGEST_DELAY_MS
    const grows = isSeries && !this.#hasBeenWritable
    this.#delayMs = grows ? Math.min(this.#delayMs * 2, LONGEST_DELAY_MS) : FIRST_DELAY_MS
    this.#lastRetiredAt = now
    this.#isSought = true
    return true
  }

  /** A connection was opened; returns whether it begins a new round. */
  onOpened(access: Access): boolean {
    this.note(access)
    if (access !== 'writable' || !this.#isSought) return false
    this.#isSought = false
    this.#round++
    return true
  }

  /** Notes whether a connection's server accepts writes. */
  note(access: Access): void {
    if (access === 'writable') this.#hasBeenWritable = true
  }

  get hasBeenWritable(): boolean {
    return this.#hasBeenWritable
  }
}
