/**
 * What pools tell of themselves, on channels of `node:diagnostics_channel`: one for each event, an object for each
 * message. Nothing is made where nobody listens.
 */
import { type Channel, channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { CloseReason } from '../pool/types.js'

interface OfPool {
  /** The pool's name. */
  readonly pool: string
}

interface OfConnection extends OfPool {
  /** The process that the server has for the connection, as in `pg_stat_activity`. */
  readonly pid: number
}

/** The message of each event. */
export interface PoolEvents {
  /** A connection was opened. */
  open: OfConnection & { readonly connectMs: number }
  /** A connection is closed. */
  close: OfConnection & { readonly reason: CloseReason; readonly ageMs: number }
  /** An attempt to open a connection failed; `retryInMs`: when the next is made, if one is. */
  reconnect: OfPool & { readonly error: unknown; readonly retryInMs: number | undefined }
  /** A connection was lost, other than by being closed. */
  lost: OfConnection & { readonly error: Error; readonly wasIdle: boolean }
  /** A request waits, so many of them by now. It ends with `acquire`, `timeout` or `rejected` of the same `request`. */
  wait: OfPool & { readonly request: number; readonly waiting: number }
  /** A connection was lent; `request` where it was waited for. */
  acquire: OfConnection & { readonly request: number | undefined; readonly waitedMs: number }
  /** A connection came back. */
  release: OfConnection & {
    readonly how: 'released' | 'destroyed'
    readonly heldMs: number
    /** Why it was destroyed, where a reason was given. */
    readonly reason: Error | undefined
  }
  /** A request got no connection within its `timeout`. */
  timeout: FailedRequest & { readonly error: Error }
  /** A request got no connection for another reason: too many waited, the pool was closed, it was aborted … */
  rejected: FailedRequest & { readonly error: unknown }
  /** A transaction has its connection. */
  'transaction:begin': OfConnection & { readonly transaction: number }
  /** A transaction is over, and gives its connection back. */
  'transaction:end': OfConnection & {
    readonly transaction: number
    readonly outcome: 'committed' | 'rolledBack' | 'failed'
    readonly heldMs: number
  }
  /** A connection has been lent for longer than `leakDetectionThreshold`. */
  leak: OfConnection & { readonly heldMs: number; readonly stack: string }
}

interface FailedRequest extends OfPool {
  /** Where it had waited: the `request` of its `wait`. */
  readonly request: number | undefined
  readonly waitedMs: number
}

export type PoolEvent = keyof PoolEvents

const PREFIX = 'prisma-pg-real-pool:'

/** The channel of each event. */
export const channels = {
  open: channel(`${PREFIX}open`),
  close: channel(`${PREFIX}close`),
  reconnect: channel(`${PREFIX}reconnect`),
  lost: channel(`${PREFIX}lost`),
  wait: channel(`${PREFIX}wait`),
  acquire: channel(`${PREFIX}acquire`),
  release: channel(`${PREFIX}release`),
  timeout: channel(`${PREFIX}timeout`),
  rejected: channel(`${PREFIX}rejected`),
  'transaction:begin': channel(`${PREFIX}transaction:begin`),
  'transaction:end': channel(`${PREFIX}transaction:end`),
  leak: channel(`${PREFIX}leak`),
} satisfies Record<PoolEvent, Channel>

/** Publishes a message, which must be made only where `channels[event].hasSubscribers`. */
export function publish<E extends PoolEvent>(event: E, message: PoolEvents[E]): void {
  channels[event].publish(message)
}

/**
 * Listens to an event of every pool of this process, typed. What the listener throws, or rejects with, becomes a warning
 * (`REAL_POOL_LISTENER`); on a bare channel of `node:diagnostics_channel` it would be an uncaught exception.
 *
 * @returns What ends it.
 *
 * @example
 * ```ts
 * import { onPoolEvent } from 'prisma-pg-real-pool'
 *
 * onPoolEvent('release', ({ pool, pid, heldMs }) => {
 *   if (heldMs > 1_000) console.warn(`${pool}: connection ${pid} was held for ${heldMs} ms`)
 * })
 * ```
 */
export function onPoolEvent<E extends PoolEvent>(
  event: E,
  listener: (message: PoolEvents[E]) => unknown,
): () => void {
  const { name } = channels[event]
  const warn = (error: unknown): void => {
    // Not everything that can be thrown can be made a string.
    const isText = error instanceof Error || typeof error === 'string'
    const text = isText ? String(error) : Object.prototype.toString.call(error)
    process.emitWarning(`a listener of '${event}' failed: ${text}`, { code: 'REAL_POOL_LISTENER' })
  }
  const listen = (message: unknown): void => {
    try {
      const result = listener(message as PoolEvents[E])
      if (result instanceof Promise) result.catch(warn)
    } catch (error) {
      warn(error)
    }
  }
  subscribe(name, listen)
  return () => void unsubscribe(name, listen)
}
