/**
 * Where each connection goes: from its opening to a borrower or to rest, from a borrower back by way of its
 * condition, and out when its time is over. Who waits, and for how long, is not its business.
 */
import type { Clock } from './clock.js'
import { Heartbeat } from './heartbeat.js'
import { Keeper } from './keeper.js'
import { Entry, type Ledger } from './ledger.js'
import type { QueueItem } from './queue.js'
import type { Counters } from './stats.js'
import type { CloseReason, Condition, Connector, PoolSettings } from './types.js'
import { WriteAccess } from './write-access.js'

const DONE = Promise.resolve()

/** The reasons for which a connection leaves for good, and no other takes its place. */
const NOT_REPLACED: ReadonlySet<CloseReason> = new Set(['idle', 'poolClosed', 'surplus'])

/** Who ends a connection this soon may end the next one, too. */
const YOUNG_MS = 1_000

/** After this long the end of a connection may lie unread in our own socket. */
export const UNREAD_AFTER_MS = 10

export type CirculationSettings = Pick<
  PoolSettings,
  | 'maxLifetime'
  | 'maxLifetimeJitter'
  | 'enforceLifetimeOn'
  | 'maxIdle'
  | 'checkIdleAfter'
  | 'invalidateOnLost'
  | 'growth'
  | 'lendsOnce'
>

export interface CirculationEvents<C, W> {
  /** The connection is the waiter's from now on. */
  onGranted(waiter: W, entry: Entry<C>): void
  /** A connection that has left is closed; one should be opened in its place, at once or after a pause. */
  onReplaceable(diedYoung: boolean): void
  /** A connection that was examined has left, and somebody may have waited for it. */
  onUnfit(): void
  /** The COMMIT of a holder before is answered: others may share the connection now. */
  onAnswered(): void
  /** There was one too many, which leaves. */
  onSurplus(): void
  /** A connection that has left is closed. */
  onClosed(entry: Entry<C>, reason: CloseReason, ageMs: number): void
  /** A connection was lost, other than by our closing it. */
  onLost(entry: Entry<C>, error: Error, wasIdle: boolean): void
}

export class Circulation<C, W extends QueueItem> {
  readonly #connector: Connector<C>
  readonly #ledger: Ledger<C, W>
  readonly #clock: Clock
  readonly #settings: CirculationSettings
  readonly #counters: Counters
  readonly #events: CirculationEvents<C, W>
  readonly #keeper: Keeper
  readonly #heartbeat: Heartbeat
  readonly #writes = new WriteAccess()
  #isStopped = false
  #generation = 0
  /** How often there was reason to doubt every connection that existed at the time. */
  #alarms = 0

