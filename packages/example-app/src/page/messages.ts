/**
 * What the service tells the dashboard, as both sides of the stream know it.
 */

/** How the service treats its connection during a payment. */
export type Conduct = 'release' | 'hold'

export interface Settings {
  readonly conduct: Conduct
  readonly callers: number
}

/** A connection as the server sees it at one look. */
export type LaneState = 'idle' | 'active' | 'transaction' | 'lock'

/** The states of a strip, one letter for each look, oldest first. */
export const STATE_LETTERS = { i: 'idle', a: 'active', t: 'transaction', l: 'lock' } as const
export type StateLetter = keyof typeof STATE_LETTERS

export interface Lane {
  readonly pid: number
  readonly state: LaneState
  /** How long it has been in that state. */
  readonly forMs: number
  /** Whom it waits for, where it waits on a lock. */
  readonly blockedBy: readonly number[]
  readonly statement: string
  /** `StateLetter`s: in a snapshot all that are remembered, in a tick those since the one before. */
  readonly strip: string
}

/** One moment of the charts. A value that there was none of is null. */
export interface Point {
  readonly at: number
  readonly callers: number
  /** Connections that were not idle, at the look of this tick that saw the most; null: the server did not answer. */
  readonly inUse: number | null
  readonly open: number | null
  /** Callers that waited for a connection. */
  readonly waiting: number
  /** How long a request waited for its connection, and how long it kept it: means of this tick. */
  readonly waitMs: number | null
  readonly holdMs: number | null
  readonly paymentsPerSecond: number
  /** How long payments took, the median and the slowest one in a hundred. */
  readonly latencyP50Ms: number | null
  readonly latencyP99Ms: number | null
}

/** What has been counted since the service began. */
export interface Totals {
  readonly payments: number
  readonly failures: number
  /** Transactions run again after a write conflict. */
  readonly retries: number
  readonly requests: number
  readonly requestsErrors: number
  readonly longestWaitMs: number
  readonly connectionsOpened: number
  readonly connectionsLost: number
  readonly leaksDetected: number
}

/** A borrower that kept its connection for longer than the threshold. */
export interface SlowHolder {
  readonly id: number
  readonly at: number
  readonly heldMs: number
  /** Where it was acquired, one frame a line. */
  readonly stack: string
}

export interface Tick {
  readonly settings: Settings
  readonly point: Point
  /** Oldest connection first; null: the server did not answer. */
  readonly lanes: readonly Lane[] | null
  readonly totals: Totals
  readonly slowHolders: readonly SlowHolder[]
}

/** The first message of a stream: everything that is remembered, then ticks follow. */
export interface Snapshot extends Omit<Tick, 'point'> {
  readonly points: readonly Point[]
  readonly pool: { readonly name: string; readonly min: number; readonly max: number }
  readonly maxCallers: number
  readonly tickMs: number
  readonly looksPerTick: number
  readonly slowHolderMs: number
}
