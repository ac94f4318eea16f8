/** Who holds a pool's connections at a moment, and who waits for one: read from the ledger when somebody asks. */
import type { Entry } from './ledger.js'
import type { Waiter } from './waiter.js'

/** A connection that is lent. */
export interface Holding<C> {
  readonly connection: C
  readonly heldMs: number
  /** How many borrowers share it; 0: it is lent to one alone. */
  readonly sharers: number
}

/** A request that waits. */
export interface Waiting {
  readonly waitedMs: number
  /** Where it was made, if that is noted. */
  readonly stack: string | undefined
}

export interface Census<C> {
  /** Those held longest first. */
  readonly holders: readonly Holding<C>[]
  /** The first in the queue; no more than can be read. */
  readonly waiters: readonly Waiting[]
}

const MOST_WAITERS = 10

export function takeCensus<C>(
  entries: Iterable<Entry<C>>,
  waiters: Iterable<Pick<Waiter<never>, 'enqueuedAt' | 'loan'>>,
  now: number,
): Census<C> {
  const holders = [...entries]
    .filter(({ place }) => place === 'leased')
    .map(({ connection, leasedAt, sharers }) => ({ connection, heldMs: now - leasedAt, sharers }))
    .sort((one, other) => other.heldMs - one.heldMs)
  const first: Waiting[] = []
  for (const { enqueuedAt, loan } of waiters) {
    if (first.length === MOST_WAITERS) break
    first.push({ waitedMs: now - enqueuedAt, stack: loan?.stack })
  }
  return { holders, waiters: first }
}

/** The connection that has been lent longest. */
export function longestHeld<C>(entries: Iterable<Entry<C>>): Entry<C> | undefined {
  let longest: Entry<C> | undefined
  for (const entry of entries) {
    if (entry.place !== 'leased') continue
    if (longest === undefined || entry.leasedAt < longest.leasedAt) longest = entry
  }
  return longest
}
