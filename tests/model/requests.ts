// The model's requests: who waits in which order, who holds what, and how each must end.
import { isPoolError } from '../../packages/adapter/src/pool/errors.js'
import type { Lease } from '../../packages/adapter/src/pool/lease.js'
import type { Known } from './connections.js'
import type { ModelConnection } from './connector.js'
import type { Model } from './model.js'

/** Why a request must fail. */
type Fate = 'closed' | 'aborted' | 'hopeless' | 'one too many'

/** With which connections a request makes do. */
export interface Needs {
  readonly isShared: boolean
  readonly follows: boolean
}

/** A request for a connection, from its asking to its one end. */
export class Request {
  state: 'pending' | 'granted' | 'rejected' = 'pending'
  /** The connection that was lent to it. */
  connection: Known | undefined
  lease: Lease<ModelConnection> | undefined
  /** Whether it did not get its connection in the moment of asking. */
  isQueued = false
  fate: Fate | undefined
  /** Whether it holds a connection on which the COMMIT of another is not answered. */
  isSuccessor = false
  /** Whether its deadline has passed meanwhile. */
  isOverdue = false

  constructor(
    readonly id: number,
    readonly askedAt: number,
    readonly timeout: number,
    readonly abort: AbortController | undefined,
    readonly isShared: boolean,
    /** Whether it may be handed a connection on which another waits for the last answer. */
    readonly follows: boolean,
  ) {}

  get deadline(): number {
    return this.askedAt + this.timeout
  }

  /** Whether it takes what is there, and does not wait. */
  get isTry(): boolean {
    return this.timeout <= 0
  }

  /** Whether it may share a connection on which the COMMIT of another is not answered. */
  get mayFollow(): boolean {
    return this.follows && !this.isTry
  }

  /** Whether it takes what is there, and has not taken anything. */
  get isFreshTry(): boolean {
    return this.isTry && this.fate === undefined && this.connection === undefined
  }
}

export class Requests {
  /** Those that wait, in the order of asking. */
  readonly waiting: Request[] = []
  /** Those that have not been told how they ended. */
  readonly pending = new Set<Request>()
  /** Those that hold a connection. */
  readonly holding: Request[] = []
  /** Those with a signal. */
  readonly abortable: Request[] = []
  readonly #model: Model
  #asking: Request | undefined
  #count = 0
  /** Whether others who would share waited when the pool was asked. */
  #isBehindOthers = false
  /** How many have joined others since the pool was asked. */
  #joined = 0

  constructor(model: Model) {
    this.#model = model
  }

