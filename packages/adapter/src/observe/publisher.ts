/** Publishes what happens in one pool. */
import { PoolTimeoutError } from '../pool/errors.js'
import type { PoolObserver } from '../pool/observer.js'
import type { CloseReason } from '../pool/types.js'
import { channels, publish } from './events.js'

export class Publisher<C> implements PoolObserver<C> {
  readonly #pool: string
  readonly #pidOf: (connection: C) => number

  constructor(pool: string, pidOf: (connection: C) => number) {
    this.#pool = pool
    this.#pidOf = pidOf
  }

  onOpened(connection: C, connectMs: number): void {
    if (channels.open.hasSubscribers) publish('open', { ...this.#of(connection), connectMs })
  }

  onOpenFailed(error: unknown, retryInMs: number | undefined): void {
    if (channels.reconnect.hasSubscribers) publish('reconnect', { pool: this.#pool, error, retryInMs })
  }

  onClosed(connection: C, reason: CloseReason, ageMs: number): void {
    if (channels.close.hasSubscribers) publish('close', { ...this.#of(connection), reason, ageMs })
  }

  onLost(connection: C, error: Error, wasIdle: boolean): void {
    if (channels.lost.hasSubscribers) publish('lost', { ...this.#of(connection), error, wasIdle })
  }

  onWaiting(request: number, waiting: number): void {
    if (channels.wait.hasSubscribers) publish('wait', { pool: this.#pool, request, waiting })
  }

  onLent(connection: C, request: number | undefined, waitedMs: number): void {
    if (channels.acquire.hasSubscribers) publish('acquire', { ...this.#of(connection), request, waitedMs })
  }

  onFailed(error: unknown, request: number | undefined, waitedMs: number): void {
    const failed = error instanceof PoolTimeoutError ? channels.timeout : channels.rejected
    if (!failed.hasSubscribers) return
    const message = { pool: this.#pool, request, waitedMs }
    if (error instanceof PoolTimeoutError) publish('timeout', { ...message, error })
    else publish('rejected', { ...message, error })
  }

  onReturned(connection: C, how: 'released' | 'destroyed', heldMs: number, reason: Error | undefined): void {
    if (channels.release.hasSubscribers) publish('release', { ...this.#of(connection), how, heldMs, reason })
  }

  onLeak(connection: C, heldMs: number, stack: string): void {
    if (channels.leak.hasSubscribers) publish('leak', { ...this.#of(connection), heldMs, stack })
  }

  #of(connection: C): { pool: string; pid: number } {
    return { pool: this.#pool, pid: this.#pidOf(connection) }
  }
}
