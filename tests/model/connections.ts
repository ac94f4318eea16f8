// The model's connections: in which place each is, told by what the connector sees, and which moves a pool may
// make with it.
import type { CloseReason } from '../../packages/adapter/src/pool/types.js'
import type { Attempt, ModelConnection, OpenError, Witness } from './connector.js'
import type { Model, Request } from './model.js'

/**
 * - `arriving`: opened, and not yet anywhere;
 * - `examined`: idle a moment ago, and being looked at before it is lent;
 * - `returned`: given back, and not yet anywhere;
 * - `late`: opened when nobody wanted it any more.
 */
export type Place =
  'arriving' | 'idle' | 'examined' | 'lent' | 'returned' | 'restored' | 'closing' | 'gone' | 'late'

const USABLE: ReadonlySet<Place> = new Set(['arriving', 'idle', 'examined', 'lent', 'returned', 'restored'])

/** A connection that was idle this long may have an end that nobody has read. */
const UNREAD_AFTER_MS = 10
/** The end of a connection this young may be followed by a pause. */
const YOUNG_MS = 1_000

/** By how much the pool's size may or must have changed since it was last looked at. */
export const NO_CHANGES = { mayHaveLeft: 0, mustHaveLeft: 0, mayHaveCome: 0 }

export class Known {
  place: Place = 'arriving'
  borrower: Request | undefined
  lentAt = 0
  idleSince = 0
  /** How many alarms there had been when it was last known to live. */
  provenAt: number
  exam: { how: 'read' | 'check'; alarms: number } | undefined
  fate: 'destroyed' | 'unanswered' | 'unrestored' | undefined
  reason: CloseReason | undefined
  diedYoung = false

  constructor(
    readonly connection: ModelConnection,
    readonly openedAt: number,
    readonly expiresAt: number,
    readonly generation: number,
    alarms: number,
  ) {
    this.provenAt = alarms
  }
}

export class Connections implements Witness {
  /** In the order in which they fell idle. */
  readonly idle: Known[] = []
  /** Attempts to open that have not ended, and are still wanted. */
  readonly attempts = new Set<Attempt>()
  changes = { ...NO_CHANGES }
  /** The most places that may sleep before the next attempt to open. */
  mayAsleep = 0
  /** Attempts in flight, those that were given up included. */
  inFlight = 0
  /** Losses of which the pool must have told. */
  losses = 0
  readonly #known = new Map<ModelConnection, Known>()
  readonly #model: Model
  #generation = 0
  /** How often there was reason to doubt every connection. */
  #alarms = 0
  /** Whether each idle connection is being asked after. */
  isCheckingAll = false
  #wasFrozen = false
  #leastIdle: number
  /** The connection that a window of `maxIdle` could have done without. */
  #spare: Known | undefined
  #firstFailureAt = Infinity
  #lastFailureAt = -Infinity

  constructor(model: Model) {
    this.#model = model
    this.#leastIdle = model.minSize
  }

