/**
 * Runs a transaction again when it lost against a concurrent one. Knows nothing of what the transaction does.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf } from './errors.js'

/** Prisma's code for a serialization failure or a deadlock: nothing was written, trying again is safe. */
const WRITE_CONFLICT = 'P2034'

export interface RetryOptions {
  /** Attempts in all, the first one included. */
  readonly maxAttempts?: number
  /** Upper bound of the first pause; each further one doubles it, up to `maxDelayMs`. */
  readonly baseDelayMs?: number
  readonly maxDelayMs?: number
  /** Told before each new attempt. */
  readonly onRetry?: () => void
}

/**
 * Resolves to what `work` resolves to. Rejects with its error when that is no write conflict, or after the
 * last attempt.
 */
export async function retryOnConflict<T>(work: () => Promise<T>, options: RetryOptions = {}): Promise<T> {
  const { maxAttempts = 12, baseDelayMs = 10, maxDelayMs = 500, onRetry } = options
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (codeOf(error) !== WRITE_CONFLICT || attempt === maxAttempts) throw error
    }
    onRetry?.()
    // Rivals that pause equally long would only meet again, hence the random share ("full jitter").
    await sleep(Math.random() * Math.min(maxDelayMs, baseDelayMs * 2 ** (attempt - 1)))
  }
}
