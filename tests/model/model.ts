// The small model: who holds what, who waits in which order, and what must have been counted. It learns from
// what borrowers ask and are told, and from what the connector sees (connections.ts); never from the pool's own
// counters, with which invariants.ts compares it.
import { isPoolError } from '../../packages/adapter/src/pool/errors.js'
import type { Lease } from '../../packages/adapter/src/pool/lease.js'
import type { ManualClock } from '../support/manual-clock.js'
import { Connections, type Known, NO_CHANGES } from './connections.js'
import type { ModelConnection, OpenError } from './connector.js'
import type { RunSettings } from './settings.js'

type Fate = 'closed' | 'aborted' | 'hopeless' | 'one too many'

/** A request for a connection, from its asking to its one end. */
export class Request {
  state: 'pending' | 'granted' | 'rejected' = 'pending'
  /** The connection that was lent to it. */
  connection: Known | undefined
  lease: Lease<ModelConnection> | undefined
  /** Whether it did not get its connection in the moment of asking. */
  isQueued = false
  /** How many waited before it. */
  behind = 0
  /** Why it must fail. */
  fate: Fate | undefined

  constructor(
    readonly id: number,
    readonly askedAt: number,
    readonly timeout: number,
    readonly abort: AbortController | undefined,
  ) {}

  get deadline(): number {
    return this.askedAt + this.timeout
  }

  /** Whether it takes what is there, and does not wait. */
  get isTry(): boolean {
    return this.timeout <= 0
  }

  /** Whether it takes what is there, and has not taken anything. */
  get isFreshTry(): boolean {
    return this.isTry && this.fate === undefined && this.connection === undefined
  }
}

