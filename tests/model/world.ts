// The real side: a pool on a manual clock, and a connector that ends nothing by itself. Whatever is done to the
// pool is told to the model, too.
import type fc from 'fast-check'
import { isPoolError } from '../../packages/adapter/src/pool/errors.js'
import { Pool } from '../../packages/adapter/src/pool/pool.js'
import { Counters } from '../../packages/adapter/src/pool/stats.js'
import type { CloseOptions, Condition } from '../../packages/adapter/src/pool/types.js'
import type { Timer, TimerOptions } from '../../packages/adapter/src/pool/clock.js'
import { ManualClock } from '../support/manual-clock.js'
import { realProcess } from '../support/real-process.js'
import { type AnswerTime, type ModelConnection, ModelConnector } from './connector.js'
import type { Known } from './connections.js'
import { atAnyTime, atRest, mayEnd } from './invariants.js'
import { type Call, Model, NOTHING_COUNTED } from './model.js'
import { Observer } from './observer.js'
import type { Needs, Request } from './requests.js'
import { DEFAULT_TIMEOUT, type RunSettings } from './settings.js'

/** What is let happen after something was done: so many microtasks, or all that can. */
export type Pause = number | 'rest'

/** What a request is given to be aborted by: its own signal, one that others have too, one that has aborted. */
export type Signal = 'none' | 'own' | 'shared' | 'aborted'

/** How a borrower gives a connection back. */
export type Return = Condition | 'unrestorable' | 'destroyed'

/** The answer to what a borrower sent last, before it hands a connection over. */
export interface Answer {
  readonly when: AnswerTime
  readonly fails: boolean
}

const ALONE: Needs = { isShared: false, follows: false }

/** A machine that slept this long was frozen, by any measure. */
const FROZEN_MS = 15_000

/** A clock whose turns of the event loop end when the scheduler says, and whose timers are of whole milliseconds. */
class ModelClock extends ManualClock {
  onTurn: () => Promise<void> = () => Promise.resolve()

  override turn(): Promise<void> {
    return this.onTurn()
  }

  override setTimer(delayMs: number, callback: () => void, options: TimerOptions): Timer {
    return super.setTimer(Math.ceil(delayMs), callback, options)
  }
}

export class World {
  readonly clock = new ModelClock()
  readonly model: Model
  readonly connector: ModelConnector
  readonly pool: Pool<ModelConnection>
  readonly scheduler: fc.Scheduler
  /** Losses of which the pool told. */
  losses = 0
  /** Loans of which the pool told, and not of their end. */
  loans = 0
  readonly #counters = new Counters()
  readonly #unhandled: unknown[] = []
  readonly #noteUnhandled = (reason: unknown): unknown => this.#unhandled.push(reason)
  #window: Timer | undefined
  #shared = new AbortController()
  /** By when the first call of close ends. */
  #closesBy: number | undefined

