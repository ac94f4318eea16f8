/**
 * Waiting that an AbortSignal can end.
 */

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/**
 * Settles as `work` does, unless the signal is aborted first: then it rejects with the signal's reason at
 * once, and what becomes of `work` no longer matters.
 */
export async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  await Promise.race([work, aborted(signal)])
  signal.throwIfAborted()
  return work
}