  in(...places: Place[]): Known[] {
    return [...this.#known.values()].filter(({ place }) => places.includes(place))
  }

  count(...places: Place[]): number {
    return this.in(...places).length
  }

  get all(): Iterable<Known> {
    return this.#known.values()
  }

  /** Connections that are of use. */
  get usable(): number {
    let usable = 0
    for (const { place } of this.#known.values()) if (USABLE.has(place)) usable++
    return usable
  }

  /** Places of connections to be: what the pool counts beyond the connections that there are. */
  get slots(): number {
    return this.#model.poolSize() - this.usable - this.count('closing')
  }

  /** Connections that will be replaced once they are closed. */
  get replacing(): number {
    return this.in('closing').filter((known) => this.#isReplaced(known)).length
  }

  /** Connections that will be free without anyone's return, as far as the pool reckons with them. */
  get onTheirWay(): number {
    return this.slots + this.replacing + this.count('examined')
  }

  get allSleep(): boolean {
    return this.inFlight === 0 && this.slots > 0
  }

  isExpired(known: Known): boolean {
    return known.expiresAt <= this.#model.now
  }

  isOutdated(known: Known): boolean {
    return known.generation < this.#generation
  }

  // --- What happens to the pool ---

  opened(): void {
    this.#firstFailureAt = Infinity
  }

  stopped(): void {
    this.#generation++
    this.mayAsleep = 0
    this.attempts.clear()
  }

  drained(): void {
    this.#generation++
  }

  /** A connection was lost: others may be dead. */
  alarm(): void {
    this.#alarms++
  }

  /** The process was frozen, which the pool notices when it looks. */
  frozen(): void {
    this.#wasFrozen = true
    this.alarm()
  }

  lost(connection: ModelConnection): void {
    const known = this.#of(connection)
    this.alarm()
    this.losses++
    if (known.place === 'idle') this.#model.counted.connectionsLost++
  }

  returned(known: Known, how: 'released' | 'destroyed'): void {
    this.#move(known, ['lent'], 'returned')
    known.borrower = undefined
    if (how === 'destroyed') {
      known.fate = 'destroyed'
      this.losses++
    }
    if (how === 'released' && known.connection.isBroken) this.#model.counted.returnsBad++
    known.provenAt = this.#alarms
  }

  gaveUp(): void {
    this.changes.mayHaveLeft++
    this.#model.mayLackConnections = true
    this.growthIsDue()
    const { reconnectTimeout } = this.#model.settings
    if (this.#lastFailureAt < this.#firstFailureAt + reconnectTimeout) this.#model.blame('gave up too soon')
  }

  /** Something happened after which the pool may grow for those who wait. */
  growthIsDue(): void {
    const { waiting, settings } = this.#model
    this.changes.mayHaveCome += settings.growth === 'immediate' ? waiting.length : Math.min(waiting.length, 1)
  }

  /** A window of `maxIdle` ends. */
  endIdleWindow(): void {
    const spare =
      this.#leastIdle > 0 && this.usable + this.slots > this.#model.minSize ? this.idle[0] : undefined
    this.#leastIdle = this.idle.length - (spare === undefined ? 0 : 1)
    this.#spare = spare
  }

  /** The connection that must have left at the end of the last window. */
  takeSpare(): Known | undefined {
    const spare = this.#spare
    this.#spare = undefined
    return spare
  }

  // --- What the connector sees ---

  attempted(attempt: Attempt): void {
    this.attempts.add(attempt)
    this.inFlight++
    this.#model.attemptDueAt = Infinity
    if (!this.#model.isOpen) this.#model.blame('opens a connection, though the pool is not open')
    if (this.inFlight > this.#model.settings.numWorkers)
      this.#model.blame('opens more at once than numWorkers')
  }

  arrived(connection: ModelConnection, attempt: Attempt): void {
    this.#attemptEnded(attempt)
    const { settings, now, counted } = this.#model
    const lifetime = settings.maxLifetime * (1 - settings.maxLifetimeJitter * settings.random)
    const known = new Known(connection, now, now + lifetime, this.#generation, this.#alarms)
    this.#known.set(connection, known)
    if (attempt.signal.aborted) {
      known.place = 'late'
      return
    }
    counted.connectionsNum++
    counted.connectionsMs += now - attempt.startedAt
    // One that is no good from the beginning counts as one that came back so.
    if (connection.isBroken) counted.returnsBad++
    this.#model.lastError = undefined
    this.mayAsleep = 0
    this.growthIsDue()
    this.#model.noteFilling()
  }

  failed(error: OpenError, attempt: Attempt): void {
    this.#attemptEnded(attempt)
    if (attempt.signal.aborted) return
    const { settings, counted, waiting } = this.#model
    counted.connectionsNum++
    counted.connectionsErrors++
    this.#model.lastError = error
    this.mayAsleep++
    this.#firstFailureAt = Math.min(this.#firstFailureAt, attempt.startedAt)
    this.#lastFailureAt = attempt.startedAt
    if (settings.growth === 'immediate') {
      this.changes.mayHaveLeft++
      this.growthIsDue()
    }
    if (error.isPermanent && this.usable === 0) this.#model.turnAwayAll('hopeless')
    // Its own place does not count any more.
    else if (settings.growth === 'immediate' && waiting.length > this.slots - 1 + this.count('examined')) {
      this.#model.turnAwayFirst()
    }
    // Where everybody waits, no new request comes that would wake an attempt.
    if (this.usable === 0 && waiting.length > 0) this.#model.wakeAttempts()
  }

  lent(connection: ModelConnection): void {
    const known = this.#of(connection)
    const { place, exam } = known
    const isFirst = this.idle[0] === known
    this.#move(known, ['arriving', 'idle', 'examined', 'returned', 'restored'], 'lent')
    const borrower = this.#model.take()
    if (borrower === undefined) return this.#model.blame(`lends connection ${connection.id} to nobody`)
    borrower.connection = known
    known.borrower = borrower
    known.lentAt = this.#model.now
    this.#refuse(known, 'lends', this.#unfit(known) ?? (this.isExpired(known) ? 'expired' : undefined))
    if (place === 'idle') {
      if (!isFirst) this.#refuse(known, 'lends', 'not the one that has been idle longest')
      this.#noteNeed()
      if (borrower.isTry) return
      const idleFor = this.#model.now - known.idleSince
      if (idleFor >= UNREAD_AFTER_MS || this.#mustBeChecked(known)) this.#refuse(known, 'lends', 'unexamined')
    }
    if (place === 'examined' && exam?.how === 'check' && known.fate === 'unanswered') {
      this.#refuse(known, 'lends', 'dead')
    }
  }

  rested(connection: ModelConnection): void {
    const known = this.#of(connection)
    const { settings, waiting, now } = this.#model
    this.#move(known, ['arriving', 'examined', 'returned', 'restored'], 'idle')
    this.#refuse(known, 'keeps', this.#unfit(known) ?? this.#unanswered(known))
    if (waiting.length > 0) this.#refuse(known, 'keeps', 'wanted by somebody')
    if (this.isExpired(known) && settings.enforceLifetimeOn === 'always')
      this.#refuse(known, 'keeps', 'expired')
    if (this.idle.length >= settings.maxIdleCount) this.#refuse(known, 'keeps', 'one too many')
    known.idleSince = now
    this.idle.push(known)
  }

  /** An idle connection is left a turn of the event loop, in which its end may be read: the next to be lent. */
  read(): void {
    const known = this.idle[0]
    if (known === undefined) return this.#model.blame('examines a connection, though none is idle')
    if (this.#mustBeChecked(known)) this.#refuse(known, 'reads', 'one that must be checked')
    this.#examine(known, 'read')
  }

  asked(connection: ModelConnection): void {
    const known = this.#of(connection)
    const isNeeded = this.isCheckingAll || this.#wasFrozen || this.#mustBeChecked(known)
    if (!isNeeded) this.#refuse(known, 'checks', 'one that was in use a moment ago')
    this.#examine(known, 'check')
  }

  answered(connection: ModelConnection, lives: boolean): void {
    const known = this.#of(connection)
    if (!lives) known.fate = 'unanswered'
    else if (known.exam !== undefined) known.provenAt = Math.max(known.provenAt, known.exam.alarms)
  }

  restoring(connection: ModelConnection): void {
    const known = this.#of(connection)
    this.#move(known, ['arriving', 'returned'], 'restored')
    if (connection.condition !== 'unclean') this.#refuse(known, 'restores', connection.condition)
    if (this.isOutdated(known)) this.#refuse(known, 'restores', 'to be replaced')
  }

  restored(connection: ModelConnection, isClean: boolean): void {
    if (!isClean) this.#of(connection).fate = 'unrestored'
    if (!isClean || connection.isBroken) this.#model.counted.returnsBad++
  }

  closing(connection: ModelConnection, reason: CloseReason): void {
    const known = this.#of(connection)
    const { settings, counted, now } = this.#model
    const { place, exam } = known
    const objection = this.#objection(known, reason)
    this.#move(known, ['arriving', 'idle', 'examined', 'returned', 'restored'], 'closing')
    if (objection) this.#model.blame(`closes connection ${connection.id} as ${reason}, which it is not`)
    if (place === 'examined' && (known.fate === 'unanswered' || connection.isBroken)) {
      counted.connectionsLost++
      if (settings.invalidateOnLost && exam?.how === 'check') this.#generation++
    }
    if (place === 'examined') this.growthIsDue()
    known.reason = reason
    known.diedYoung = reason === 'broken' && now - known.openedAt < YOUNG_MS
  }

  closed(connection: ModelConnection): void {
    const known = this.#of(connection)
    const hasRoom = this.#model.poolSize() <= this.#model.maxSize
    if (!this.#isReplaced(known) || !hasRoom) {
      this.changes.mayHaveLeft++
      this.changes.mustHaveLeft++
    }
    this.growthIsDue()
    if (known.diedYoung) this.mayAsleep++
    known.place = 'gone'
    this.#known.delete(connection)
  }

  destroyed(connection: ModelConnection): void {
    const known = this.#of(connection)
    if (known.place === 'late') {
      known.place = 'gone'
      this.#known.delete(connection)
    } else if (this.#model.state !== 'closed' || this.#model.now < this.#model.forceAt) {
      this.#refuse(known, 'destroys', 'in use')
    }
  }

  // --- Judgement ---

  #of(connection: ModelConnection): Known {
    const known = this.#known.get(connection)
    if (known === undefined) throw new Error(`connection ${connection.id} is none of the pool's`)
    return known
  }

  #attemptEnded(attempt: Attempt): void {
    this.inFlight--
    this.attempts.delete(attempt)
    this.#model.attemptEnded()
  }

  #move(known: Known, from: readonly Place[], to: Place): void {
    if (!from.includes(known.place)) this.#refuse(known, `takes to be ${to}`, known.place)
    if (known.place === 'idle') this.idle.splice(this.idle.indexOf(known), 1)
    known.place = to
  }

  #examine(known: Known, how: 'read' | 'check'): void {
    this.#move(known, ['idle'], 'examined')
    known.exam = { how, alarms: this.#alarms }
    if (this.#model.waiting.length > 0) this.#noteNeed()
  }

  #refuse(known: Known, what: string, why: string | undefined): void {
    if (why !== undefined) this.#model.blame(`${what} connection ${known.connection.id}, which is ${why}`)
  }

  #mustBeChecked(known: Known): boolean {
    const { settings, now } = this.#model
    if (known.provenAt < this.#alarms) return true
    return settings.checkIdleAfter !== undefined && now - known.idleSince >= settings.checkIdleAfter
  }

  /** Why a connection may be neither lent nor kept. */
  #unfit(known: Known): string | undefined {
    if (!this.#model.isOpen) return 'to be closed, like the pool'
    if (known.connection.condition !== 'clean') return known.connection.condition
    if (known.fate === 'unrestored' || known.fate === 'destroyed') return known.fate
    if (this.isOutdated(known)) return 'to be replaced'
    return this.#isOverfull ? 'one of too many' : undefined
  }

  #unanswered(known: Known): string | undefined {
    return known.fate === 'unanswered' ? 'dead' : undefined
  }

  get #isOverfull(): boolean {
    return this.usable + this.slots > this.#model.maxSize
  }

  #isReplaced({ reason }: Known): boolean {
    if (this.#model.settings.growth === 'immediate') return false
    return reason !== 'idle' && reason !== 'poolClosed' && reason !== 'surplus'
  }

  #objection(known: Known, reason: CloseReason): boolean {
    return !this.#isTrue(known, reason)
  }

  #isTrue(known: Known, reason: CloseReason): boolean {
    const { isOpen, waiting, settings } = this.#model
    switch (reason) {
      case 'broken':
        return known.connection.isBroken
      case 'destroyed':
        return known.fate === 'destroyed'
      case 'drained':
        return this.isOutdated(known)
      case 'expired':
        return this.isExpired(known)
      case 'idle':
        return known === this.#spare
      case 'surplus':
        return this.#isOverfull || (waiting.length === 0 && this.idle.length >= settings.maxIdleCount)
      case 'unfit':
        return known.exam?.how === 'check' && (known.fate === 'unanswered' || known.connection.isBroken)
      case 'unrestored':
        return known.fate === 'unrestored'
      case 'poolClosed':
        return !isOpen
    }
  }

  /** An idle connection was needed: the window of `maxIdle` could not have done without as many as before. */
  #noteNeed(): void {
    this.#leastIdle = Math.min(this.#leastIdle, this.idle.length)
  }
}
