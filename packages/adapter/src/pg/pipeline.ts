/**
 * Statements of several borrowers in flight on one connection, each with its own Sync and so its own error
 * (PostgreSQL manual 54.2.4, pipelining). The server answers in the order in which they were sent, each answer ended
 * by a ReadyForQuery: the first in flight is the one that it is at. Only the last of them may leave anything in the
 * session, such as a transaction that it begins.
 */
import type { Client, Submittable } from 'pg'
import type { Clock, Timer } from '../pool/clock.js'
import { isUsable, onReady, socketOf, submitPipelined, transactionStatus } from './client-state.js'
import type { Overrun } from './overrun.js'
import { type Callback, Script } from './statement.js'
import {
  isFatal,
  isMismatch,
  noteAnswered,
  noteHitByMistake,
  overrunError,
  wasCancelled,
  wasInFailedTransaction,
} from './statement-errors.js'

export interface PipelineEvents {
  /** Sets the deadline of a statement with which the server begins, and tells when it has it cancelled. */
  watch(onCancel: (cancelled: Promise<boolean>) => void): Overrun | undefined
  /** Waits until a cancel request can hit nothing that is sent from now on. */
  outlive(cancelled: Promise<boolean>): Promise<void>
  /** The connection is of no more use: the server is silent behind an error, or mixes up its answers. */
  onSilent(error: Error): void
}

interface Flight {
  readonly reject: (error: Error) => void
  /** What the server has said; that it is ready for the next one is yet to come. */
  error: Error | undefined
  overrun: Overrun | undefined
  silence: Timer | undefined
  /** Whether a cancel request that was meant for another may have hit it, or a failure of another's COMMIT. */
  mayBeHit: boolean
  /** Whether it is a COMMIT, or the ROLLBACK of one that failed. */
  readonly isEnd: boolean
}

export class Pipeline {
  readonly #client: Client
  readonly #clock: Clock
  readonly #settleMs: number
  readonly #events: PipelineEvents
  #flights: Flight[] = []
  /** Cancel requests that may still take effect. */
  #cancels = 0
  #isCorked = false

  constructor(client: Client, clock: Clock, settleMs: number, events: PipelineEvents) {
    this.#client = client
    this.#clock = clock
    this.#settleMs = settleMs
    this.#events = events
    // The client has noted by then what the server says of the transaction, and told the statement its result.
    onReady(client, () => this.#onReady())
    client.once('end', () => this.#onEnd())
  }

  get inFlight(): number {
    return this.#flights.length
  }

  get isInFlight(): boolean {
    return this.#flights.length > 0
  }

  /** Whether the end of a transaction is in flight, behind which the server is in none. */
  get isEndingTransaction(): boolean {
    return this.#flights.some(({ isEnd }) => isEnd)
  }

  /** Sends COMMIT, behind which others may send at once. Resolves to the tag of the answer. */
  commit(): Promise<string> {
    return this.#fly((callback) => new Script('COMMIT', callback), true)
  }

  /**
   * Sends a statement. Settles when the server is ready for what follows it, or never will be.
   *
   * @param isAlone - Whether nobody is about to send another in this turn, so that nothing is gained by waiting for it.
   */
  send<R>(statementFor: (callback: Callback<R>) => Submittable, isAlone: boolean): Promise<R> {
    // The server has nothing else to do: it is not kept waiting for what this turn is about to do.
    if (!isAlone || this.isInFlight) this.#cork()
    return this.#fly(statementFor, false)
  }

  #fly<R>(statementFor: (callback: Callback<R>) => Submittable, isEnd: boolean): Promise<R> {
    return new Promise((resolve, reject) => {
      const flight: Flight = {
        reject: (error) => this.#tell(flight, () => reject(error)),
        error: undefined,
        overrun: undefined,
        silence: undefined,
        mayBeHit: this.#cancels > 0,
        isEnd,
      }
      const statement = statementFor((error, result) => {
        if (error === null) this.#tell(flight, () => resolve(result as R))
        else this.#onError(flight, error)
      })
      submitPipelined(this.#client, statement)
      this.#flights.push(flight)
      if (this.#flights.length === 1) this.#begin(flight)
    })
  }

  /** What has become of it is told once its cancel request, if there was one, can hit nothing that is sent then. */
  #tell({ overrun }: Flight, tell: () => void): void {
    if (overrun?.cancelled === undefined) tell()
    else void this.#events.outlive(overrun.cancelled).then(tell)
  }

  /** What is sent from now on, in this turn, leaves in one write. */
  #cork(): void {
    if (this.#isCorked) return
    this.#isCorked = true
    const socket = socketOf(this.#client)
    // A stream of the user's own may not know how.
    socket.cork?.()
    // After all that this turn's promises do.
    process.nextTick(() => {
      this.#isCorked = false
      socket.uncork?.()
    })
  }

  /** The server is at it: from now on its time counts. */
  #begin(flight: Flight): void {
    flight.overrun = this.#events.watch((cancelled) => {
      // It may end before the request is there, which then hits what comes behind it.
      for (const other of this.#flights) if (other !== flight) other.mayBeHit = true
      this.#cancels++
      void cancelled.then(() => this.#cancels--)
    })
  }

  #onError(flight: Flight, error: Error): void {
    flight.error = error
    // Nothing that is behind it is answered any more, even where the socket's end never comes.
    if (isFatal(error)) return this.#onEnd()
    if (!isUsable(this.#client)) return this.#fail(flight, error)
    if (isMismatch(error)) return this.#events.onSilent(error)
    flight.silence = this.#clock.setTimer(this.#settleMs, () => this.#events.onSilent(error), {
      keepAlive: true,
    })
  }

  #onReady(): void {
    const flight = this.#flights.shift()
    if (flight === undefined) return
    const [next] = this.#flights
    if (flight.error === undefined) flight.overrun?.end()
    else if (flight.isEnd && transactionStatus(this.#client) !== 'I') this.#rollBack(flight, flight.error)
    else this.#fail(flight, flight.error, true)
    if (next !== undefined) this.#begin(next)
  }

  /**
   * A COMMIT that was cancelled before it began leaves its transaction open. The server has refused what was in flight
   * behind it, or is going to.
   */
  #rollBack(commit: Flight, error: Error): void {
    commit.silence?.cancel()
    for (const other of this.#flights) other.mayBeHit = true
    const fail = (): void => this.#fail(commit, error, true)
    this.#fly((callback) => new Script('ROLLBACK', callback), true).then(fail, fail)
  }

  /** The connection is gone. The client has told those of it that it knows; it has forgotten who had an error. */
  #onEnd(): void {
    const flights = this.#flights
    this.#flights = []
    for (const flight of flights) this.#fail(flight, flight.error ?? new Error('Connection terminated'))
  }

  #fail({ overrun, silence, mayBeHit, reject }: Flight, error: Error, isAnswered = false): void {
    overrun?.end()
    silence?.cancel()
    const isLate = overrun?.cancelled !== undefined
    const told = isLate ? overrunError(overrun.ms, error) : error
    if (isAnswered) noteAnswered(error)
    const isHit = mayBeHit && (wasCancelled(error) || wasInFailedTransaction(error))
    if (isAnswered && !isLate && isHit) noteHitByMistake(told)
    reject(told)
  }
}
