/**
 * What happens in a `pg.Pool` of the user's by itself, told to all who lend from it. However many they are, the
 * pool has one listener for each event.
 */
import type { Client } from 'pg'
import type { PgPool } from '../options.js'

export interface PgPoolWatcher {
  /** A connection that was idle is lost. */
  onIdleLost(error: Error): void
  /** The pool's owner has ended it. Whoever waits in it would wait for ever. */
  onEnded(): void
}

/** Clients whose errors end nothing. */
const guarded = new WeakSet<Client>()

const watched = new WeakMap<PgPool, Set<PgPoolWatcher>>()

/**
 * The watchers of a pool, who join and leave by themselves. From the first call on, the loss of an idle
 * connection is heard, lest it end the process, even while nobody watches.
 */
export function watchersOf(pool: PgPool): Set<PgPoolWatcher> {
  const known = watched.get(pool)
  if (known !== undefined) return known
  const watchers = new Set<PgPoolWatcher>()
  watched.set(pool, watchers)
  pool.on('error', (error) => tellLost(pool, error))
  // A client that is lent has no listener until its borrower has one, and the server may have ended the session in
  // the packet in which it said that it began.
  pool.on('acquire', (client) => {
    if (!guarded.has(client)) client.on('error', () => {})
    guarded.add(client)
  })
  // There is no event for the end itself, but it begins with the removal of what is idle.
  pool.on('remove', () => {
    if (pool.ending === true) for (const watcher of watchers) watcher.onEnded()
  })
  return watchers
}

/** A connection that was idle in the pool is lost. */
export function tellLost(pool: PgPool, error: Error): void {
  for (const watcher of watchersOf(pool)) watcher.onIdleLost(error)
}
