/**
 * The payments of the load, and the way that each goes to the service: over HTTP, on real sockets.
 */
import { randomInt, randomUUID } from 'node:crypto'
import { performance } from 'node:perf_hooks'

export interface Payment {
  readonly idempotencyKey: string
  readonly from: string
  readonly to: string
  readonly amount: string
  readonly metadata: { readonly reference: string }
}

export interface Answer {
  /** The HTTP status, or what went wrong before there was one. */
  readonly answer: number | string
  readonly lastedMs: number
}

export function inventPayment(accountIds: readonly string[]): Payment {
  const from = randomInt(accountIds.length)
  const to = (from + randomInt(1, accountIds.length)) % accountIds.length
  const idempotencyKey = randomUUID()
  return {
    idempotencyKey,
    from: accountIds[from] ?? '',
    to: accountIds[to] ?? '',
    amount: (randomInt(1, 1_000) / 100).toFixed(2),
    metadata: { reference: `order ${idempotencyKey.slice(0, 8)}` },
  }
}

export async function sendPayment(address: string, payment: Payment): Promise<Answer> {
  const start = performance.now()
  const answer = await post(`${address}/payments`, payment)
  return { answer, lastedMs: performance.now() - start }
}

/** Resolves to the HTTP status, or to what went wrong before there was one. */
async function post(url: string, body: object): Promise<number | string> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    // Read to its end, else the socket cannot be used again.
    await response.arrayBuffer()
    return response.status
  } catch (error) {
    return error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)
  }
}
