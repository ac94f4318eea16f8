// What the connector sees the pool do: each move takes a connection to another place in the model, and is blamed
// when it is none that a pool may make.
import type { CloseReason } from '../../packages/adapter/src/pool/types.js'
import type { Known } from './connections.js'
import type { Attempt, ModelConnection, OpenError, Witness } from './connector.js'
import type { Model } from './model.js'

/** The end of a connection this young may be followed by a pause. */
const YOUNG_MS = 1_000

export class Observer implements Witness {
  readonly #model: Model

  constructor(model: Model) {
    this.#model = model
  }

  // --- Opening ---

  attempted(attempt: Attempt): void {
    this.#model.sizes.attempted(attempt)
  }

  arrived(connection: ModelConnection, attempt: Attempt): void {
    const { settings, now, counted, connections, sizes } = this.#model
    sizes.attemptEnded(attempt)
    const lifetime = settings.maxLifetime * (1 - settings.maxLifetimeJitter * settings.random)
    const known = connections.add(connection, lifetime)
    if (attempt.signal.aborted) {
      known.place = 'late'
      return
    }
    counted.connectionsNum++
    counted.connectionsMs += now - attempt.startedAt
    // One that is no good from the beginning counts as one that came back so.
    if (connection.isBroken) counted.returnsBad++
    sizes.succeeded()
  }

  failed(error: OpenError, attempt: Attempt): void {
    const { settings, counted, connections, requests, sizes } = this.#model
    sizes.attemptEnded(attempt)
    if (attempt.signal.aborted) return
    counted.connectionsNum++
    counted.connectionsErrors++
    // With nothing to be returned, and no hope of a connection, nobody need wait.
    if (error.isPermanent && connections.usable === 0) requests.turnAwayAll('hopeless')
    // Its own place is given up.
    const onTheirWay = sizes.slots - 1 + connections.count('examined')
    if (settings.growth === 'immediate' && requests.waiting.length > onTheirWay) {
      requests.turnAwayFirst('hopeless')
    }
    sizes.failed(error, attempt)
  }

  // --- Lending ---

  lent(connection: ModelConnection, isShared: boolean): void {
    const { connections, requests, now } = this.#model
    const known = connections.of(connection)
    const { place } = known
    if (place === 'lent') return this.#joined(known)
    const isFirst = connections.idle[0] === known
    if (place === 'offered') this.#handedOver(known)
    connections.move(known, ['arriving', 'idle', 'examined', 'offered', 'returned', 'mended'], 'lent')
    const borrower = requests.take()
    if (borrower === undefined) return this.#model.blame(`lends connection ${connection.id} to nobody`)
    borrower.connection = known
    borrower.isSuccessor = known.unanswered > 0
    known.lentAt = known.headSince = now
    if (borrower.isShared) known.sharers.add(borrower)
    if (borrower.isShared !== isShared)
      this.#refuse('lends', known, isShared ? 'wanted alone' : 'to be shared')
    this.#refuse('lends', known, connections.unfitness(known))
    if (connections.isExpired(known)) this.#refuse('lends', known, 'expired')
    if (place !== 'idle') return
    connections.noteNeed()
    if (!isFirst) this.#refuse('lends', known, 'not the one that has been idle longest')
    if (!borrower.isTry && connections.mustBeExamined(known)) this.#refuse('lends', known, 'unexamined')
  }

