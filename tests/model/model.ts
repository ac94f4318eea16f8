// The small model: who holds what, who waits in which order, how many connections there may be, and what must have
// been counted. It learns from what borrowers ask and are told (requests.ts), and from what the connector sees
// (observer.ts); with what the pool says of itself, invariants.ts compares it.
import type { ManualClock } from '../support/manual-clock.js'
import { Connections, type Known } from './connections.js'
import { Requests } from './requests.js'
import type { RunSettings } from './settings.js'
import { Sizes } from './sizes.js'

/** Something that was asked of the pool, and takes time. */
export interface Call {
  readonly what: 'close' | 'suspend' | 'wait' | 'check' | 'drain' | 'return'
  readonly deadline: number
  /** Those that it is about. */
  readonly connections: readonly Known[]
}

export const NOTHING_COUNTED = {
  requestsNum: 0,
  requestsQueued: 0,
  requestsErrors: 0,
  requestsWaitMs: 0,
  longestWaitMs: 0,
  usageMs: 0,
  returnsBad: 0,
  connectionsNum: 0,
  connectionsMs: 0,
  connectionsErrors: 0,
  connectionsLost: 0,
}

export class Model {
  readonly settings: RunSettings
  readonly requests: Requests
  readonly connections: Connections
  readonly sizes: Sizes
  readonly calls = new Set<Call>()
  state: 'new' | 'open' | 'closed' = 'new'
  counted = { ...NOTHING_COUNTED }
  /** Whether timers are due that had no chance to fire: the process was frozen. */
  timersAreDue = false
  /** From when on connections may be destroyed in the hands of their borrowers. */
  forceAt = Infinity
  /** Rules that were broken. */
  readonly broken: string[] = []
  readonly #clock: ManualClock

  constructor(
    settings: RunSettings,
    clock: ManualClock,
    /** How large the pool says it is: what it means to open only it knows. */
    readonly poolSize: () => number,
  ) {
    this.settings = settings
    this.#clock = clock
    this.requests = new Requests(this)
    this.connections = new Connections(this)
    this.sizes = new Sizes(this)
  }

  get now(): number {
    return this.#clock.now()
  }

  get isOpen(): boolean {
    return this.state === 'open'
  }

  open(): void {
    this.state = 'open'
    this.sizes.opened()
  }

  stop(state: 'new' | 'closed'): void {
    this.state = state
    this.requests.turnAwayAll('closed')
    this.connections.outdate()
    this.sizes.stopped()
  }

  blame(what: string): void {
    this.broken.push(what)
  }

  describe(): string {
    const { minSize, maxSize } = this.sizes
    const places = [...this.connections].map(({ connection, place }) => `${connection.id} ${place}`)
    const waiting = this.requests.waiting.map(({ id }) => id)
    return (
      `at ${this.now}, ${this.state}, ${minSize} to ${maxSize}, size ${this.poolSize()}; ` +
      `connections: ${places.join(', ')}; waiting: ${waiting.join(', ')}`
    )
  }
}
