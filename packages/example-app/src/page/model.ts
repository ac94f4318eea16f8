/**
 * What the page knows: the last snapshot with all ticks since then added to it. Knows nothing of the page.
 */
import type { Conduct, Lane, Point, Snapshot, Tick } from './messages.js'

export const SHOWN_SECONDS = 60
export const SHOWN_LOOKS = 240
/** Over which time the figure of connections in use is the highest. */
const PEAK_TICKS = 6
/** So long after a change, most requests of before it are over. */
const STALE_TICKS = 3
/** When the last request of before a change is over, and its traces have left the figures. */
const SETTLED_TICKS = 12

/** What was seen under a conduct when it was last in force. */
export interface Seen {
  readonly callers: number
  readonly inUse: number
}

export class Model {
  #snapshot: Snapshot
  #ticksSinceChange = Infinity
  readonly #seen: Partial<Record<Conduct, Seen>>

  /** After a broken connection, what was seen before it stays. */
  constructor(snapshot: Snapshot, before?: Model) {
    this.#snapshot = snapshot
    this.#seen = { ...before?.seen }
  }

  add(tick: Tick): void {
    const { points, settings, lanes } = this.#snapshot
    const { point, ...now } = tick
    const isChanged = settings.conduct !== tick.settings.conduct || settings.callers !== tick.settings.callers
    this.#ticksSinceChange = isChanged ? 0 : this.#ticksSinceChange + 1
    const known = new Map(lanes?.map((lane) => [lane.pid, lane.strip]))
    const extended = (lane: Lane) => ({
      ...lane,
      strip: ((known.get(lane.pid) ?? '') + lane.strip).slice(-SHOWN_LOOKS),
    })
    const oldest = point.at - SHOWN_SECONDS * 1_000
    this.#snapshot = {
      ...this.#snapshot,
      ...now,
      lanes: tick.lanes?.map(extended) ?? null,
      points: [...points.filter(({ at }) => at >= oldest), point],
    }
    const { callers } = tick.settings
    const inUse = this.peakInUse
    if (this.#ticksSinceChange > STALE_TICKS && inUse !== null)
      this.#seen[tick.settings.conduct] = { callers, inUse }
  }

  get seen(): Readonly<Partial<Record<Conduct, Seen>>> {
    return this.#seen
  }

  get now(): Snapshot {
    return this.#snapshot
  }

  get last(): Point | undefined {
    return this.#snapshot.points.at(-1)
  }

  /** The most connections that were in use at a time lately, under the present settings; null: not known. */
  get peakInUse(): number | null {
    // Soon after a change, requests of before it are still under way: only the present counts then.
    const ticks = Math.min(PEAK_TICKS, Math.max(1, this.#ticksSinceChange - STALE_TICKS))
    const seen = this.#snapshot.points.slice(-ticks).flatMap(({ inUse }) => inUse ?? [])
    return seen.length > 0 ? Math.max(...seen) : null
  }

  /** How many callers have been waiting all of that time. */
  get waitingSteadily(): number {
    return Math.min(...this.#snapshot.points.slice(-PEAK_TICKS).map(({ waiting }) => waiting))
  }

  /** Whether so much time has passed since the last change that the figures belong to the present settings. */
  get isSettled(): boolean {
    return this.#ticksSinceChange >= SETTLED_TICKS
  }
}
