/** Runs a transaction again when it failed for a reason that may be gone the next time, and saved nothing. */
import { OptionsError } from '../pool/errors.js'
import { systemClock } from '../pool/clock.js'
import { isRetryable } from './prisma-errors.js'

/** A PrismaClient, as far as it is needed here. */
interface TransactionRunner<Tx> {
  $transaction<R>(fn: (tx: Tx) => Promise<R>, options?: PrismaTransactionOptions): Promise<R>
}

/** The options of Prisma's own `$transaction`. */
interface PrismaTransactionOptions {
  maxWait?: number
  timeout?: number
  isolationLevel?: 'ReadUncommitted' | 'ReadCommitted' | 'RepeatableRead' | 'Serializable'
}

/** How often, and with which pauses. The rest goes to `$transaction`. */
export interface RetryOptions extends PrismaTransactionOptions {
  /** How often the transaction may run, the first time included. @defaultValue `5` */
  readonly attempts?: number
  /** The longest pause before the second attempt, in milliseconds; it doubles each time. @defaultValue `20` */
  readonly pauseMs?: number
  /** Ends the attempts: what runs is finished, but not run again. */
  readonly signal?: AbortSignal
}

const DEFAULT_ATTEMPTS = 5
const DEFAULT_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 2_000

/**
 * Runs an interactive transaction, and runs it again after a write conflict, a deadlock or a lost connection, as
 * long as it is certain that nothing was saved. Everything that the callback does outside of the transaction is
 * done again, too. Rejects with the last error, or the signal's reason.
 *
 * @throws {@link OptionsError} (`POOL_OPTIONS`) when `attempts` or `pauseMs` make no sense.
 *
 * @example
 * ```ts
 * import { retryTransaction } from 'prisma-pg-real-pool'
 * import { PrismaClient } from './generated/client.js'
 *
 * async function close(prisma: PrismaClient, id: string) {
 *   await retryTransaction(
 *     prisma,
 *     (tx) => tx.account.update({ where: { id }, data: { status: 'CLOSED' } }),
 *     { isolationLevel: 'Serializable' },
 *   )
 * }
 * ```
 */
export async function retryTransaction<Tx, R>(
  prisma: TransactionRunner<Tx>,
  fn: (tx: Tx) => Promise<R>,
  { attempts = DEFAULT_ATTEMPTS, pauseMs = DEFAULT_PAUSE_MS, signal, ...options }: RetryOptions = {},
): Promise<R> {
  if (!Number.isInteger(attempts) || attempts < 1) {
    throw new OptionsError(`\`attempts\` (${attempts}) must be a whole number, 1 or more`)
  }
  if (!(pauseMs >= 0)) throw new OptionsError(`\`pauseMs\` (${pauseMs}) must be 0 or more, in milliseconds`)
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted()
    try {
      return await prisma.$transaction(fn, options)
    } catch (error) {
      if (attempt === attempts || !isRetryable(error)) throw error
    }
    // What it rejects with now need not wait for a pause.
    if (signal?.aborted === true) continue
    // Anything up to the longest: those who were in each other's way must not meet again.
    await pause(Math.random() * Math.min(pauseMs * 2 ** (attempt - 1), LONGEST_PAUSE_MS), signal)
  }
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      timer.cancel()
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = systemClock.setTimer(ms, end, { keepAlive: true })
    signal?.addEventListener('abort', end)
  })
}
