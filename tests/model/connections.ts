// The model's connections: in which place each is, and what may be done with it.
import type { CloseReason } from '../../packages/adapter/src/pool/types.js'
import type { ModelConnection } from './connector.js'
import type { Model } from './model.js'
import type { Request } from './requests.js'

/**
 * - `arriving`: opened, and not yet anywhere;
 * - `examined`: idle a moment ago, and being looked at before it is lent;
 * - `offered`: still its borrower's, who would hand it over;
 * - `awaiting`: given back, while what was sent on it is not answered;
 * - `returned`: given back, and not yet anywhere;
 * - `mended`: being brought back to a state in which it can be lent;
 * - `late`: opened when nobody wanted it any more.
 */
export type Place =
  | 'arriving'
  | 'idle'
  | 'examined'
  | 'lent'
  | 'offered'
  | 'awaiting'
  | 'returned'
  | 'mended'
  | 'closing'
  | 'gone'
  | 'late'

/** Places of connections that are of no use. */
const USELESS: readonly Place[] = ['closing', 'gone', 'late']

/** A connection that was idle this long may have an end that nobody has read. */
const UNREAD_AFTER_MS = 10

/** What the model knows of a connection. */
export class Known {
  place: Place = 'arriving'
  /** Who share it; empty: it is not lent, or to one alone. */
  readonly sharers = new Set<Request>()
  /** When the last of them came back, or the first came. */
  headSince = 0
  isUseless = false
  /** How many handed it over, and wait for the answer to what they sent last. */
  unanswered = 0
  /** Whether the deadline of one of its holders has passed in that time. */
  isOverdue = false
  lentAt = 0
  idleSince = 0
  /** How many alarms there had been when it was last known to live. */
  provenAt: number
  /** How it was last examined, and how many alarms there had been then. */
  exam: { how: 'read' | 'check'; alarms: number } | undefined
  fate: 'destroyed' | 'unanswered' | 'unmended' | undefined
  /** Why the pool closes it. */
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

export class Connections implements Iterable<Known> {
  /** In the order in which they fell idle. */
  readonly idle: Known[] = []
  /** Losses of which the pool must have told. */
  losses = 0
  /** Whether the pool has been told to ask after every idle connection. */
  isCheckingAll = false
  readonly #model: Model
  readonly #known = new Map<ModelConnection, Known>()
  #generation = 0
  /** How often there was reason to doubt every connection. */
  #alarms = 0
  /** Whether it ever was: the pool may doubt connections that were opened since, until it has looked. */
  wasFrozen = false
  #leastIdle: number
  #spare: Known | undefined

  constructor(model: Model) {
    this.#model = model
    this.#leastIdle = model.settings.minSize
  }

  [Symbol.iterator](): Iterator<Known> {
    return this.#known.values()
  }

  in(...places: Place[]): Known[] {
    return [...this].filter(({ place }) => places.includes(place))
  }

  count(...places: Place[]): number {
    let count = 0
    for (const { place } of this) if (places.includes(place)) count++
    return count
  }

  get usable(): number {
    let count = 0
    for (const { place } of this) if (!USELESS.includes(place)) count++
    return count
  }

  // --- Their moves ---

