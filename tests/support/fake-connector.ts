// A connector whose connections are plain objects: what opening them takes, how they come back and when they
// are lost is up to the test. It keeps count, so that a test can say that none was lost or doubled.
import type { Clock } from '../../packages/adapter/src/pool/clock.js'
import type {
  Access,
  CloseReason,
  Condition,
  ConnectFailure,
  Connector,
} from '../../packages/adapter/src/pool/types.js'

export class FakeConnection {
  condition: Condition = 'clean'
  isClosed = false
  isHeld = true
  /** Whether its session was left as it was, while it is in use. */
  mayBeJoined = true
  restored = 0
  access: Access = 'unknown'
  /** Whether its server has refused the last holder a write. */
  wasRefusedWrite = false
  onLost: ((error: Error) => void) | undefined

  constructor(readonly id: number) {}
}

export class FakeConnector implements Connector<FakeConnection> {
  /** How long opening takes; `undefined` never ends. */
  openMs: number | undefined = 0
  /** How many connections the server can serve at a time, as each connection finds out when it is open. */
  limit: (connection: FakeConnection) => number | undefined = () => undefined
  /** Makes opening fail. */
  openError: Error | undefined
  isPermanent = false
  /** Whether an attempt to open goes on when it is told to stop, as one does that has just succeeded. */
  ignoresAbort = false
  checkMs = 0
  /** Connections that do not answer a check; how often each was asked is in `checks`. */
  readonly dead = new Set<number>()
  readonly checks: number[] = []
  /** Whether connections are not clean when they have just been opened. */
  bornUnclean = false
  /** Whether the server that new connections reach accepts writes. */
  accessOfNew: Access = 'unknown'
  restoreMs = 0
  restoreError: Error | undefined
  closeMs = 0
  /** When each attempt to open began. */
  readonly attempts: number[] = []
  readonly opened: FakeConnection[] = []
  openingNow = 0
  mostOpeningAtOnce = 0
  mostAliveAtOnce = 0

  constructor(private readonly clock: Clock) {}

  get alive(): FakeConnection[] {
    return this.opened.filter((connection) => !connection.isClosed)
  }

  async open(signal: AbortSignal): Promise<FakeConnection> {
    this.attempts.push(this.clock.now())
    this.openingNow++
    this.mostOpeningAtOnce = Math.max(this.mostOpeningAtOnce, this.openingNow)
    try {
      await this.#pass(this.openMs, this.ignoresAbort ? undefined : signal)
      if (this.openError !== undefined) throw this.openError
    } finally {
      this.openingNow--
    }
    const connection = new FakeConnection(this.opened.length + 1)
    connection.access = this.accessOfNew
    if (this.bornUnclean) connection.condition = 'unclean'
    this.opened.push(connection)
    this.mostAliveAtOnce = Math.max(this.mostAliveAtOnce, this.alive.length)
    return connection
  }

  limitOf(connection: FakeConnection): number | undefined {
    return this.limit(connection)
  }

  async close(connection: FakeConnection, _reason?: CloseReason): Promise<void> {
    await this.#pass(this.closeMs)
    connection.isClosed = true
  }

  destroy(connection: FakeConnection): void {
    connection.isClosed = true
    connection.condition = 'broken'
  }

  condition(connection: FakeConnection): Condition {
    return connection.condition
  }

  conditionOnReturn(connection: FakeConnection): Condition {
    return connection.condition
  }

  async check(connection: FakeConnection): Promise<void> {
    this.checks.push(connection.id)
    await this.#pass(this.checkMs)
    if (this.dead.has(connection.id)) throw new Error('no answer')
  }

  async restore(connection: FakeConnection): Promise<void> {
    await this.#pass(this.restoreMs)
    if (this.restoreError !== undefined) throw this.restoreError
    connection.restored++
    connection.condition = 'clean'
  }

  wasRefusedWrite({ wasRefusedWrite }: FakeConnection): boolean {
    return wasRefusedWrite
  }

  access(connection: FakeConnection): Access {
    return connection.access
  }

  onLost(connection: FakeConnection, listener: (error: Error) => void): void {
    connection.onLost = listener
  }

  hold(connection: FakeConnection): void {
    connection.isHeld = true
  }

  mayBeJoined({ mayBeJoined, condition }: FakeConnection): boolean {
    return mayBeJoined && condition === 'clean'
  }

  rest(connection: FakeConnection): void {
    connection.isHeld = false
  }

  describe({ id }: FakeConnection): string {
    return `connection ${id}`
  }

  explain(error: unknown): ConnectFailure {
    return {
      message: `could not connect to fake: ${(error as Error).message}`,
      isPermanent: this.isPermanent,
    }
  }

  /** The server, or the network, ends a connection. */
  lose(connection: FakeConnection): void {
    connection.condition = 'broken'
    connection.isClosed = true
    connection.onLost?.(new Error('lost'))
  }

  async #pass(ms: number | undefined, signal?: AbortSignal): Promise<void> {
    if (ms === 0) return
    await new Promise<void>((resolve, reject) => {
      if (ms !== undefined) this.clock.setTimer(ms, resolve, { keepAlive: false })
      signal?.addEventListener('abort', () => reject(new Error('given up')))
    })
  }
}
