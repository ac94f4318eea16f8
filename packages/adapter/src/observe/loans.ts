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
  /** Told of each loan that is reported, at that very moment. */
  readonly onLeak: (connection: C, heldMs: number, stack: string) => void
  /** A text about the whole pool. It asks the server for it; when `over` aborts, it comes without the answer. */
  readonly report: (over: AbortSignal) => Promise<{ toString(): string }>
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
  const collected = new FinalizationRegistry<string>((stack) => {
    process.emitWarning(
      `a lease of the pool '${reports.poolName}' was forgotten: it was collected without having been released, ` +
        'and its connection is lent for ever',
      { code: UNRELEASED, detail: stack },
    )
  })
  const deadlines = new Deadlines(clock, { keepAlive: false })
  const out = new Set<WatchedLoan<C>>()
  const watch: Watch<C> = { reports, clock, deadlines, collected, out, isReporting: false }
  const follow = (): Loan => new WatchedLoan(watch, stackAbove(follow))
  return {
    follow,
    stacksOf: (connection) =>
      [...out].filter((loan) => loan.connection === connection).map(({ stack }) => stack),
  }
}

/** What the loans of a pool share. */
interface Watch<C> {
  readonly reports: LoanReports<C>
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly collected: FinalizationRegistry<string>
  readonly out: Set<WatchedLoan<C>>
  /** Whether a warning with a text about the whole pool is on its way. */
  isReporting: boolean
}

class WatchedLoan<C> implements Loan {
  readonly stack: string
  connection: C | undefined
  readonly #watch: Watch<C>
  #lentAt = 0
  #deadline: Deadline | undefined
  /** Settles when the warning is out; there is none before the loan is reported. */
  #warned: Promise<void> | undefined
  #over: AbortController | undefined

  constructor(watch: Watch<C>, stack: string) {
    this.#watch = watch
    this.stack = stack
  }

  onLent(lease: { readonly connection: unknown }): void {
    const { reports, clock, deadlines, collected, out } = this.#watch
    const { thresholdMs, ofCollected } = reports
    this.#lentAt = clock.now()
    this.connection = lease.connection as C
    out.add(this)
    if (thresholdMs < Infinity) {
      this.#deadline = deadlines.add(this.#lentAt + thresholdMs, () => this.#report())
    }
    // Held by what is watched, the lease would never be collected: the registry knows it only weakly.
    if (ofCollected) collected.register(lease, this.stack, this)
  }

  onReturned(): void {
    const { reports, collected, out } = this.#watch
    this.#deadline?.cancel()
    collected.unregister(this)
    out.delete(this)
    if (this.#warned === undefined) return
    const message =
      `the connection of the pool '${reports.poolName}' that was reported to be lent for long ` +
      `came back after ${this.#age}`
    // What the server would say now is about its next borrower.
    this.#over?.abort('the connection came back before the server answered')
    void this.#warned.then(() => this.#warn(message, this.stack))
  }

  #report(): void {
    const { poolName, thresholdMs, onLeak, describe } = this.#watch.reports
    const connection = this.connection as C
    const message =
      `a connection of the pool '${poolName}' has been lent for ${this.#age}, longer than ` +
      `leakDetectionThreshold (${thresholdMs} ms); ${describe(connection)}`
    this.#warned = this.#aboutPool().then((text) => this.#warn(message, `${this.stack}\n${text}`))
    // Whoever is told may give the connection back at once.
    onLeak(connection, this.#heldMs, this.stack)
  }

  /** Of many that are reported together, one tells of the pool: it names the others, and asks the server once. */
  async #aboutPool(): Promise<string> {
    const watch = this.#watch
    if (watch.isReporting) return 'The pool is described in the warning of another of its connections.'
    watch.isReporting = true
    try {
      return String(await watch.reports.report((this.#over = new AbortController()).signal))
    } catch (error) {
      return `The pool could not be described: ${String(error)}`
    } finally {
      watch.isReporting = false
    }
  }

  #warn(message: string, detail: string): void {
    process.emitWarning(message, { code: LEAK, detail })
  }

  get #heldMs(): number {
    return this.#watch.clock.now() - this.#lentAt
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
