/**
 * A load that goes on until it is stopped, with as many callers as are wanted at the moment. It only counts:
 * what it must remember does not grow with time.
 */
import { setMaxListeners } from 'node:events'
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { inventPayment, sendPayment } from './payments.js'

/** New callers come spread over this time: what begins together would stay together, wave after wave. */
const STAGGER_MS = 500
/** Before the next attempt of a caller whose payment failed. */
const AFTER_FAILURE_MS = 250

export class LiveLoad {
  payments = 0
  failures = 0
  /** Of payments that were made, in microseconds. Whoever reads it resets it. */
  readonly latency: RecordableHistogram = createHistogram()
  readonly #callers = new Map<number, Promise<void>>()
  readonly #stopped = new AbortController()
  #wanted = 0
  #target: { readonly address: string; readonly accountIds: readonly string[] } | undefined

  constructor() {
    // Each caller listens while it pauses.
    setMaxListeners(0, this.#stopped.signal)
  }

  get callers(): number {
    return this.#wanted
  }

  /** Callers beyond the new number leave when they have been answered. */
  set callers(wanted: number) {
    this.#wanted = wanted
    this.#fill()
  }

  start(address: string, accountIds: readonly string[]): void {
    this.#target = { address, accountIds }
    this.#fill()
  }

  /** Resolves when every caller has been answered. */
  async stop(): Promise<void> {
    this.#wanted = 0
    this.#stopped.abort()
    await Promise.all(this.#callers.values())
  }

  #fill(): void {
    if (this.#target === undefined || this.#stopped.signal.aborted) return
    for (let index = 0; index < this.#wanted; index++) {
      if (this.#callers.has(index)) continue
      this.#callers.set(index, this.#call(index, this.#target.address, this.#target.accountIds))
    }
  }

  async #call(index: number, address: string, accountIds: readonly string[]): Promise<void> {
    await this.#pause(Math.random() * STAGGER_MS)
    while (index < this.#wanted) {
      const { answer, lastedMs } = await sendPayment(address, inventPayment(accountIds))
      if (answer === 201) {
        this.payments++
        this.latency.record(Math.max(1, Math.round(lastedMs * 1000)))
      } else {
        this.failures++
        await this.#pause(AFTER_FAILURE_MS)
      }
    }
    this.#callers.delete(index)
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopped.signal }).catch(() => {})
  }
}
