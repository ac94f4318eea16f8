// A connector whose opens, closes, checks and restores end when the scheduler says, in any order, and which
// tells a witness of everything that the pool does with it.
import type fc from 'fast-check'
import type {
  Access,
  CloseReason,
  Condition,
  ConnectFailure,
  Connector,
} from '../../packages/adapter/src/pool/types.js'
import type { ManualClock } from '../support/manual-clock.js'

export class ModelConnection {
  condition: Condition = 'clean'
  /** Whether the network has swallowed it: it looks well, and answers no check. */
  isSilent = false
  failsToRestore = false
  /** Whether its end comes together with the next answer. */
  isDoomed = false
  isClosed = false
  onLost: ((error: Error) => void) | undefined

  constructor(readonly id: number) {}

  get isBroken(): boolean {
    return this.condition === 'broken'
  }
}

/** An attempt to open a connection. */
export interface Attempt {
  readonly startedAt: number
  readonly signal: AbortSignal
}

/** When what was sent last is answered; `later`: when the scheduler says. */
export type AnswerTime = 'at once' | 'later' | 'in the end'

export class OpenError extends Error {
  readonly isPermanent: boolean

  constructor(isPermanent: boolean) {
    super('connection refused')
    this.isPermanent = isPermanent
  }
}

/**
 * Hears of each call of the pool's before it returns, and of each end of one just before the pool does: nothing
 * can come between the two.
 */
export interface Witness {
  attempted(attempt: Attempt): void
  arrived(connection: ModelConnection, attempt: Attempt): void
  failed(error: OpenError, attempt: Attempt): void
  lent(connection: ModelConnection, isShared: boolean): void
  rested(connection: ModelConnection): void
  asked(connection: ModelConnection): void
  answered(connection: ModelConnection, lives: boolean): void
  restoring(connection: ModelConnection): void
  restored(connection: ModelConnection, isClean: boolean): void
  closing(connection: ModelConnection, reason: CloseReason): void
  closed(connection: ModelConnection): void
  destroyed(connection: ModelConnection): void
}

export class ModelConnector implements Connector<ModelConnection> {
  /** How many of the next attempts fail, and how. */
  failures = 0
  failsForGood = false
  /** How long the next attempt takes on the clock; 0: until the scheduler ends it. */
  nextOpenMs = 0
  /** How the next connection is when it has just been opened. */
  nextCondition: Condition = 'clean'
  /** Nothing waits for the scheduler any more. */
  #isFlowing = false
  /** Nothing ends any more: a run that failed leaves nothing going. */
  isOver = false
  readonly #witness: Witness
  readonly #scheduler: fc.Scheduler
  readonly #clock: ManualClock
  readonly #ignoresAbort: boolean
  readonly #onDoom: (connection: ModelConnection) => void
  readonly #opened: ModelConnection[] = []
  #held: ModelConnection | undefined
  #isShared = false
  #onFlow = (): void => {}
  readonly #flow = new Promise<void>((resolve) => (this.#onFlow = resolve))

  constructor(
    witness: Witness,
    scheduler: fc.Scheduler,
    clock: ManualClock,
    ignoresAbort: boolean,
    onDoom: (connection: ModelConnection) => void,
  ) {
    this.#witness = witness
    this.#scheduler = scheduler
    this.#clock = clock
    this.#ignoresAbort = ignoresAbort
    this.#onDoom = onDoom
  }

  get alive(): ModelConnection[] {
    return this.#opened.filter((connection) => !connection.isClosed)
  }

  open(signal: AbortSignal): Promise<ModelConnection> {
    this.decide()
    const attempt = { startedAt: this.#clock.now(), signal }
    this.#witness.attempted(attempt)
    const opening = this.#attempt(signal, this.nextOpenMs).then(
      () => this.#makeConnection(),
      () => {
        throw new OpenError(false)
      },
    )
    this.nextOpenMs = 0
    return witnessed(
      opening,
      (connection) => this.#witness.arrived(connection, attempt),
      (error) => this.#witness.failed(error as OpenError, attempt),
    )
  }