  /** The pool is going to be asked. */
  ask(timeout: number, abort: AbortController | undefined, { isShared, follows }: Needs): Request {
    const { now, isOpen, counted, settings } = this.#model
    const mayShare = isShared && settings.pipelining > 1
    const request = new Request(++this.#count, now, timeout, abort, mayShare, follows)
    this.#joined = 0
    this.#isBehindOthers = this.waiting.some(({ isShared }) => isShared)
    counted.requestsNum++
    this.pending.add(request)
    if (abort !== undefined) this.abortable.push(request)
    if (!isOpen) request.fate = 'closed'
    else if (abort?.signal.aborted === true) request.fate = 'aborted'
    else if (!request.isTry && this.#isQueueFull) request.fate = 'one too many'
    else if (!request.isTry) {
      request.isQueued = this.waiting.length > 0
      this.waiting.push(request)
    }
    this.#asking = request
    return request
  }

  /** The pool has been asked, and is so much larger for it. */
  asked(request: Request, growth: number): void {
    this.#asking = undefined
    const { connections, sizes, counted } = this.#model
    if (this.waiting.includes(request)) request.isQueued = true
    if (request.isQueued) counted.requestsQueued++
    if (growth > 0) {
      // One that would share shows that one more is wanted, also where it is served, or cannot wait.
      const itself = request.isShared && !this.waiting.includes(request) ? 1 : 0
      const wanted = this.waiting.length + Math.max(this.#joined, itself)
      sizes.grew(growth, request.isTry && !request.isShared ? 1 : wanted)
    }
    if (request.isFreshTry) {
      if (connections.idle.length > 0) this.#model.blame('turned away, though a connection is idle')
      sizes.mustHaveGrown()
    }
    if (request.isFreshTry || this.waiting.includes(request)) sizes.wakeAttempts()
  }

  /** Takes the next in turn for a connection that is lent. */
  take(): Request | undefined {
    if (this.#asking?.isFreshTry === true) return this.#asking
    const first = this.waiting.shift()
    if (first?.isQueued === true) this.#waited(first)
    return first
  }

  /** Takes the next in turn for a place beside others on a connection. */
  takeToShare(): Request | undefined {
    this.#joined++
    const asking = this.#asking
    if (asking?.isFreshTry === true) return asking.isShared ? asking : undefined
    if (asking?.fate === 'one too many' && asking.isShared && !this.#isBehindOthers) {
      // It need not wait, however many do.
      asking.fate = undefined
      return asking
    }
    const first = this.firstToShare
    if (first === undefined) return undefined
    this.waiting.splice(this.waiting.indexOf(first), 1)
    // Who gets it in the moment of asking does not wait, unless for others of its kind.
    if (first === this.#asking) first.isQueued = this.#isBehindOthers
    if (first.isQueued) this.#waited(first)
    return first
  }

  get firstToShare(): Request | undefined {
    return this.waiting.find(({ isShared }) => isShared)
  }

  /** How many who want a connection alone, and whose time is not up by then, are before it, or one that comes now. */
  aloneAheadOf(request: Request, then = -Infinity): number {
    const index = this.waiting.indexOf(request)
    const ahead = index < 0 ? this.waiting : this.waiting.slice(0, index)
    return ahead.filter(({ isShared, deadline }) => !isShared && deadline > then).length
  }

  /** Those that have a connection alone. */
  get holdingAlone(): Request[] {
    return this.holding.filter(({ isShared }) => !isShared)
  }

  granted(request: Request, lease: Lease<ModelConnection>): void {
    this.#end(request, 'granted')
    request.lease = lease
    this.holding.push(request)
    const { connection } = lease
    if (request.connection?.connection === connection) return
    this.#model.blame(
      `request ${request.id} has connection ${connection.id}, but was not next in turn for it`,
    )
  }

  rejected(request: Request, error: unknown): void {
    this.#end(request, 'rejected')
    this.#model.counted.requestsErrors++
    const index = this.waiting.indexOf(request)
    const wasWaiting = index >= 0
    if (wasWaiting) {
      this.waiting.splice(index, 1)
      this.#waited(request)
    }
    const objection = this.#objection(request, error, wasWaiting)
    if (objection !== undefined) this.#model.blame(`request ${request.id} ${objection}: ${String(error)}`)
  }

  /** It rejected because the COMMIT before it was not answered in time. */
  overdue(request: Request, error: unknown): void {
    const { now, timersAreDue, counted } = this.#model
    const { id, deadline, connection, isSuccessor } = request
    counted.requestsErrors++
    request.isOverdue = true
    if (connection !== undefined) connection.isOverdue = true
    if (!isPoolError(error) || error.code !== 'POOL_TIMEOUT')
      this.#model.blame(`request ${id} is overdue: ${String(error)}`)
    if (!isSuccessor || !this.holding.includes(request))
      this.#model.blame(`request ${id} is overdue, behind no COMMIT`)
    if (now !== deadline && !(timersAreDue && now > deadline)) {
      this.#model.blame(`request ${id} is overdue at ${now}, not ${deadline}`)
    }
  }

  /** No COMMIT on this connection is unanswered any more. */
  answered(known: Known): void {
    for (const request of this.holding) {
      if (request.connection === known) request.isSuccessor = request.isOverdue = false
    }
  }

  /** Gives a connection back. */
  giveBack(request: Request): void {
    this.holding.splice(this.holding.indexOf(request), 1)
    const { connection } = request
    // Those that share a connection use it as one.
    if (connection !== undefined && connection.sharers.size <= 1) {
      this.#model.counted.usageMs += this.#model.now - connection.lentAt
    }
  }

  abort(abort: AbortController): void {
    for (const request of [...this.waiting]) if (request.abort === abort) this.#turnAway(request, 'aborted')
  }

  turnAwayAll(fate: Fate): void {
    for (const request of [...this.waiting]) this.#turnAway(request, fate)
  }

  turnAwayFirst(fate: Fate): void {
    const first = this.waiting[0]
    if (first !== undefined) this.#turnAway(first, fate)
  }

  #end(request: Request, state: 'granted' | 'rejected'): void {
    if (request.state !== 'pending') {
      this.#model.blame(`request ${request.id} was ${request.state}, then ${state}`)
    }
    request.state = state
    this.pending.delete(request)
  }

  /** From now on it does not wait; it will be told. */
  #turnAway(request: Request, fate: Fate): void {
    this.waiting.splice(this.waiting.indexOf(request), 1)
    request.fate = fate
    this.#waited(request)
  }

  #waited({ askedAt }: Request): void {
    const { counted, now } = this.#model
    counted.requestsWaitMs += now - askedAt
    counted.longestWaitMs = Math.max(counted.longestWaitMs, now - askedAt)
  }

  /** Whoever waits only for an examination to end, or for a connection that is opened for them, does not count. */
  get #isQueueFull(): boolean {
    const { connections, settings, sizes } = this.#model
    const { maxWaiting, growth } = settings
    if (maxWaiting === 0 || connections.idle.length > 0) return false
    const served = growth === 'immediate' ? sizes.onTheirWay : connections.count('examined')
    return this.waiting.length - served >= maxWaiting
  }

  /** What speaks against this end of a request. */
  #objection(request: Request, error: unknown, wasWaiting: boolean): string | undefined {
    const { fate, connection, abort, deadline, isTry } = request
    if (connection !== undefined) return 'was lent a connection, and failed'
    if (fate === 'aborted') {
      return error === abort?.signal.reason ? undefined : 'was aborted, and failed for another reason'
    }
    if (!isPoolError(error)) return 'failed'
    switch (error.code) {
      case 'POOL_CLOSED':
        return fate === 'closed' ? undefined : 'failed as if the pool were closed'
      case 'POOL_CONNECT':
        return fate === 'hopeless' ? undefined : 'failed as if there were no hope'
      case 'POOL_TOO_MANY_REQUESTS':
        return fate === 'one too many' ? undefined : 'was turned away'
      case 'POOL_TIMEOUT': {
        const { now, timersAreDue, sizes } = this.#model
        if (fate !== undefined) return `should have failed as ${fate}`
        if (error.cause !== sizes.lastError) return 'timed out for another cause than the last failure'
        if (isTry) return undefined
        if (!wasWaiting) return 'timed out, but did not wait'
        const isInTime = now === deadline || (timersAreDue && now > deadline)
        return isInTime ? undefined : `timed out at ${now}, not ${deadline}`
      }
      default:
        return 'failed'
    }
  }
}
