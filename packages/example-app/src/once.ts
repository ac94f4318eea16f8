/**
 * `npm start -- --once`: drives the service for a while, prints what was seen, and fails when the books do
 * not balance or a request failed unforeseen.
 */
import { unlessAborted } from './abort.js'
import { explain } from './explain.js'
import type { Ground } from './ground.js'
import { probeDatabase } from './health.js'
import { toHttpProblem } from './http-errors.js'
import { Ledger } from './ledger.js'
import { problemsOf } from './load/audit.js'
import { measure } from './load/measure.js'
import { renderTable, reportRows } from './load/report.js'
import { metricsOf } from './metrics.js'
import { probePool } from './readiness.js'
import { createServer } from './server.js'

/** Resolves to the exit code. */
export async function measureOnce(ground: Ground): Promise<number> {
  const { options, connectionString, adapter, prisma, seeded, cleanups, signal } = ground
  let retries = 0
  const server = createServer({
    ledger: new Ledger(prisma, { onRetry: () => retries++ }),
    probe: () => probeDatabase(connectionString),
    ready: () => probePool(adapter.pool),
    metrics: metricsOf(adapter.pool),
  })
  const unforeseen: unknown[] = []
  server.addHook('onError', async (_request, _reply, error) => {
    if (toHttpProblem(error).status === 500) unforeseen.push(error)
  })
  cleanups.add('stop the service', () => server.close())
  const address = await server.listen({ host: '127.0.0.1', port: options.port })

  console.log(
    `${options.callers} callers for ${options.seconds} s over a pool of ${options.pool}. ` +
      'Each call: one read, 50 ms of other work without a connection, a transfer.',
  )
  const measurement = measure({
    load: { ...options, address, accountIds: seeded.accountIds, signal },
    connectionString,
    adapter,
    prisma,
    expectedTotal: seeded.total,
    retries: () => retries,
  })
  const measured = await unlessAborted(signal, measurement)
  console.log(renderTable(reportRows(measured)))
  const problems = problemsOf(measured.audit)
  if (unforeseen.length > 0) {
    problems.push(
      `${unforeseen.length} requests failed, the first one for this reason: ${explain(unforeseen[0])}`,
    )
  }
  for (const problem of problems) console.error(`npm start: ${problem}`)
  return problems.length > 0 ? 1 : 0
}
