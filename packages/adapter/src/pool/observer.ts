/**
 * What happens in a pool, told at the moment it happens and by whoever does it: an observer must be quick, and must
 * not throw.
 */
import type { CloseReason } from './types.js'

export interface PoolObserver<C> {
  onOpened(connection: C, tookMs: number): void
  /** An attempt to open failed; the next is made after that pause, or none when there is none. */
  onOpenFailed(error: unknown, retryInMs: number | undefined): void
  onClosed(connection: C, reason: CloseReason, ageMs: number): void
  onLost(connection: C, error: Error, wasIdle: boolean): void
  /** A request was not served at once. It ends with `onLent` or with `onFailed`. */
  onWaiting(request: number, waiting: number): void
  /** A connection is lent; `request`: to one that waited for it. */
  onLent(connection: C, request: number | undefined, waitedMs: number): void
  /** A request got no connection. */
  onFailed(reason: unknown, request: number | undefined, waitedMs: number): void
  onReturned(connection: C, how: 'released' | 'destroyed', heldMs: number, reason: Error | undefined): void
}