/** Something else that was asked of the pool, and takes time. */
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
  state: 'new' | 'open' | 'closed' = 'new'
  minSize: number
  maxSize: number
  /** Requests that wait, in the order of asking. */
  readonly waiting: Request[] = []
  /** Requests that have not been told how they ended. */
  readonly pending = new Set<Request>()
  readonly leases: Request[] = []
  readonly calls = new Set<Call>()
  readonly connections: Connections
  counted = { ...NOTHING_COUNTED }
  /** Why the last attempt to open failed; `undefined` once one has succeeded. */
  lastError: OpenError | undefined
  /** Whether timers are due that had no chance to fire: the process was frozen. */
  timersAreDue = false
  /** From when on connections may be destroyed in the hands of their borrowers. */
  forceAt = Infinity
  /** When the next attempt to open must have been made at the latest, because someone came to wait. */
  attemptDueAt = Infinity
  /** The size when the open pool was last looked at. */
  lastSize: number | undefined
  /** The largest minSize since then. */
  mostFilled: number
  /** How large the pool may become. */
  limit: number
  /** Whether there may be fewer than minSize, because the pool gave up. */
  mayLackConnections = false
  /** Whether there were minSize connections at some moment since the pool was last looked at. */
  wasFilled = false
  /** Requests with a signal. */
  readonly abortable: Request[] = []
  /** Rules that were broken. */
  readonly broken: string[] = []
  readonly settings: RunSettings
  readonly #clock: ManualClock
  #asking: Request | undefined
  #requests = 0
  /** Whether one more connection may be opened because somebody waits. */
  #mayGrow = true

  constructor(
    settings: RunSettings,
    clock: ManualClock,
    /** How large the pool says it is: what it means to open only it knows. */
    readonly poolSize: () => number,
  ) {
    this.settings = settings
    this.minSize = settings.minSize
    this.maxSize = settings.maxSize
    this.limit = settings.maxSize
    this.mostFilled = settings.minSize
    this.#clock = clock
    this.connections = new Connections(this)
  }

  get now(): number {
    return this.#clock.now()
  }

  get isOpen(): boolean {
    return this.state === 'open'
  }

  blame(what: string): void {
    this.broken.push(what)
  }

  // --- Requests ---

  ask(timeout: number, abort: AbortController | undefined): Request {
    const request = new Request(++this.#requests, this.now, timeout, abort)
    this.counted.requestsNum++
    this.pending.add(request)
    if (abort !== undefined) this.abortable.push(request)
    this.#asking = request
    request.behind = this.waiting.length
    if (!this.isOpen) request.fate = 'closed'
    else if (abort?.signal.aborted === true) request.fate = 'aborted'
    else if (!request.isTry && this.#isQueueFull) request.fate = 'one too many'
    else if (!request.isTry) this.waiting.push(request)
    return request
  }

  /** The pool has been asked, and so much larger it is for it. */
  asked(request: Request, growth: number): void {
    this.#asking = undefined
    const { connections } = this
    const waits = this.waiting.includes(request)
    if (waits || (request.connection !== undefined && request.behind > 0 && !request.isTry)) {
      request.isQueued = true
      this.counted.requestsQueued++
    }
    if (growth > 0) this.#judgeGrowth(growth, request.isFreshTry ? 1 : this.waiting.length)
    if (request.isFreshTry) {
      if (connections.idle.length > 0) this.blame('turned away, though a connection is idle')
      const keepsSome = this.settings.maxIdleCount > 0
      if (keepsSome && connections.onTheirWay === 0 && this.poolSize() < this.maxSize) {
        this.blame('does not grow, though a request was turned away')
      }
    }
    if (waits || request.isFreshTry) this.wakeAttempts()
  }

  /** Someone waits: where every attempt sleeps, one must come soon. */
  wakeAttempts(): void {
    if (this.connections.allSleep) this.attemptDueAt = Math.min(this.attemptDueAt, this.now + KICK_MS)
  }

  /** Takes the next in turn for a connection that is lent. */
  take(): Request | undefined {
    const asking = this.#asking
    if (asking?.isFreshTry === true) return asking
    const first = this.waiting.shift()
    if (first?.isQueued === true) this.#waited(first)
    return first
  }

  granted(request: Request, lease: Lease<ModelConnection>): void {
    this.#end(request, 'granted')
    request.lease = lease
    this.leases.push(request)
    const { connection } = lease
    if (request.connection?.connection === connection) return
    this.blame(`request ${request.id} was given connection ${connection.id}, but was not next in turn for it`)
  }

  rejected(request: Request, error: unknown): void {
    this.#end(request, 'rejected')
    this.counted.requestsErrors++
    const index = this.waiting.indexOf(request)
    if (index >= 0) this.waiting.splice(index, 1)
    const objection = this.#objection(request, error, index >= 0)
    if (objection !== undefined) this.blame(`request ${request.id} ${objection}: ${String(error)}`)
    if (index >= 0) this.#waited(request)
  }

  abort(abort: AbortController): void {
    for (const request of [...this.waiting]) if (request.abort === abort) this.#turnAway(request, 'aborted')
  }

  /** There is nothing to be returned to them, and no hope of a connection. */
  turnAwayAll(fate: 'closed' | 'hopeless'): void {
    for (const request of [...this.waiting]) this.#turnAway(request, fate)
  }

  turnAwayFirst(): void {
    const first = this.waiting[0]
    if (first !== undefined) this.#turnAway(first, 'hopeless')
  }

  giveBack(request: Request, how: 'released' | 'destroyed'): void {
    this.leases.splice(this.leases.indexOf(request), 1)
    const known = request.connection
    if (known === undefined) return
    this.counted.usageMs += this.now - known.lentAt
    this.connections.returned(known, how)
  }

  // --- The life of the pool ---

  open(): void {
    this.state = 'open'
    this.connections.opened()
    this.mayLackConnections = false
  }

  stop(state: 'new' | 'closed'): void {
    this.state = state
    this.turnAwayAll('closed')
    this.connections.stopped()
    this.lastSize = undefined
    this.attemptDueAt = Infinity
    this.#mayGrow = true
  }

  resize(minSize: number, maxSize: number): void {
    this.minSize = minSize
    this.maxSize = maxSize
    // What is too much leaves by and by.
    this.limit = Math.max(maxSize, this.poolSize())
    this.mayLackConnections = false
    this.mostFilled = Math.max(this.mostFilled, minSize)
    this.connections.growthIsDue()
    this.noteFilling()
  }

  noteFilling(): void {
    if (this.connections.usable >= this.minSize) this.wasFilled = true
  }

  /** The pool was looked at. */
  noteSize(size: number): void {
    this.lastSize = this.isOpen ? size : undefined
    this.limit = Math.max(this.maxSize, size)
    this.connections.changes = { ...NO_CHANGES }
    this.mostFilled = this.minSize
    this.wasFilled = this.connections.usable >= this.minSize
  }

  /** An attempt to open has ended, one way or the other. */
  attemptEnded(): void {
    this.#mayGrow = true
  }

  describe(): string {
    const places = [...this.connections.all].map(({ connection, place }) => `${connection.id} ${place}`)
    const waiting = this.waiting.map(({ id }) => id)
    return (
      `at ${this.now}, ${this.state}, ${this.minSize} to ${this.maxSize}, size ${this.poolSize()}; ` +
      `connections: ${places.join(', ')}; waiting: ${waiting.join(', ')}`
    )
  }

  // --- Judgement ---

  #end(request: Request, state: 'granted' | 'rejected'): void {
    if (request.state !== 'pending') this.blame(`request ${request.id} was ${request.state}, then ${state}`)
    request.state = state
    this.pending.delete(request)
  }

  /** Whoever waits only for an examination to end does not count. */
  get #isQueueFull(): boolean {
    const { idle } = this.connections
    const { maxWaiting } = this.settings
    const examined = this.connections.count('examined')
    return maxWaiting > 0 && idle.length === 0 && this.waiting.length - examined >= maxWaiting
  }

  #turnAway(request: Request, fate: Fate): void {
    this.waiting.splice(this.waiting.indexOf(request), 1)
    request.fate = fate
    this.#waited(request)
  }

  #waited(request: Request): void {
    const ms = this.now - request.askedAt
    this.counted.requestsWaitMs += ms
    this.counted.longestWaitMs = Math.max(this.counted.longestWaitMs, ms)
  }

  /** What speaks against this end of a request. */
  #objection(request: Request, error: unknown, wasWaiting: boolean): string | undefined {
    if (request.connection !== undefined) return 'was lent a connection, and failed'
    if (request.fate === 'aborted') {
      return error === request.abort?.signal.reason ? undefined : 'was aborted, and failed for another reason'
    }
    if (!isPoolError(error)) return 'failed'
    switch (error.code) {
      case 'POOL_CLOSED':
        return request.fate === 'closed' ? undefined : 'failed as if the pool were closed'
      case 'POOL_CONNECT':
        return request.fate === 'hopeless' ? undefined : 'failed as if there were no hope'
      case 'POOL_TOO_MANY_REQUESTS':
        return request.fate === 'one too many' ? undefined : 'was turned away'
      case 'POOL_TIMEOUT':
        if (request.fate !== undefined) return `should have failed as ${request.fate}`
        if (error.cause !== this.lastError) return 'timed out for another cause than the last failure'
        if (request.isTry) return undefined
        if (!wasWaiting) return 'timed out, but did not wait'
        if (this.timersAreDue && this.now > request.deadline) return undefined
        return this.now === request.deadline ? undefined : `timed out at ${this.now}, not ${request.deadline}`
      default:
        return 'failed'
    }
  }

  #judgeGrowth(growth: number, wanted: number): void {
    this.connections.changes.mayHaveCome += growth
    if (this.connections.onTheirWay > wanted) this.blame('grew, though enough is on its way')
    if (this.settings.growth === 'immediate') return
    if (growth > 1) this.blame(`grew by ${growth} for one request`)
    if (!this.#mayGrow) this.blame('grew twice before either connection was there')
    this.#mayGrow = false
  }
}

/** Who comes to wait while every attempt sleeps wakes one within this time. */
const KICK_MS = 250
