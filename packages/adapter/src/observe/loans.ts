/**
 * Reports loans that do not end: a lease held for longer than a threshold, and one that was forgotten and
 * collected as garbage. Only reports: nothing is ever taken from a borrower.
 */
import type { Clock } from '../pool/clock.js'
import { type Deadline, Deadlines } from '../pool/deadlines.js'
import { withStackFrames } from '../pool/errors.js'
import type { Loan } from '../pool/types.js'

export interface LoanReports {
  /** How long a lease may be held without a report, in milliseconds; `Infinity`: as long as it likes. */
  readonly thresholdMs: number
  /** Whether to report leases that are collected without having been returned. */
  readonly ofCollected: boolean
  readonly poolName: string
  /** Told of each loan that is reported. */
  readonly onLeak: () => void
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
export function watchLoans(reports: LoanReports, clock: Clock): (() => Loan) | undefined {
  if (reports.thresholdMs === Infinity && !reports.ofCollected) return undefined
  const deadlines = new Deadlines(clock, { keepAlive: false })
  const collected = new FinalizationRegistry<string>((stack) => {
    process.emitWarning(
      `a lease of the pool '${reports.poolName}' was forgotten: it was collected without having been released, ` +
        'and its connection is lent for ever',
      { code: UNRELEASED, detail: stack },
    )
  })
  const follow = (): Loan => new WatchedLoan(reports, clock, deadlines, collected, stackAbove(follow))
  return follow
}

class WatchedLoan implements Loan {
  readonly #reports: LoanReports
  readonly #clock: Clock
  readonly #deadlines: Deadlines
  readonly #collected: FinalizationRegistry<string>
  readonly #stack: string
  #lentAt = 0
  #deadline: Deadline | undefined
  #isReported = false

  constructor(
    reports: LoanReports,
    clock: Clock,
    deadlines: Deadlines,
    collected: FinalizationRegistry<string>,
    stack: string,
  ) {
    this.#reports = reports
    this.#clock = clock
    this.#deadlines = deadlines
    this.#collected = collected
    this.#stack = stack
  }

  onLent(lease: object): void {
    const { thresholdMs, ofCollected } = this.#reports
    this.#lentAt = this.#clock.now()
    if (thresholdMs < Infinity) {
      this.#deadline = this.#deadlines.add(this.#lentAt + thresholdMs, () => this.#report())
    }
    // Held by what is watched, the lease would never be collected: the registry knows it only weakly.
    if (ofCollected) this.#collected.register(lease, this.#stack, this)
  }

  onReturned(): void {
    this.#deadline?.cancel()
    this.#collected.unregister(this)
    if (!this.#isReported) return
    const { poolName } = this.#reports
    process.emitWarning(
      `the connection of the pool '${poolName}' that was reported to be lent for long came back after ${this.#age}`,
      { code: LEAK, detail: this.#stack },
    )
  }

  #report(): void {
    const { poolName, thresholdMs, onLeak } = this.#reports
    this.#isReported = true
    onLeak()
    process.emitWarning(
      `a connection of the pool '${poolName}' has been lent for ${this.#age}, longer than ` +
        `leakDetectionThreshold (${thresholdMs} ms)`,
      { code: LEAK, detail: this.#stack },
    )
  }

  get #age(): string {
    return `${((this.#clock.now() - this.#lentAt) / 1_000).toFixed(1)} s`
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
