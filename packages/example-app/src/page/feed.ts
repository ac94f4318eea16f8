/**
 * The stream of events: tells each message, and whether the service is there. The browser itself comes back
 * after a broken connection, and begins with a new snapshot.
 */
import type { Snapshot, Tick } from './messages.js'

export interface FeedListener {
  onSnapshot(snapshot: Snapshot): void
  onTick(tick: Tick): void
  onLost(): void
}

export function listen(url: string, listener: FeedListener): void {
  const source = new EventSource(url)
  source.addEventListener('snapshot', ({ data }: MessageEvent<string>) => {
    listener.onSnapshot(JSON.parse(data) as Snapshot)
  })
  source.addEventListener('tick', ({ data }: MessageEvent<string>) => {
    listener.onTick(JSON.parse(data) as Tick)
  })
  source.addEventListener('error', () => {
    listener.onLost()
    // Given up by the browser, for example because something else answers at the address meanwhile.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(url, listener), 2_000)
  })
}
