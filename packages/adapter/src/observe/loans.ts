/**
 * Reports loans that do not end: a lease held for longer than a threshold, and one that was forgotten and
 * collected as garbage. Only reports: nothing is ever taken from a borrower.
 */
import type { Clock } from '../pool/clock.js'
import { type Deadline, Deadlines } from '../pool/deadlines.js'
import { withStackFrames } from '../pool/errors.js'
import type { Loan } from '../pool/types.js'

export interface LoanReports<C> {
  /** How long a lease may be held without a report, in milliseconds; `Infinity`: as long as it likes. */
  readonly thresholdMs: number
  /** Whether to report leases that are collected without having been returned. */
  readonly ofCollected: boolean
  readonly poolName: string
  /** What is done with the connection, in words. */
  readonly describe: (connection: C) => string
  /** Told of each loan that is reported. */
  readonly onLeak: (connection: C, heldMs: number, stack: string) => void
}

/** The loans of a pool. */
export interface Loans<C> {
  /** Follows one from the request for it, whose stack it notes. */
  readonly follow: () => Loan
  /** Where the connections were acquired that are lent now. */
  stacksOf(connection: C): string[]
}

const LEAK = 'REAL_POOL_LEAK'
const UNRELEASED = 'REAL_POOL_UNRELEASED'

/** Deep enough for the caller's own code to show behind Prisma's. */
const STACK_FRAMES = 40

/** Whether `REAL_POOL_WARN_UNRELEASED` asks for reports of leases that were collected. */
export function warnsOfUnreleased(value: string | undefined): boolean {
  return value !== undefined && /^(1|true|yes|on)$/i.test(value)
}

/** What follows the loans of a pool; `undefined` when nothing is to be reported, so that nothing is spent on it. */
export function watchLoans<C>(reports: LoanReports<C>, clock: Clock): Loans<C> | undefined {
  if (reports.thresholdMs === Infinity && !reports.ofCollected) return undefined
  const deadlines = new Deadlines(clock, { keepAlive: false })
  const collected = new FinalizationRegistry<string>((stack) => {
    process.emitWarning(
      `a lease of the pool '${reports.poolName}' was forgotten: it was collected without having been released, ` +
        'and its connection is lent for ever',
      { code: UNRELEASED, detail: stack },
    )
  })
  const out = new Set<WatchedLoan<C>>()
  const follow = (): Loan => new WatchedLoan(reports, clock, deadlines, collected, out, stackAbove(follow))
  return {
    follow,
    stacksOf: (connection) =>
      [...out].filter((loan) => loan.connection === connection).map(({ stack }) => stack),
  }
}

class WatchedLoan<C> implements Loan {
  readonly stack: string
  connection: C | undefined
  readonly #reports: LoanReports<C>
  readonly #clock: Clock
  readonly #deadlines: Deadlines
  readonly #collected: FinalizationRegistry<string>
  readonly #out: Set<WatchedLoan<C>>
  #lentAt = 0
  #deadline: Deadline | undefined
  #isReported = false

  constructor(
    reports: LoanReports<C>,
    clock: Clock,
    deadlines: Deadlines,
    collected: FinalizationRegistry<string>,
    out: Set<WatchedLoan<C>>,
    stack: string,
  ) {
    this.#reports = reports
    this.#clock = clock
    this.#deadlines = deadlines
    this.#collected = collected
    this.#out = out
    this.stack = stack
  }

  onLent(lease: { readonly connection: unknown }): void {
    const { thresholdMs, ofCollected } = this.#reports
    this.#lentAt = this.#clock.now()
    this.connection = lease.connection as C
    this.#out.add(this)
    if (thresholdMs < Infinity) {
      this.#deadline = this.#deadlines.add(this.#lentAt + thresholdMs, () => this.#report())
    }
    // Held by what is watched, the lease would never be collected: the registry knows it only weakly.
    if (ofCollected) this.#collected.register(lease, this.stack, this)
  }

  onReturned(): void {
    this.#deadline?.cancel()
    this.#collected.unregister(this)
    this.#out.delete(this)
    if (!this.#isReported) return
    const { poolName } = this.#reports
    process.emitWarning(
      `the connection of the pool '${poolName}' that was reported to be lent for long came back after ${this.#age}`,
      { code: LEAK, detail: this.stack },
    )
  }

  #report(): void {
    const { poolName, thresholdMs, onLeak, describe } = this.#reports
    const connection = this.connection as C
    this.#isReported = true
    onLeak(connection, this.#heldMs, this.stack)
    process.emitWarning(
      `a connection of the pool '${poolName}' has been lent for ${this.#age}, longer than ` +
        `leakDetectionThreshold (${thresholdMs} ms); ${describe(connection)}`,
      { code: LEAK, detail: this.stack },
    )
  }

  get #heldMs(): number {
    return this.#clock.now() - this.#lentAt
  }

  get #age(): string {
    return `${(this.#heldMs / 1_000).toFixed(1)} s`
  }
}

function stackAbove(callee: () => unknown): string {
  const frames = withStackFrames(STACK_FRAMES, () => {
    const holder: { stack?: string } = {}
    Error.captureStackTrace(holder, callee)
    // Formatted by being read, under the limit of that moment.
    return holder.stack?.split('\n').slice(1) ?? []
  })
  return ['It was acquired here:', ...frames].join('\n')
}
