/**
 * `npm start`: brings up PostgreSQL and the ledger, serves or measures it, and takes everything down again.
 * Owns the order of these steps and the end of the process; each step lives in a file of its own.
 */
import { unlessAborted } from './abort.js'
import { Cleanups } from './cleanups.js'
import { LIVE_POOL } from './dashboard/live.js'
import { keepReportsOffTerminal } from './dashboard/slow-holders.js'
import { openDatabase } from './database.js'
import { explain } from './explain.js'
import { migrate } from './migrate.js'
import { measureOnce } from './once.js'
import { HELP, parseOptions, type StartOptions } from './options.js'
import { createPrisma } from './prisma.js'
import { seed } from './seed.js'
import { serve } from './serve.js'

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

  if (!options.once) keepReportsOffTerminal()
  const { adapter, prisma } = createPrisma({
    connectionString,
    pool: {
      minSize: Math.min(2, options.pool),
      maxSize: options.pool,
      ...(!options.once && LIVE_POOL),
    },
  })
  cleanups.add('disconnect', () => prisma.$disconnect())
  console.log('Migrating and seeding …')
  await unlessAborted(signal, migrate(adapter))
  const seeded = await unlessAborted(signal, seed(prisma, { accounts: 1_000, deposit: '1000.00' }))
  const ground = { options, connectionString, adapter, prisma, seeded, cleanups, signal }
  return options.once ? measureOnce(ground) : serve(ground)
}

// Ends the process even where a library still holds a timer or a socket.
void main().then((code) => process.exit(code))
