/** The state of a pool for a person who must act: who holds what, who waits, and what the server says about it. */
import type { Waiting } from '../pool/census.js'
import { describeCounts } from '../pool/messages.js'
import type { PoolStats } from '../pool/stats.js'

/** A process of the server: that of a connection, or of another that is in its way. */
export interface ServerProcess {
  readonly pid: number
  readonly application: string
  readonly user: string
  /** As in `pg_stat_activity`: `active`, `idle in transaction` … */
  readonly state: string | null
  /** What it waits for, such as `Lock:transactionid`. */
  readonly waitsFor: string | null
  /** How long it has been in its state. */
  readonly stateMs: number | null
  /** How long its transaction has been open. */
  readonly transactionMs: number | null
  /** Its statement, or the last it had; without values. */
  readonly statement: string
  /** The processes that hold a lock which it waits for. */
  readonly blockedBy: readonly number[]
}

/** Whoever has a connection. */
export interface PoolHolder {
  readonly pid: number
  readonly heldMs: number
  /** How many borrowers share it, by `pipelining`; 0: one has it alone. */
  readonly sharers: number
  readonly isInTransaction: boolean
  /** Whether the statement runs; else it was the last. */
  readonly isRunning: boolean
  /** Without values; `undefined` when none was sent. */
  readonly statement: string | undefined
  /** Where the connection was acquired, with `leakDetectionThreshold`; several where it is shared. */
  readonly stacks: readonly string[]
  /** What the server says. */
  readonly server: ServerProcess | undefined
}

/** What is known of a pool at one moment. */
export interface PoolReportFacts {
  readonly stats: PoolStats
  /** Those who have held their connections longest first. */
  readonly holders: readonly PoolHolder[]
  /** The first ten in the queue; `stats.requestsWaiting` says how many there are. */
  readonly waiters: readonly Waiting[]
  /** Others that hold locks for which the holders wait. */
  readonly blockers: readonly ServerProcess[]
  /** Why the server was not asked, or did not answer. */
  readonly serverError: string | undefined
}

/** The facts, and by `String(report)` a text to read. */
export interface PoolReport extends PoolReportFacts {
  toString(): string
}

/** What the server said, or why it said nothing. */
export type ServerAnswer = { readonly processes: readonly ServerProcess[] } | { readonly error: string }

export function reportOf(
  facts: Pick<PoolReportFacts, 'stats' | 'waiters'>,
  holders: readonly Omit<PoolHolder, 'server'>[],
  answer: ServerAnswer,
): PoolReport {
  const processes = 'processes' in answer ? answer.processes : []
  const ours = new Set(holders.map(({ pid }) => pid))
  const report: PoolReportFacts = {
    ...facts,
    holders: holders.map((holder) => ({
      ...holder,
      server: processes.find(({ pid }) => pid === holder.pid),
    })),
    blockers: processes.filter(({ pid }) => !ours.has(pid)),
    serverError: 'error' in answer ? answer.error : undefined,
  }
  return Object.freeze({ ...report, toString: () => textOf(report) })
}

function textOf({ stats, holders, waiters, blockers, serverError }: PoolReportFacts): string {
  const { name, requestsWaiting } = stats
  const counts = {
    leased: stats.connectionsUsed,
    idle: stats.poolAvailable,
    opening: stats.connectionsPreparing,
    checking: stats.connectionsChecking,
    resetting: stats.connectionsResetting,
    committing: stats.connectionsCommitting,
    closing: stats.connectionsClosing,
    waiting: requestsWaiting,
    maxSize: stats.poolMax,
  }
  const lines = [
    `pool '${name}': ${describeCounts(counts)}`,
    ...holders.flatMap(holderLines),
    ...blockers.map((blocker) => `in the way: process ${blocker.pid} ${serverText(blocker)}`),
    ...waiters.flatMap(({ waitedMs, stack }) => [`waiting for ${seconds(waitedMs)}`, ...indented(stack)]),
  ]
  const unnamed = requestsWaiting - waiters.length
  if (unnamed > 0) lines.push(`and ${unnamed} more`)
  if (serverError !== undefined) lines.push(`what the server says is not known: ${serverError}`)
  return lines.join('\n')
}

function holderLines({ pid, heldMs, sharers, stacks, server, ...activity }: PoolHolder): string[] {
  const shared = sharers > 1 ? `, shared by ${sharers}` : ''
  return [
    `process ${pid}, held for ${seconds(heldMs)}${shared}, ${describeActivity(activity)}`,
    ...(server === undefined ? [] : [`  by the server: ${serverText(server)}`]),
    ...stacks.flatMap(indented),
  ]
}

function serverText(process: ServerProcess): string {
  const { application, user, state, waitsFor, stateMs, transactionMs, statement, blockedBy } = process
  const parts = [
    `(${application === '' ? 'unnamed' : application}, ${user})`,
    `${state ?? 'in an unknown state'}${stateMs === null ? '' : ` for ${seconds(stateMs)}`}`,
  ]
  if (transactionMs !== null) parts.push(`transaction open for ${seconds(transactionMs)}`)
  if (blockedBy.length > 0) parts.push(`waits for ${waitsFor ?? 'a lock'} of process ${blockedBy.join(', ')}`)
  if (statement !== '') parts.push(statement)
  return parts.join('; ')
}

/** What a holder does, as far as is known without asking the server. */
export function describeActivity({
  isInTransaction,
  isRunning,
  statement,
}: Pick<PoolHolder, 'isInTransaction' | 'isRunning' | 'statement'>): string {
  const where = isInTransaction ? 'in a transaction' : 'outside of transactions'
  if (statement === undefined) return `${where}, no statement so far`
  return `${where}, ${isRunning ? 'now at' : 'last at'}: ${statement}`
}

function indented(stack: string | undefined): string[] {
  return stack === undefined ? [] : stack.split('\n').map((line) => `  ${line}`)
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}