  /** Whoever had a connection alone has it no more. */
  #handedOver(known: Known): void {
    const { requests } = this.#model
    known.unanswered++
    requests.giveBack(requests.holding.find(({ connection }) => connection === known)!)
  }

  /** One more shares a connection. */
  #joined(known: Known): void {
    const { connections, requests, sizes, settings, now } = this.#model
    const { size } = known.sharers
    const rivals = [...connections].filter(
      (other) => other !== known && other.sharers.size <= size && connections.mayBeJoined(other),
    )
    const mayBeJoined = connections.mayBeJoined(known)
    const canGrow = this.#model.poolSize() < sizes.maxSize && sizes.lastError === undefined
    const first = requests.firstToShare
    // Whose time is up may have left, and not been told yet.
    const ahead = first === undefined ? 0 : requests.aloneAheadOf(first, now)
    const borrower = requests.takeToShare()
    if (size === 0) this.#refuse('lends', known, "somebody else's")
    if (borrower === undefined) return this.#refuse('lends', known, 'to be shared with nobody')
    borrower.connection = known
    borrower.isSuccessor = known.unanswered > 0
    if (borrower.isSuccessor && !borrower.mayFollow) this.#refuse('lends', known, 'behind a COMMIT')
    known.sharers.add(borrower)
    if (!mayBeJoined) this.#refuse('lends', known, 'not to be joined')
    if (size >= settings.pipelining) this.#refuse('lends', known, 'full')
    if (canGrow) this.#refuse('lends', known, 'shared, though another can be opened')
    if (connections.idle.length > 0) this.#refuse('lends', known, 'shared, though another is idle')
    const alone = borrower === first ? ahead : requests.aloneAheadOf(borrower, now)
    const fit = rivals.filter(({ unanswered }) => borrower.mayFollow || unanswered === 0)
    if (fit.length < alone) this.#refuse('lends', known, 'needed by somebody alone')
  }

  rested(connection: ModelConnection): void {
    const { connections, requests, settings, now } = this.#model
    const known = connections.of(connection)
    const isExpired = settings.enforceLifetimeOn === 'always' && connections.isExpired(known)
    this.#refuse('keeps', known, connections.unfitness(known))
    if (isExpired) this.#refuse('keeps', known, 'expired')
    if (requests.waiting.length > 0) this.#refuse('keeps', known, 'wanted by somebody')
    if (connections.idle.length >= settings.maxIdleCount) this.#refuse('keeps', known, 'one too many')
    connections.move(known, ['arriving', 'examined', 'returned', 'mended'], 'idle')
    known.idleSince = now
  }

  // --- Examining ---

  /** An idle connection, the next to be lent, is left a turn of the event loop in which its end may be read. */
  read(): void {
    const { connections } = this.#model
    const [known] = connections.idle
    if (known === undefined) return this.#model.blame('examines a connection, though none is idle')
    if (connections.mustBeChecked(known)) this.#refuse('reads', known, 'one that must be checked')
    connections.examine(known, 'read')
  }

  asked(connection: ModelConnection): void {
    const { connections } = this.#model
    const known = connections.of(connection)
    if (!connections.mayBeChecked(known)) this.#refuse('checks', known, 'one that was in use a moment ago')
    connections.examine(known, 'check')
  }

  answered(connection: ModelConnection, lives: boolean): void {
    const known = this.#model.connections.of(connection)
    if (lives) this.#model.connections.prove(known)
    else known.fate = 'unanswered'
  }

  // --- Mending ---

  restoring(connection: ModelConnection): void {
    const { connections } = this.#model
    const known = connections.of(connection)
    connections.move(known, ['arriving', 'returned'], 'mended')
    if (connection.condition !== 'unclean') this.#refuse('restores', known, connection.condition)
    if (connections.isOutdated(known)) this.#refuse('restores', known, 'to be replaced')
  }

  restored(connection: ModelConnection, isClean: boolean): void {
    if (!isClean) this.#model.connections.of(connection).fate = 'unmended'
    if (!isClean || connection.isBroken) this.#model.counted.returnsBad++
  }

  // --- Closing ---

  closing(connection: ModelConnection, reason: CloseReason): void {
    const { connections, settings, counted, sizes, now } = this.#model
    const known = connections.of(connection)
    const { place, exam, fate } = known
    if (!connections.mayBeClosed(known, reason)) this.#refuse(`closes as ${reason}`, known, 'not that')
    connections.move(known, ['arriving', 'idle', 'examined', 'returned', 'mended'], 'closing')
    known.reason = reason
    known.diedYoung = reason === 'broken' && now - known.openedAt < YOUNG_MS
    if (place !== 'examined') return
    // Whoever it was examined for may have another opened.
    sizes.growthIsDue()
    if (fate !== 'unanswered' && !connection.isBroken) return
    counted.connectionsLost++
    if (settings.invalidateOnLost && exam?.how === 'check') connections.outdate()
  }

  closed(connection: ModelConnection): void {
    const { connections, sizes } = this.#model
    const known = connections.of(connection)
    sizes.closed(connections.isReplaced(known), known.diedYoung)
    connections.move(known, ['closing'], 'gone')
  }

  destroyed(connection: ModelConnection): void {
    const { connections, state, now, forceAt } = this.#model
    const known = connections.of(connection)
    if (known.place === 'late') connections.move(known, ['late'], 'gone')
    else if (state !== 'closed' || now < forceAt) this.#refuse('destroys', known, 'in use')
  }

  #refuse(what: string, known: Known, why: string | undefined): void {
    if (why !== undefined) this.#model.blame(`${what} connection ${known.connection.id}, which is ${why}`)
  }
}
