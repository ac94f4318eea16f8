/**
 * The load: callers that pay each other through the service, as fast as it answers. Knows the service by
 * its address alone.
 *
 * It goes over HTTP on real sockets: what a caller measures is then what a user would, and what the service
 * acknowledged is what really left it. That costs some of the CPU that both share, so the figures are on the
 * low side.
 */
import { randomInt } from 'node:crypto'
import { createHistogram, performance, type RecordableHistogram } from 'node:perf_hooks'
import { inventPayment, type Payment, sendPayment } from './payments.js'

/** Every so often a caller acts as if the answer had been lost, and sends the same payment again. */
const RESEND_ONE_IN = 50

export interface LoadOptions {
  /** The service's address, such as `http://127.0.0.1:3000`. */
  readonly address: string
  readonly accountIds: readonly string[]
  readonly callers: number
  readonly seconds: number
  /** Ends the load early. */
  readonly signal: AbortSignal
}

/** What the callers know, which is all that a client ever knows. */
export class LoadRecord {
  /** In microseconds; a histogram takes whole numbers only. */
  readonly latency: RecordableHistogram = createHistogram()
  /** Time that all requests lasted together. */
  requestsMs = 0
  elapsedMs = 0
  /** Keys of the payments that the service said it made. */
  readonly acknowledged = new Set<string>()
  /** Keys of the payments that it gave no such answer to. */
  readonly unacknowledged = new Set<string>()
  /** Payments sent again that the service said it made a second time: there must be none. */
  readonly madeTwice = new Set<string>()
  /** How many requests ended otherwise than well, by HTTP status or cause. */
  readonly failures = new Map<string, number>()

  get requests(): number {
    return this.latency.count
  }
}

/** Drives until the time is over and the last answers are in. `record` can be watched meanwhile. */
export async function drive(options: LoadOptions, record: LoadRecord): Promise<void> {
  const start = performance.now()
  const end = start + options.seconds * 1000
  const isOver = () => options.signal.aborted || performance.now() >= end
  await Promise.all(Array.from({ length: options.callers }, () => call(options, record, isOver)))
  record.elapsedMs = performance.now() - start
}

async function call(options: LoadOptions, record: LoadRecord, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const payment = inventPayment(options.accountIds)
    const { idempotencyKey } = payment
    const outcome = await send(options.address, payment, record)
    if (outcome !== 'made') {
      record.unacknowledged.add(idempotencyKey)
      continue
    }
    record.acknowledged.add(idempotencyKey)
    if (randomInt(RESEND_ONE_IN) === 0 && !isOver()) {
      const again = await send(options.address, payment, record)
      if (again === 'made') record.madeTwice.add(idempotencyKey)
    }
  }
}

async function send(
  address: string,
  payment: Payment,
  record: LoadRecord,
): Promise<'made' | 'known' | 'failed'> {
  const { answer, lastedMs } = await sendPayment(address, payment)
  record.latency.record(Math.max(1, Math.round(lastedMs * 1000)))
  record.requestsMs += lastedMs
  if (answer === 201) return 'made'
  if (answer === 200) return 'known'
  const cause = String(answer)
  record.failures.set(cause, (record.failures.get(cause) ?? 0) + 1)
  return 'failed'
}