  constructor(
    connector: Connector<C>,
    ledger: Ledger<C, W>,
    clock: Clock,
    settings: CirculationSettings,
    counters: Counters,
    events: CirculationEvents<C, W>,
  ) {
    this.#connector = connector
    this.#ledger = ledger
    this.#clock = clock
    this.#settings = settings
    this.#counters = counters
    this.#events = events
    this.#heartbeat = new Heartbeat(clock)
    this.#keeper = new Keeper(clock, settings.maxIdle, {
      onIdleWindowEnd: () => this.#onIdleWindowEnd(),
      onExpiry: (now) => this.#onExpiry(now),
    })
  }

  start(): void {
    this.#isStopped = false
    this.#keeper.start()
    this.#heartbeat.start()
  }

  /** From now on every connection leaves: the idle ones at once, the others when they come back. */
  stop(): void {
    this.#isStopped = true
    // Should the pool start again, they leave all the same.
    this.#generation++
    this.#keeper.stop()
    this.#heartbeat.stop()
    for (const entry of this.#ledger.idleEntries()) void this.#retire(entry, 'poolClosed')
  }

  /** A connection was opened; `onAdmitted` is told once it counts, and before it goes anywhere. */
  admit(connection: C, onAdmitted: () => void): void {
    const { maxLifetime, maxLifetimeJitter, enforceLifetimeOn } = this.#settings
    const lifetime = maxLifetime * (1 - maxLifetimeJitter * Math.random())
    const beginsRound = this.#writes.onOpened(this.#connector.access(connection))
    // The others may be on a server that has become read-only without their having heard of it.
    if (beginsRound) this.#alarms++
    const entry = new Entry(connection, this.#clock.now(), lifetime, this.#generation, this.#alarms)
    entry.round = this.#writes.round
    this.#ledger.add(entry)
    if (enforceLifetimeOn === 'always') this.#keeper.watch(entry.expiresAt)
    this.#connector.onLost(connection, (error) => this.#onLost(entry, error))
    onAdmitted()
    void this.#sort(entry, this.#connector.condition(connection))
    if (beginsRound) this.#retireReadOnly()
  }

  /** The idle connection that is next to be lent, when that can be decided at once. */
  takeReady(isShared: boolean): Entry<C> | undefined {
    const entry = this.#firstFit()
    return entry === undefined || this.#examinationOf(entry) !== undefined
      ? undefined
      : this.#ledger.takeIdle(isShared)
  }

  /** The idle connection that is next to be lent, unexamined, for somebody who will not wait. */
  takeUnexamined(isShared: boolean): Entry<C> | undefined {
    return this.#firstFit() === undefined ? undefined : this.#ledger.takeIdle(isShared)
  }

  /** Whether one more may send on a connection that is in use. */
  mayBeJoined(entry: Entry<C>): boolean {
    if (this.#heartbeat.wasFrozen) this.#alarms++
    // After an alarm it must show first that it lives, by an answer to those who have it.
    if (entry.isUseless || entry.isOverdue || entry.alarmsCleared < this.#alarms) return false
    return this.#reasonNotToLend(entry) === undefined && this.#connector.mayBeJoined(entry.connection)
  }

  /** One of those who share a connection is done with it, and it has answered. */
  noteAnswer(entry: Entry<C>): void {
    entry.alarmsCleared = this.#alarms
  }

  /** Somebody waits: idle connections that must be examined first are examined now, one for each. */
  serve(): void {
    while (this.#ledger.waiting > this.#ledger.examining) {
      const entry = this.#firstFit()
      if (entry === undefined) return
      void this.#examine(entry, this.#examinationOf(entry))
    }
  }

  /** Asks after every idle connection, all at the same time; the dead and the expired are replaced. */
  async check(): Promise<void> {
    const entries = [...this.#ledger.idleEntries()]
    await Promise.all(entries.map((entry) => this.#examine(entry, 'check')))
  }

  /** Every connection that exists is replaced: the idle ones at once, the others when they come back. */
  async drain(): Promise<void> {
    this.#generation++
    const entries = [...this.#ledger.idleEntries()]
    await Promise.all(entries.map((entry) => this.#retire(entry, 'drained')))
  }

  /**
   * The borrower of a connection waits for nothing any more but the answer to what it sent last: if it is fit, it goes
   * on to the waiter returned.
   */
  handOver(entry: Entry<C>, answered: Promise<unknown>): W | undefined {
    if (this.#reasonNotToKeep(entry) !== undefined || !this.mayBeJoined(entry)) return undefined
    const waiter = this.#ledger.handOver(entry)
    if (waiter === undefined) return undefined
    entry.unanswered++
    const onAnswered = (): void => {
      entry.unanswered--
      if (entry.unanswered > 0) return
      entry.isOverdue = false
      for (const succession of entry.successions) succession.end()
      // Its holder was done with it before.
      if (entry.place === 'reserved') void this.takeBack(entry)
      this.#events.onAnswered()
    }
    answered.then(onAnswered, onAnswered)
    return waiter
  }

  /**
   * The last borrower is done; resolves when the connection is free again, or closed, or left to whoever waits for an
   * answer on it. Never rejects.
   */
  takeBack(entry: Entry<C>): Promise<void> {
    if (entry.unanswered > 0) {
      // To end now what was left behind could end what is not answered.
      this.#ledger.reserve(entry, 'committing')
      return DONE
    }
    if (entry.isUseless) return this.#retire(entry, 'destroyed')
    if (!this.#writes.hasBeenWritable) this.#writes.note(this.#connector.access(entry.connection))
    // It has just been in use: should it be dead all the same, its condition says so.
    entry.alarmsCleared = this.#alarms
    return this.#sort(entry, this.#connector.conditionOnReturn(entry.connection))
  }

  /** Closes every connection at once, whatever it is doing. */
  destroyAll(): void {
    for (const entry of this.#ledger.entries()) this.#connector.destroy(entry.connection)
  }

  /** A connection that was lent, or has just been opened, goes where its condition sends it. */
  #sort(entry: Entry<C>, condition: Condition): Promise<void> {
    switch (condition) {
      case 'clean':
        return this.#settle(entry)
      case 'unclean': {
        // Whatever it was left with, its end ends that too.
        const reason = this.#reasonNotToKeep(entry)
        return reason === undefined ? this.#restore(entry) : this.#retire(entry, reason)
      }
      case 'broken':
        this.#counters.returnsBad++
        return this.#retire(entry, 'broken')
    }
  }

  async #restore(entry: Entry<C>): Promise<void> {
    this.#ledger.reserve(entry, 'resetting')
    let reason: CloseReason | undefined
    try {
      await this.#connector.restore(entry.connection)
    } catch {
      this.#counters.returnsBad++
      reason = 'unrestored'
    }
    const isRefused = this.#connector.wasRefusedWrite(entry.connection)
    if (isRefused && this.#writes.onRefused(this.#clock.now())) reason ??= 'readOnly'
    if (reason !== undefined) return this.#retire(entry, reason)
    // Its end may have come together with the answer.
    if (this.#connector.condition(entry.connection) === 'broken') return this.#sort(entry, 'broken')
    return this.#settle(entry)
  }

  /** What must be done before an idle connection is lent: nothing, reading what has arrived, or asking. */
  #examinationOf(entry: Entry<C>): 'read' | 'check' | undefined {
    if (entry.alarmsCleared < this.#alarms) return 'check'
    const idleFor = this.#clock.now() - entry.idleSince
    const { checkIdleAfter } = this.#settings
    if (checkIdleAfter !== undefined && idleFor >= checkIdleAfter) return 'check'
    return idleFor >= UNREAD_AFTER_MS ? 'read' : undefined
  }

  async #examine(entry: Entry<C>, how: 'read' | 'check' | undefined): Promise<void> {
    this.#ledger.beginExamination(entry)
    const alarms = this.#alarms
    let lives = true
    if (how === 'read') await this.#clock.turn()
    if (how === 'check') {
      this.#connector.hold(entry.connection)
      lives = await this.#connector.check(entry.connection).then(
        () => true,
        () => false,
      )
    }
    this.#ledger.endExamination()
    const isFit = lives && this.#connector.condition(entry.connection) === 'clean'
    if (!isFit) this.#counters.connectionsLost++
    else if (how === 'check') entry.alarmsCleared = alarms
    if (!isFit && how === 'check' && this.#settings.invalidateOnLost) this.#generation++
    const done = isFit ? this.#settle(entry) : this.#retire(entry, how === 'check' ? 'unfit' : 'broken')
    // Whoever it was examined for may wait for nothing now, beside others that are idle.
    if (entry.place === 'gone') this.#events.onUnfit()
    await done
  }

  /** The first idle connection whose time is not over, as far as we know. */
  #firstFit(): Entry<C> | undefined {
    for (;;) {
      const entry = this.#ledger.firstIdle
      if (entry === undefined) return undefined
      if (this.#heartbeat.wasFrozen) this.#alarms++
      const reason = this.#reasonNotToLend(entry)
      if (reason !== undefined) void this.#retire(entry, reason)
      else if (this.#connector.condition(entry.connection) === 'clean') return entry
      else void this.#retire(entry, 'broken')
    }
  }

  #reasonNotToLend(entry: Entry<C>): CloseReason | undefined {
    if (this.#isStopped) return 'poolClosed'
    if (entry.generation < this.#generation) return 'drained'
    if (this.#isOutdated(entry)) return 'readOnly'
    if (this.#ledger.isOverfull) return 'surplus'
    return entry.expiresAt <= this.#clock.now() ? 'expired' : undefined
  }

  /** Whether its server is read-only, while connections that were opened later reach one that accepts writes. */
  #isOutdated(entry: Entry<C>): boolean {
    return entry.round < this.#writes.round && this.#connector.access(entry.connection) === 'readOnly'
  }

  /** Those in use leave when they come back. */
  #retireReadOnly(): void {
    for (const entry of [...this.#ledger.idleEntries()]) {
      if (this.#isOutdated(entry)) void this.#retire(entry, 'readOnly')
    }
  }

  #reasonNotToKeep(entry: Entry<C>): CloseReason | undefined {
    const reason = this.#reasonNotToLend(entry)
    if (reason === 'poolClosed' || reason === 'drained') return reason
    if (this.#ledger.hasEnoughIdle || (this.#settings.lendsOnce && entry.hasBeenLent)) return 'surplus'
    const mayExpireLater = this.#settings.enforceLifetimeOn === 'acquire' && this.#ledger.waiting === 0
    return reason === 'expired' && mayExpireLater ? undefined : reason
  }

  /** A clean connection is free: for the first waiter, else to be idle, unless its time is over. */
  #settle(entry: Entry<C>): Promise<void> {
    const reason = this.#reasonNotToKeep(entry)
    if (reason !== undefined) return this.#retire(entry, reason)
    const waiter = this.#ledger.settle(entry)
    if (waiter === undefined) {
      entry.idleSince = this.#clock.now()
      this.#connector.rest(entry.connection)
    } else {
      this.#events.onGranted(waiter, entry)
    }
    return DONE
  }

  /**
   * A connection leaves for good; resolves when it is closed. Only then is it replaced: the server must not
   * see more than `maxSize`, not even for a moment.
   */
  async #retire(entry: Entry<C>, reason: CloseReason): Promise<void> {
    const age = this.#clock.now() - entry.openedAt
    const isReplaced = this.#settings.growth === 'gradual' && !NOT_REPLACED.has(reason)
    const wasOverfull = this.#ledger.isOverfull
    this.#ledger.remove(entry, isReplaced)
    const closed = this.#connector.close(entry.connection, reason)
    if (wasOverfull) this.#events.onSurplus()
    await closed
    this.#ledger.forget(isReplaced)
    if (isReplaced && !this.#isStopped) this.#events.onReplaceable(reason === 'broken' && age < YOUNG_MS)
    this.#events.onClosed(entry, reason, age)
  }

  #onLost(entry: Entry<C>, error: Error): void {
    // What ended this one may have ended others that we have not heard of.
    this.#alarms++
    const wasIdle = entry.place === 'idle'
    // Whoever holds the connection learns it from what fails there; its return will find it broken.
    if (wasIdle) {
      this.#counters.connectionsLost++
      void this.#retire(entry, 'broken')
    }
    this.#events.onLost(entry, error, wasIdle)
  }

  #onIdleWindowEnd(): void {
    const spare = this.#ledger.endIdleWindow()
    if (spare !== undefined) void this.#retire(spare, 'idle')
  }

  #onExpiry(now: number): number {
    let next = Infinity
    for (const entry of this.#ledger.entries()) {
      if (entry.expiresAt > now) next = Math.min(next, entry.expiresAt)
      else if (entry.place === 'idle') void this.#retire(entry, 'expired')
    }
    return next
  }
}
