// `npm run chaos`: writers move money through Prisma while everything fails, and afterwards the server says
// whether each of them was told the truth. Rounds differ in the adapter's options; see scripts/chaos.mjs.
import { parseArgs } from 'node:util'
import { type Bank, openBank } from '../load/bank.js'
import { judge, numberOf, seedOf } from '../load/program.js'
import { canPool } from './poolers.js'
import { type Backend, BACKENDS, modeOf } from './round.js'
import { type Limits, Run } from './run.js'

const DEFAULT_MS = 60_000
/** In this order, and again: most of what can go wrong is in our own pool, or behind a pooler. */
const ORDER: readonly Backend[] = ['native', 'pgbouncer', 'pg-pool', 'native', 'pgbouncer-session', 'none']

function readArguments(): { limits: Limits; backends: readonly Backend[] } {
  const text = { type: 'string' } as const
  const { values } = parseArgs({ options: { transfers: text, faults: text, backend: text } })
  const transfers = numberOf('--transfers', values.transfers)
  const faults = numberOf('--faults', values.faults)
  const isLong = transfers !== undefined || faults !== undefined
  const backend = BACKENDS.find((each) => each === values.backend)
  if (values.backend !== undefined && backend === undefined) {
    throw new Error(`--backend must be one of: ${BACKENDS.join(', ')}`)
  }
  return {
    limits: {
      durationMs: numberOf('CHAOS_MS', process.env.CHAOS_MS) ?? (isLong ? 0 : DEFAULT_MS),
      transfers: transfers ?? 0,
      faults: faults ?? 0,
    },
    backends: backend === undefined ? ORDER : [backend],
  }
}

async function main(): Promise<void> {
  const { limits, backends: wanted } = readArguments()
  const backends = wanted.filter((backend) => canPool || modeOf(backend) === undefined)
  if (backends.length < wanted.length) console.log('PgBouncer is not installed: no round goes by way of it.')
  if (backends.length === 0) throw new Error('PgBouncer is not installed.')
  const seed = seedOf('CHAOS_SEED')
  console.log(`Chaos with CHAOS_SEED=${seed} …`)
  await judge('CHAOS_SEED', seed, async (violations) => {
    const bank = await openBank({ deadlock_timeout: '50ms' })
    try {
      console.log(`The proxy listens on port ${bank.proxy.port}, the server on ${bank.server.port}.`)
      await makeSomeCommitsSlow(bank)
      const run = new Run(bank, seed, limits)
      await run.all(backends, violations)
      console.log(await run.report())
    } finally {
      await bank.close()
    }
  })
}

/** A COMMIT is over at once, too soon for anything to happen in it; those of some transfers take a while. */
function makeSomeCommitsSlow({ database }: Bank): Promise<unknown> {
  return database.query(`
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF NEW."amount" = 9 AND NEW."sourceId" % 3 = 0 THEN PERFORM pg_sleep(0.02 + random() * 0.3); END IF;
        RETURN NULL;
      END $$;
    CREATE CONSTRAINT TRIGGER slow AFTER INSERT OR UPDATE ON "Transfer" DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION slow()`)
}

void main()