  add(connection: ModelConnection, lifetime: number): Known {
    const { now } = this.#model
    const known = new Known(connection, now, now + lifetime, this.#generation, this.#alarms)
    this.#known.set(connection, known)
    return known
  }

  of(connection: ModelConnection): Known {
    const known = this.#known.get(connection)
    if (known === undefined) throw new Error(`connection ${connection.id} is none of the pool's`)
    return known
  }

  move(known: Known, from: readonly Place[], to: Place): void {
    if (!from.includes(known.place))
      this.#model.blame(`makes ${known.connection.id} ${to}, which is ${known.place}`)
    if (known.place === 'idle') this.idle.splice(this.idle.indexOf(known), 1)
    known.place = to
    if (to === 'idle') this.idle.push(known)
    if (to === 'gone') this.#known.delete(known.connection)
  }

  examine(known: Known, how: 'read' | 'check'): void {
    this.move(known, ['idle'], 'examined')
    known.exam = { how, alarms: this.#alarms }
    if (this.#model.requests.waiting.length > 0) this.noteNeed()
  }

  /** It has answered: it lived when it was asked. */
  prove(known: Known): void {
    if (known.exam !== undefined) known.provenAt = Math.max(known.provenAt, known.exam.alarms)
  }

  /** Its last borrower is done with it. */
  returned(known: Known, how: 'released' | 'destroyed'): void {
    if (how === 'destroyed') {
      known.isUseless = true
      this.losses++
    }
    this.move(known, ['lent'], 'awaiting')
    if (known.unanswered === 0) this.#comeBack(known)
  }

  /** What one who handed it over sent last is answered, one way or the other. */
  answered(known: Known): void {
    known.unanswered--
    if (known.unanswered === 0) {
      known.isOverdue = false
      this.#model.requests.answered(known)
    }
    if (known.unanswered === 0 && known.place === 'awaiting') this.#comeBack(known)
  }

  #comeBack(known: Known): void {
    this.move(known, ['awaiting'], 'returned')
    // Whoever used it knows whether it lives.
    known.provenAt = this.#alarms
    if (known.isUseless) known.fate = 'destroyed'
    else if (known.connection.isBroken) this.#model.counted.returnsBad++
  }

  /** One of those who share it is done with it; others are not. */
  left(known: Known, how: 'released' | 'destroyed', isAnswered: boolean): void {
    if (how === 'released') {
      if (isAnswered) known.provenAt = this.#alarms
      return
    }
    known.isUseless = true
    this.losses++
  }

  /** Whether one more may share it, as far as it is for the connection to say. */
  mayBeJoined(known: Known): boolean {
    return known.sharers.size > 0 && this.#isFitInUse(known)
  }

  /** Whether whoever has it alone may hand it over, as far as it is for the connection to say. */
  mayBeHandedOver(known: Known): boolean {
    return known.sharers.size === 0 && this.#isFitInUse(known)
  }

  #isFitInUse(known: Known): boolean {
    if (known.place !== 'lent' || known.isUseless || known.isOverdue) return false
    const isProven = known.provenAt === this.#alarms
    return isProven && this.unfitness(known) === undefined && !this.isExpired(known)
  }

  lost(connection: ModelConnection): void {
    this.losses++
    this.#alarms++
    if (this.of(connection).place === 'idle') this.#model.counted.connectionsLost++
  }

  /** All that exist are to be replaced. */
  outdate(): void {
    this.#generation++
  }

  /** The process was frozen: what was idle may be dead. The pool notices when it looks. */
  frozen(): void {
    this.#alarms++
    this.wasFrozen = true
  }

  // --- What may be done with them ---

  isExpired({ expiresAt }: Known): boolean {
    return expiresAt <= this.#model.now
  }

  isOutdated({ generation }: Known): boolean {
    return generation < this.#generation
  }

  /** Why a connection may be neither lent nor kept. */
  unfitness(known: Known): string | undefined {
    if (!this.#model.isOpen) return 'to be closed, like the pool'
    if (known.connection.condition !== 'clean') return known.connection.condition
    if (known.fate !== undefined) return known.fate
    if (this.isOutdated(known)) return 'to be replaced'
    return this.#model.sizes.isOverfull ? 'one of too many' : undefined
  }

  mustBeChecked(known: Known): boolean {
    const { settings, now } = this.#model
    if (known.provenAt < this.#alarms) return true
    return settings.checkIdleAfter !== undefined && now - known.idleSince >= settings.checkIdleAfter
  }

  /** Whether it may be lent only after an examination. */
  mustBeExamined(known: Known): boolean {
    return this.mustBeChecked(known) || this.#model.now - known.idleSince >= UNREAD_AFTER_MS
  }

  /** Whether there is reason to ask the server whether it lives. */
  mayBeChecked(known: Known): boolean {
    return this.isCheckingAll || this.wasFrozen || this.mustBeChecked(known)
  }

  /** Whether it may be closed for this reason. */
  mayBeClosed(known: Known, reason: CloseReason): boolean {
    const { isOpen, requests, sizes, settings } = this.#model
    const { fate, connection } = known
    switch (reason) {
      case 'broken':
        return connection.isBroken
      case 'destroyed':
        return fate === 'destroyed'
      case 'drained':
        return this.isOutdated(known)
      case 'expired':
        return this.isExpired(known)
      case 'idle':
        return known === this.#spare
      // No server of the model refuses writes.
      case 'readOnly':
        return false
      case 'surplus':
        if (sizes.isOverfull) return true
        return requests.waiting.length === 0 && this.idle.length >= settings.maxIdleCount
      case 'unfit':
        return known.exam?.how === 'check' && (fate === 'unanswered' || connection.isBroken)
      case 'unrestored':
        return fate === 'unmended'
      case 'poolClosed':
        return !isOpen
    }
  }

  isReplaced({ reason }: Known): boolean {
    if (this.#model.settings.growth === 'immediate') return false
    return reason !== 'idle' && reason !== 'poolClosed' && reason !== 'surplus'
  }

  // --- maxIdle ---

  /** An idle connection was needed: the window of `maxIdle` could not have done without as many as before. */
  noteNeed(): void {
    this.#leastIdle = Math.min(this.#leastIdle, this.idle.length)
  }

  /** A window of `maxIdle` ends: the pool may and must close the one that it could have done without. */
  endIdleWindow(): void {
    const { sizes } = this.#model
    const isSpare = this.#leastIdle > 0 && this.usable + sizes.slots > sizes.minSize
    this.#spare = isSpare ? this.idle[0] : undefined
    this.#leastIdle = this.idle.length - (this.#spare === undefined ? 0 : 1)
  }

  /** The connection that must have left at the end of the last window. */
  takeSpare(): Known | undefined {
    const spare = this.#spare
    this.#spare = undefined
    return spare
  }
}
