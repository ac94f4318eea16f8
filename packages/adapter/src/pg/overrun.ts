/** A deadline for one statement: when it has passed, the server is asked to cancel it, and then the connection ends. */
import type { Clock } from '../pool/clock.js'
import { overrunError } from './statement-errors.js'

/** A deadline that is set for one statement. */
export interface Overrun {
  readonly ms: number
  /** Set when it has passed; tells whether the cancel is over. */
  cancelled: Promise<boolean> | undefined
  end(): void
}

export interface OverrunEvents {
  /** The deadline has passed: asks the server to end the statement, and resolves to whether nothing of that can come later. */
  cancel(): Promise<boolean>
  /** That has not helped. */
  destroy(): void
}

/** Sets a deadline for what is sent next; a cancel has `settleMs` to help. */
export function watch(ms: number, settleMs: number, events: OverrunEvents, clock: Clock): Overrun {
  const overrun: Overrun = { ms, cancelled: undefined, end: () => timer.cancel() }
  let timer = clock.setTimer(
    ms,
    () => {
      timer = clock.setTimer(settleMs, () => events.destroy(), { keepAlive: true })
      overrun.cancelled = events.cancel()
    },
    { keepAlive: true },
  )
  return overrun
}

/** Settles as the answer does, once no cancel can hit what is sent next. */
export async function untilOver<R>(
  answer: Promise<R>,
  overrun: Overrun,
  outlive: (cancelled: Promise<boolean>) => Promise<void>,
): Promise<R> {
  try {
    return await answer
  } catch (error) {
    throw overrun.cancelled !== undefined ? overrunError(overrun.ms, error) : error
  } finally {
    overrun.end()
    if (overrun.cancelled !== undefined) await outlive(overrun.cancelled)
  }
}
