/** Waits for a connection as spans, each inside the span of whoever waited: Prisma's, or one of the user's own. */
import { type Context, context, SpanStatusCode, trace, type Tracer } from '@opentelemetry/api'
import { systemClock } from '../pool/clock.js'
import { onPoolEvent } from './events.js'
import { POOL_NAME } from './metrics.js'

/** What waits for less, waits for a look at an idle connection; a span of its own would only be in the way. */
const SHORTEST_MS = 1

interface WaitEnd {
  readonly pool: string
  readonly request: number | undefined
  readonly waitedMs: number
  readonly error?: unknown
}

/** @returns What ends each of its parts. */
export function traceWaits(tracer: Tracer, pool: string): (() => void)[] {
  // A connection is granted in the context of whoever gave it back; that of the request is known when it begins to wait.
  const waiting = new Map<number, Context>()
  const end = ({ pool: name, request, waitedMs, error }: WaitEnd): void => {
    const parent = name === pool && request !== undefined ? waiting.get(request) : undefined
    if (parent === undefined || request === undefined) return
    waiting.delete(request)
    if (waitedMs < SHORTEST_MS) return
    const now = systemClock.wallNow()
    const options = { startTime: now - waitedMs, attributes: { [POOL_NAME]: pool } }
    const span = tracer.startSpan('real_pool.acquire', options, parent)
    if (error !== undefined) {
      const message = error instanceof Error ? error.message : 'aborted'
      span.recordException(error instanceof Error ? error : message)
      span.setStatus({ code: SpanStatusCode.ERROR, message })
    }
    span.end(now)
  }
  return [
    onPoolEvent('wait', ({ pool: name, request }) => {
      const active = context.active()
      if (name === pool && trace.getSpan(active)?.isRecording() === true) waiting.set(request, active)
    }),
    onPoolEvent('acquire', end),
    onPoolEvent('timeout', end),
    onPoolEvent('rejected', end),
  ]
}
