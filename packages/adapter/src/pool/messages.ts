/** The pool's numbers in words, and the texts of its errors: what happened, the numbers behind it, what to do about it. */
import type { PoolCounts } from './errors.js'

export function describeCounts(counts: Omit<PoolCounts, 'size' | 'reserved'>): string {
  const { leased, idle, opening, checking, resetting, committing, closing, waiting, maxSize } = counts
  const parts = [`${leased} of at most ${maxSize} in use`, `${idle} idle`, `${opening} being opened`]
  if (checking > 0) parts.push(`${checking} being checked`)
  if (resetting > 0) parts.push(`${resetting} being reset`)
  if (committing > 0) parts.push(`${committing} waiting for COMMIT`)
  if (closing > 0) parts.push(`${closing} being closed`)
  return `${parts.join(', ')}; ${waiting} waiting`
}

export function timeoutMessage(
  name: string,
  timeoutMs: number,
  counts: PoolCounts,
  connectFailure: string | undefined,
  longestHolding: string | undefined,
): string {
  const numbers = `pool '${name}': ${describeCounts(counts)}`
  const noConnection = `got no connection within ${Math.round(timeoutMs)} ms (${numbers})`
  if (connectFailure !== undefined) return `${noConnection}: ${connectFailure}`
  const advice = 'Hold connections for a shorter time, or raise maxSize or timeout.'
  // The only part that may be long.
  const held = longestHolding === undefined ? '' : ` Held longest: ${longestHolding}`
  return `${noConnection}. ${advice}${held}`
}

/** A connection was handed over, and the COMMIT on it is not answered. */
export function overdueMessage(name: string, timeoutMs: number, counts: PoolCounts): string {
  return (
    `got no answer within ${Math.round(timeoutMs)} ms (pool '${name}': ${describeCounts(counts)}): its connection waits ` +
    'for the server to answer the COMMIT of another transaction, which may be waiting for a synchronous standby, for a ' +
    'lock or for its disk. Nothing of this call is saved. See why that COMMIT takes so long, raise timeout, or set ' +
    'transaction.handOver to false.'
  )
}

export function tooManyMessage(name: string, maxWaiting: number, counts: PoolCounts): string {
  return (
    `the pool '${name}' has already ${maxWaiting} requests waiting, as many as maxWaiting allows ` +
    `(${describeCounts(counts)}). Try again later, or raise maxWaiting or maxSize.`
  )
}
