/**
 * What has been started and must be stopped: run in reverse order, once, however far the start came.
 */
import { setTimeout as sleep } from 'node:timers/promises'

/** A step that hangs must not keep the ones after it from running. */
const MAX_STEP_MS = 10_000

export class Cleanups {
  readonly #steps: { readonly title: string; readonly undo: () => Promise<unknown> }[] = []

  /** `title` completes the sentence "Could not …". */
  add(title: string, undo: () => Promise<unknown>): void {
    this.#steps.push({ title, undo })
  }

  /** Never rejects; what failed is told to `onFailure`. */
  async run(onFailure: (title: string, error: unknown) => void): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      const { title, undo } = step
      const settled = new AbortController()
      const overdue = sleep(MAX_STEP_MS, undefined, { signal: settled.signal }).then(() => {
        throw new Error(`no end after ${MAX_STEP_MS / 1000} s`)
      })
      await Promise.race([undo(), overdue]).catch((error: unknown) => onFailure(title, error))
      settled.abort()
      await overdue.catch(() => {})
    }
  }
}
