/**
 * `npm start`: brings up PostgreSQL and the service, drives it, reports, and takes everything down again.
 * Owns the order of these steps and the end of the process; each step lives in a file of its own.
 */
import { randomUUID } from 'node:crypto'
import { aborted, unlessAborted } from './abort.js'
import { Cleanups } from './cleanups.js'
import { openDatabase } from './database.js'
import { explain } from './explain.js'
import { probeDatabase } from './health.js'
import { toHttpProblem } from './http-errors.js'
import { Ledger } from './ledger.js'
import { problemsOf } from './load/audit.js'
import { measure } from './load/measure.js'
import { renderTable, reportRows } from './load/report.js'
import { migrate } from './migrate.js'
import { HELP, parseOptions, type StartOptions } from './options.js'
import { createPrisma } from './prisma.js'
import { seed } from './seed.js'
import { createServer } from './server.js'

const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const
type StopSignal = keyof typeof EXIT_CODES

async function main(): Promise<number> {
  const stop = new AbortController()
  for (const name of Object.keys(EXIT_CODES)) {
    process.on(name, (signal) => {
      const isFirst = !stop.signal.aborted
      stop.abort(signal)
      if (isFirst) console.log('\nStopping …')
    })
  }
  const cleanups = new Cleanups()
  try {
    const options = parseOptions(process.argv.slice(2), process.env)
    if (options.help) {
      console.log(HELP)
      return 0
    }
    return await start(options, cleanups, stop.signal)
  } catch (error) {
    // What fails after Ctrl-C fails because of it.
    if (stop.signal.aborted) return EXIT_CODES[stop.signal.reason as StopSignal]
    console.error(`npm start: ${explain(error)}`)
    return 1
  } finally {
    await cleanups.run((title, error) => console.error(`npm start: Could not ${title}: ${explain(error)}`))
  }
}

/** Resolves to the exit code; rejects when a step fails or `signal` ends it early. */
async function start(options: StartOptions, cleanups: Cleanups, signal: AbortSignal): Promise<number> {
  const databaseUrl = process.env['DATABASE_URL']
  console.log(databaseUrl ? 'Creating a database …' : 'Starting PostgreSQL …')
  // Not broken off half-way: what has come into being must be known in order to be removed.
  const connectionString = await openDatabase(databaseUrl, cleanups)
  signal.throwIfAborted()

  const pool = { minSize: Math.min(2, options.pool), maxSize: options.pool }
  const { adapter, prisma } = createPrisma({ connectionString, pool })
  cleanups.add('disconnect', () => prisma.$disconnect())
  console.log('Migrating and seeding …')
  await unlessAborted(signal, migrate(adapter))
  const seeded = await unlessAborted(signal, seed(prisma, { accounts: 1_000, deposit: '1000.00' }))

  let retries = 0
  const ledger = new Ledger(prisma, { onRetry: () => retries++ })
  const server = createServer({ ledger, probe: () => probeDatabase(connectionString) })
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
  if (problems.length > 0) return 1
  if (options.once) return 0

  console.log(invitation(address, seeded.accountIds))
  await aborted(signal)
  return 0
}

function invitation(address: string, [from = '', to = '']: readonly string[]): string {
  const transfer = { idempotencyKey: randomUUID(), from, to, amount: '12.50' }
  return `
Serving at ${address} until Ctrl-C, which removes everything again. Try:
  curl ${address}/healthz
  curl ${address}/accounts/${from}
  curl '${address}/accounts/${from}/statement?limit=5'
  curl ${address}/transfers -H 'content-type: application/json' \\
    -d '${JSON.stringify(transfer)}'`
}

// Ends the process even where a library still holds a timer or a socket.
void main().then((code) => process.exit(code))
