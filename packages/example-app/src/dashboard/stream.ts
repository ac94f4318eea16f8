/**
 * The stream of server-sent events: a snapshot, then each tick, until the browser leaves or the service stops.
 */
import { Readable } from 'node:stream'
import type { Monitor } from './monitor.js'

/** How long a browser waits before it comes back after a broken connection. */
const RETRY_MS = 1_000
/** How many streams are open at most. */
export const MOST_STREAMS = 16
/** What a browser that does not read is given before ticks are left out. */
const MAX_UNREAD_BYTES = 1_000_000

export class EventStreams {
  readonly #monitor: Monitor
  readonly #open = new Set<Readable>()

  constructor(monitor: Monitor) {
    this.#monitor = monitor
  }

  /** Undefined where too many are open: each takes memory, and a socket. */
  open(): Readable | undefined {
    if (this.#open.size >= MOST_STREAMS) return undefined
    const stream = new Readable({ read: () => {}, highWaterMark: MAX_UNREAD_BYTES })
    const unsubscribe = this.#monitor.subscribe((tick) => {
      if (stream.readableLength < MAX_UNREAD_BYTES) stream.push(eventOf('tick', tick))
    })
    this.#open.add(stream)
    stream.once('close', () => {
      unsubscribe()
      this.#open.delete(stream)
    })
    stream.push(`retry: ${RETRY_MS}\n\n${eventOf('snapshot', this.#monitor.snapshot())}`)
    return stream
  }

  /** Cuts them all, so that the server can be closed: a browser that has stopped reading would never see an end. */
  cut(): void {
    for (const stream of this.#open) stream.destroy()
  }
}

function eventOf(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}
