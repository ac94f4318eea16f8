/** What a pool does, in lines for a log. */
import { onPoolEvent, type PoolEvent, type PoolEvents } from './events.js'

/** `true`: what happens to connections, and requests that get none. `'debug'`: each request and each loan, too. */
export type EchoLevel = boolean | 'debug'

const TEXTS: { readonly [E in PoolEvent]: (message: PoolEvents[E]) => string } = {
  open: ({ pid, connectMs }) => `connection ${pid} was opened in ${ms(connectMs)}`,
  close: ({ pid, reason, ageMs }) => `connection ${pid} was closed after ${ms(ageMs)}: ${reason}`,
  reconnect: ({ error, retryInMs }) =>
    `no connection could be opened (${messageOf(error)}); ` +
    (retryInMs === undefined ? 'given up' : `next attempt in ${ms(retryInMs)}`),
  lost: ({ pid, error, wasIdle }) =>
    `connection ${pid} was lost while it was ${wasIdle ? 'idle' : 'in use'}: ${messageOf(error)}`,
  timeout: ({ waitedMs }) => `a request timed out after ${ms(waitedMs)}`,
  rejected: ({ error }) => `a request was turned away: ${messageOf(error)}`,
  leak: ({ pid, heldMs }) => `connection ${pid} has been lent for ${ms(heldMs)}`,
  wait: ({ request, waiting }) => `request ${request} waits, ${waiting} in all`,
  acquire: ({ pid, waitedMs }) => `connection ${pid} was lent after ${ms(waitedMs)}`,
  release: ({ pid, heldMs, how }) => `connection ${pid} came back after ${ms(heldMs)}: ${how}`,
  'transaction:begin': ({ pid, transaction }) => `transaction ${transaction} has connection ${pid}`,
  'transaction:end': ({ transaction, outcome, heldMs }) =>
    `transaction ${transaction} ended after ${ms(heldMs)}: ${outcome}`,
}

const RARE: readonly PoolEvent[] = ['open', 'close', 'reconnect', 'lost', 'timeout', 'rejected', 'leak']

/** @returns What ends it. */
export function echo(pool: string, level: EchoLevel, log: (line: string) => void): () => void {
  if (level === false) return () => {}
  const events = level === 'debug' ? (Object.keys(TEXTS) as PoolEvent[]) : RARE
  const ends = events.map((event) => echoEvent(event, pool, log))
  return () => ends.forEach((end) => end())
}

function echoEvent<E extends PoolEvent>(event: E, pool: string, log: (line: string) => void): () => void {
  return onPoolEvent(event, (message) => {
    if (message.pool === pool) log(`pool '${pool}': ${TEXTS[event](message)}`)
  })
}

function ms(duration: number): string {
  return `${duration.toFixed(1)} ms`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
