/**
 * `npm start`: serves the ledger and its dashboard under a load that goes on until Ctrl-C.
 */
import { randomUUID } from 'node:crypto'
import { aborted } from './abort.js'
import { Live } from './dashboard/live.js'
import type { Ground } from './ground.js'
import { probeDatabase } from './health.js'
import { Ledger } from './ledger.js'
import { unevenScreening } from './payment.js'
import { metricsOf } from './metrics.js'
import { probePool } from './readiness.js'
import { createServer } from './server.js'

/** Resolves to the exit code, when `signal` is aborted. */
export async function serve(ground: Ground): Promise<number> {
  const { options, connectionString, adapter, prisma, seeded, cleanups, signal } = ground
  let retries = 0
  const ledger = new Ledger(prisma, { onRetry: () => retries++ })
  const live = new Live({ connectionString, adapter, callers: options.callers, retries: () => retries })
  const server = createServer({
    ledger,
    probe: () => probeDatabase(connectionString),
    ready: () => probePool(adapter.pool),
    metrics: metricsOf(adapter.pool),
    screen: unevenScreening,
    dashboard: live,
  })
  cleanups.add('stop the service', () => server.close())
  cleanups.add('stop the load', () => live.stop())
  const address = await server.listen({ host: '127.0.0.1', port: options.port })
  live.start(address, seeded.accountIds)
  console.log(invitation(address, options.callers, seeded.accountIds))
  await aborted(signal)
  return 0
}

function invitation(address: string, callers: number, [from = '', to = '']: readonly string[]): string {
  const transfer = { idempotencyKey: randomUUID(), from, to, amount: '12.50' }
  return `
The dashboard, with ${callers} callers at work:

  ${address}/

Serving until Ctrl-C, which removes everything again. Try also:
  curl ${address}/healthz
  curl ${address}/readyz
  curl ${address}/metrics
  curl ${address}/accounts/${from}
  curl '${address}/accounts/${from}/statement?limit=5'
  curl ${address}/transfers -H 'content-type: application/json' \\
    -d '${JSON.stringify(transfer)}'`
}
