/** Bounds work on a connection by a time, and work that makes one by the pool that is closed meanwhile, too. */
import { setMaxListeners } from 'node:events'
import type { Clock } from '../pool/clock.js'

export interface Deadline {
  readonly isOver: boolean
  /** What ends the work that runs; it is for the work to set. Work that cannot be ended is left to itself. */
  onOver: ((error: Error) => void) | undefined
}

/** Settles as the work does, or rejects when its time is over or `signal` aborts, whichever comes first. */
export function within<T>(
  ms: number,
  tooLate: () => Error,
  signal: AbortSignal,
  clock: Clock,
  work: (deadline: Deadline) => Promise<T>,
): Promise<T> {
  const closed = (): Error => new Error('the pool was closed')
  if (signal.aborted) return Promise.reject(closed())
  // As many as are opened at the same time.
  setMaxListeners(0, signal)
  const deadline = { isOver: false, onOver: undefined as ((error: Error) => void) | undefined }
  return new Promise((resolve, reject) => {
    const end = (): void => {
      timer?.cancel()
      signal.removeEventListener('abort', onAbort)
    }
    const giveUp = (error: Error): void => {
      deadline.isOver = true
      end()
      if (deadline.onOver === undefined) reject(error)
      else deadline.onOver(error)
    }
    const onAbort = (): void => giveUp(closed())
    const timer = Number.isFinite(ms)
      ? clock.setTimer(ms, () => giveUp(tooLate()), { keepAlive: true })
      : undefined
    signal.addEventListener('abort', onAbort, { once: true })
    work(deadline).then(resolve, reject).finally(end)
  })
}

/** Whether the work is done within the time; a failure of the work counts as not done. */
export function isDoneWithin(limitMs: number, work: Promise<unknown>, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(limitMs, () => resolve(false), { keepAlive: true })
    const settle = (isDone: boolean): void => {
      timer.cancel()
      resolve(isDone)
    }
    work.then(
      () => settle(true),
      () => settle(false),
    )
  })
}
