/**
 * One measurement: drives the service while PostgreSQL is watched, then checks the books.
 */
import type { RealPoolAdapter } from 'prisma-pg-real-pool'
import type { Prisma, PrismaClient } from '../generated/prisma/client.js'
import { APPLICATION_NAME } from '../prisma.js'
import { audit } from './audit.js'
import { drive, LoadRecord, type LoadOptions } from './driver.js'
import { Observer } from './observer.js'
import { showProgress } from './progress.js'
import type { Measured } from './report.js'

const OBSERVE_EVERY_MS = 50

export interface MeasureOptions {
  readonly load: LoadOptions
  readonly connectionString: string
  readonly adapter: RealPoolAdapter
  readonly prisma: PrismaClient
  /** What all customers own together, before and after. */
  readonly expectedTotal: Prisma.Decimal
  /** How often the ledger has retried so far. */
  readonly retries: () => number
}

export async function measure(options: MeasureOptions): Promise<Measured> {
  const { load, connectionString, adapter, prisma, expectedTotal, retries } = options
  const record = new LoadRecord()
  const observer = new Observer({
    connectionString,
    applicationName: APPLICATION_NAME,
    everyMs: OBSERVE_EVERY_MS,
  })
  await observer.start()
  // What migrating and seeding did to the counters is none of the load's.
  adapter.pool.popStats()
  const retriesBefore = retries()
  const progress = showProgress(load.seconds, record)
  // The bar must not stay on the terminal when Ctrl-C ends all this.
  load.signal.addEventListener('abort', () => progress.stop(), { once: true })
  await drive(load, record)
  progress.stop()
  const stats = adapter.pool.getStats()
  const observed = await observer.stop()
  return {
    load: record,
    pool: stats,
    observed: { ...observed, everyMs: OBSERVE_EVERY_MS },
    retries: retries() - retriesBefore,
    audit: await audit(prisma, record, expectedTotal),
  }
}
