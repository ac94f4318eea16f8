// Waiting for something that happens by itself: polls, so that tests never sleep for a guessed time.
import { setTimeout as sleep } from 'node:timers/promises'

/** Calls `assertion` until it does not throw, and returns its value; rejects with its last error. */
export async function eventually<T>(
  assertion: () => T | Promise<T>,
  { timeoutMs = 5_000, intervalMs = 20 }: { timeoutMs?: number; intervalMs?: number } = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    try {
      return await assertion()
    } catch (error) {
      if (performance.now() >= deadline) throw error
    }
    await sleep(intervalMs)
  }
}