  close(connection: ModelConnection, reason: CloseReason): Promise<void> {
    this.decide()
    this.#witness.closing(connection, reason)
    const closing = this.gate(`close ${connection.id}`).then(() => {
      connection.isClosed = true
    })
    return witnessed(closing, () => this.#witness.closed(connection))
  }

  destroy(connection: ModelConnection): void {
    this.decide()
    connection.condition = 'broken'
    connection.isClosed = true
    this.#witness.destroyed(connection)
  }

  condition(connection: ModelConnection): Condition {
    return connection.condition
  }

  conditionOnReturn(connection: ModelConnection): Condition {
    return connection.condition
  }

  check(connection: ModelConnection): Promise<void> {
    // It was held so that the check keeps the process alive, and is not lent.
    if (this.#held === connection) this.#held = undefined
    this.decide()
    this.#witness.asked(connection)
    const answer = this.gate(`check ${connection.id}`).then(() => {
      if (connection.isSilent || connection.isBroken) throw new Error('no answer')
      this.#doom(connection)
    })
    return witnessed(
      answer,
      () => this.#witness.answered(connection, true),
      () => this.#witness.answered(connection, false),
    )
  }

  wasRefusedWrite(): boolean {
    return false
  }

  access(): Access {
    return 'unknown'
  }

  restore(connection: ModelConnection): Promise<void> {
    this.decide()
    this.#witness.restoring(connection)
    const restored = this.gate(`restore ${connection.id}`).then(() => {
      if (connection.failsToRestore || connection.isSilent || connection.isBroken) {
        throw new Error('not restored')
      }
      connection.condition = 'clean'
      this.#doom(connection)
    })
    return witnessed(
      restored,
      () => this.#witness.restored(connection, true),
      () => this.#witness.restored(connection, false),
    )
  }

  onLost(connection: ModelConnection, listener: (error: Error) => void): void {
    this.decide()
    connection.onLost = listener
  }

  hold(connection: ModelConnection, isShared = false): void {
    this.decide()
    this.#held = connection
    this.#isShared = isShared
  }

  mayBeJoined(connection: ModelConnection): boolean {
    return connection.condition === 'clean'
  }

  rest(connection: ModelConnection): void {
    this.decide()
    this.#witness.rested(connection)
  }

  describe({ id }: ModelConnection): string {
    return `connection ${id}`
  }

  explain(error: unknown): ConnectFailure {
    const { message, isPermanent } = error as OpenError
    return { message, isPermanent }
  }

  /** The answer to what a borrower sent last, before the connection went on to the next. */
  async answer(connection: ModelConnection, when: AnswerTime, fails: boolean): Promise<void> {
    if (when === 'later') await this.gate(`answer ${connection.id}`)
    if (when === 'in the end') await this.#flow
    if (fails || connection.isBroken) throw new Error('the last statement failed')
    this.#doom(connection)
  }

  /** From now on all ends that can. */
  flow(): void {
    this.#isFlowing = true
    this.#onFlow()
  }

  /** A connection that was held, and not to be checked, is lent. To be asked after whatever the pool has done. */
  decide(): void {
    const held = this.#held
    this.#held = undefined
    if (held !== undefined) this.#witness.lent(held, this.#isShared)
  }

  /** Resolves when something the pool waits for may end. */
  gate(label: string): Promise<void> {
    if (this.isOver) return new Promise(() => {})
    // A turn each, lest a pool that opens and closes without end go on for ever.
    if (this.#isFlowing) return new Promise((resolve) => setImmediate(resolve))
    return this.#scheduler.schedule(Promise.resolve(), label)
  }

  #doom(connection: ModelConnection): void {
    if (connection.isDoomed) this.#onDoom(connection)
  }

  #attempt(signal: AbortSignal, ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        timer?.cancel()
        reject(new Error('given up'))
      }
      const end = (): void => {
        signal.removeEventListener('abort', giveUp)
        resolve()
      }
      const timer =
        ms > 0 && !this.#isFlowing ? this.#clock.setTimer(ms, end, { keepAlive: false }) : undefined
      if (timer === undefined) void this.gate('open').then(end)
      if (!this.#ignoresAbort) signal.addEventListener('abort', giveUp)
    })
  }

  #makeConnection(): ModelConnection {
    if (this.failures > 0) {
      this.failures--
      throw new OpenError(this.failsForGood)
    }
    const connection = new ModelConnection(this.#opened.length + 1)
    connection.condition = this.nextCondition
    this.nextCondition = 'clean'
    this.#opened.push(connection)
    return connection
  }
}

/** Tells how a promise ends, before anyone hears of it who is given the promise. */
function witnessed<T>(
  promise: Promise<T>,
  onEnd: (value: T) => void,
  onFailure: (error: unknown) => void = () => {},
): Promise<T> {
  promise.then(onEnd, onFailure)
  return promise
}