  constructor(settings: RunSettings, scheduler: fc.Scheduler) {
    this.scheduler = scheduler
    this.model = new Model(settings, this.clock, () => this.pool.getStats().poolSize)
    const observer = new Observer(this.model)
    const { ignoresAbort } = settings
    this.connector = new ModelConnector(observer, scheduler, this.clock, ignoresAbort, (connection) =>
      this.lose(connection),
    )
    this.pool = new Pool(this.connector, settings, this.clock, {
      counters: this.#counters,
      onLost: () => this.losses++,
      onGaveUp: () => this.model.sizes.gaveUp(),
      onRequest: () => ({ onLent: () => this.loans++, onReturned: () => this.loans-- }),
    })
    this.clock.onTurn = () => {
      this.connector.decide()
      observer.read()
      return this.connector.gate('turn')
    }
    realProcess.on('unhandledRejection', this.#noteUnhandled)
  }

  dispose(): void {
    this.connector.isOver = true
    realProcess.off('unhandledRejection', this.#noteUnhandled)
  }

  // --- Borrowers ---

  /** Asks for a connection; resolves when the request has ended, one way or the other. */
  ask(timeout: number, signal: Signal = 'none', needs = ALONE): Promise<Request> {
    const abort = this.#abortController(signal)
    const { requests } = this.model
    const request = requests.ask(timeout, abort, needs)
    const size = this.model.poolSize()
    const acquired = this.pool.acquire({
      timeout: timeout === DEFAULT_TIMEOUT ? undefined : timeout,
      signal: abort?.signal,
      shared: needs.isShared,
      follows: needs.follows,
    })
    this.connector.decide()
    requests.asked(request, this.model.poolSize() - size)
    return acquired.then(
      (lease) => {
        this.connector.decide()
        requests.granted(request, lease)
        const unanswered = new Promise<never>(() => {})
        lease.inTime(unanswered).catch((error: unknown) => requests.overdue(request, error))
        return request
      },
      (error: unknown) => {
        requests.rejected(request, error)
        return request
      },
    )
  }

  abort({ id, abort }: Request): void {
    if (abort === undefined) return
    this.model.requests.abort(abort)
    abort.abort(new Error(`request ${id} was aborted`))
    this.connector.decide()
  }

  giveBack(request: Request, how: Return): void {
    const { lease, connection: known } = request
    if (lease === undefined || known === undefined) return
    const { connection } = lease
    if (!connection.isBroken && how !== 'destroyed') {
      connection.condition = how === 'unrestorable' ? 'unclean' : how
      connection.failsToRestore = how === 'unrestorable'
      // Whoever used it has noticed.
      if (connection.isSilent) connection.condition = 'broken'
    }
    this.model.requests.giveBack(request)
    const isLast = known.sharers.size <= 1
    known.sharers.delete(request)
    const isAnswered = !request.isOverdue
    if (isAnswered) known.headSince = this.model.now
    const { connections } = this.model
    connections[isLast ? 'returned' : 'left'](
      known,
      how === 'destroyed' ? 'destroyed' : 'released',
      isAnswered,
    )
    const returned = how === 'destroyed' ? lease.destroy(new Error('of no use')) : lease.release()
    this.call('return', returned, Infinity, isLast ? [known] : [])
    this.connector.decide()
    if (isLast && known.place === 'returned')
      this.model.blame(`connection ${connection.id} came back, and went nowhere`)
    if (!refusesASecondReturn(lease)) this.model.blame('a lease could be returned twice')
  }

  /** Whoever has a connection alone would do without it before the last answer; returns whether it is handed over. */
  handOver(request: Request, { when, fails }: Answer): boolean {
    const { lease, connection: known } = request
    if (lease === undefined || known === undefined) return false
    const { connections, requests } = this.model
    const { connection } = lease
    const mayGo = requests.waiting[0]?.follows === true && connections.mayBeHandedOver(known)
    // What was proven after a freeze may still be in doubt.
    const mustGo = mayGo && !connections.wasFrozen
    if (mayGo) connections.move(known, ['lent'], 'offered')
    let send = (): void => {}
    const answered = new Promise<void>((resolve) => {
      send = () => resolve(this.connector.answer(connection, when, fails))
    })
    const tell = (): void => connections.answered(known)
    answered.then(tell, tell)
    const isOver = lease.handOver(answered)
    this.connector.decide()
    if (isOver !== (mayGo && known.place === 'lent')) this.model.blame('hands over, and says otherwise')
    if (isOver) {
      send()
      if (!refusesASecondReturn(lease)) this.model.blame('a lease that was handed over could be returned')
    } else if (mayGo) {
      if (mustGo) this.model.blame(`does not hand connection ${connection.id} over`)
      connections.move(known, ['offered'], 'lent')
    }
    return isOver
  }

  /** The server, or the network, ends a connection. */
  lose(connection: ModelConnection): void {
    connection.condition = 'broken'
    this.model.connections.lost(connection)
    connection.onLost?.(new Error('lost'))
    this.connector.decide()
    if (this.model.connections.of(connection).place === 'idle') {
      this.model.blame(`keeps connection ${connection.id}, which was lost`)
    }
  }

  // --- The pool as a whole ---

  open(): void {
    this.model.open()
    // Set just before the pool's own, so that it fires just before it.
    this.#watchWindow()
    this.pool.open()
  }

  stop(what: 'close' | 'suspend', options: CloseOptions & { timeout: number }): void {
    const deadline = this.clock.now() + options.timeout
    if (options.force === true) this.model.forceAt = Math.min(this.model.forceAt, deadline)
    // A pool that closes for good already goes on with that, and only force begins anew.
    const goesOn = this.#closesBy !== undefined && options.force !== true
    if (what === 'close') this.#closesBy ??= deadline
    this.model.stop(what === 'close' ? 'closed' : 'new')
    this.unwatchWindow()
    this.call(what, this.pool[what](options), goesOn ? this.#closesBy : deadline)
    this.connector.decide()
  }

  resize(minSize: number, maxSize: number): void {
    this.model.sizes.resize(minSize, maxSize)
    this.pool.resize({ minSize, maxSize })
  }

  drain(): void {
    const { connections } = this.model
    const idle = [...connections.idle]
    connections.outdate()
    this.call('drain', this.pool.drain(), Infinity, idle)
  }

  check(): void {
    const { connections, sizes } = this.model
    const idle = [...connections.idle]
    connections.isCheckingAll = true
    sizes.fillingIsDue()
    this.call('check', this.pool.check(), Infinity, idle)
    this.connector.decide()
    connections.isCheckingAll = false
    if (connections.idle.length > 0) this.model.blame('does not ask after every idle connection')
  }

  wait(timeout: number): void {
    this.model.sizes.fillingIsDue()
    this.call('wait', this.pool.wait(timeout), this.clock.now() + timeout)
  }

  popStats(): void {
    this.#counters.reset()
    this.model.counted = { ...NOTHING_COUNTED }
  }

  /** Follows what takes time; that it ends when it should, the invariants tell. */
  call(what: Call['what'], promise: Promise<unknown>, deadline = Infinity, connections: Known[] = []): void {
    const call: Call = { what, deadline, connections }
    this.model.calls.add(call)
    promise.then(
      () => {
        this.model.calls.delete(call)
        if (!mayEnd(call, this.model)) this.model.blame(`${what} ends too soon`)
      },
      (error: unknown) => {
        this.model.calls.delete(call)
        const isAllowed =
          what === 'wait' && isPoolError(error) && ['POOL_TIMEOUT', 'POOL_CLOSED'].includes(error.code)
        if (!isAllowed) this.model.blame(`${what} failed: ${String(error)}`)
      },
    )
  }

  // --- Time ---

  /** Ends one of the things that the pool waits for; resolves in that very moment. */
  finishOne(): Promise<void> {
    if (this.scheduler.count() === 0) return Promise.resolve()
    return new Promise((resolve) => {
      void this.scheduler.waitNext(1, (end) => {
        resolve()
        return end()
      })
    })
  }

  async advance(ms: number): Promise<void> {
    await this.rest()
    await this.clock.advance(ms)
    this.model.timersAreDue = false
    await this.rest()
  }

  /** Time passes, and no timer fires until the process runs again. */
  async freeze(ms: number): Promise<void> {
    await this.rest()
    this.clock.freeze(ms)
    this.model.timersAreDue = true
    if (ms >= FROZEN_MS) this.model.connections.frozen()
  }

  async pause(pause: Pause): Promise<void> {
    if (pause === 'rest') return this.rest()
    for (let microtask = 0; microtask < pause; microtask++) await Promise.resolve()
    atAnyTime(this)
  }

  /** Lets everything happen that can without time passing or anything ending. */
  async rest(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.connector.decide()
    atRest(this, this.#unhandled)
  }

  #abortController(signal: Signal): AbortController | undefined {
    if (signal === 'none') return undefined
    if (signal === 'shared') {
      if (this.#shared.signal.aborted) this.#shared = new AbortController()
      return this.#shared
    }
    const abort = new AbortController()
    if (signal === 'aborted') abort.abort(new Error('aborted before'))
    return abort
  }

  /** The model's own timer ends. */
  unwatchWindow(): void {
    this.#window?.cancel()
  }

  #watchWindow(): void {
    const { maxIdle } = this.model.settings
    if (maxIdle === Infinity) return
    const end = (): void => {
      this.#window = this.clock.setTimer(maxIdle, end, { keepAlive: false })
      this.model.connections.endIdleWindow()
    }
    this.#window = this.clock.setTimer(maxIdle, end, { keepAlive: false })
  }
}

function refusesASecondReturn(lease: { release(): Promise<void> }): boolean {
  try {
    void lease.release()
    return false
  } catch (error) {
    return isPoolError(error) && error.code === 'POOL_LEASE'
  }
}
