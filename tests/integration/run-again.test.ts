// A statement runs again only when it certainly did not run: counted by a sequence, which no rollback undoes.
import { expect, test } from '@jest/globals'
import { RealPoolAdapter } from 'prisma-pg-real-pool'
import { createTestDatabase } from '../support/database.js'
import { sql, SUBJECT } from './support.js'

test('whenever its connection is ended, a statement runs at most once, and exactly once if it succeeds', async () => {
  const database = await createTestDatabase()
  await database.query('CREATE SEQUENCE runs')
  const adapter = new RealPoolAdapter({
    connectionString: database.url,
    application_name: SUBJECT,
    pool: { minSize: 2, maxSize: 2 },
  })
  const connection = await adapter.connect()
  const runs = async () =>
    (
      await database.query<{ n: number }>(
        'SELECT CASE WHEN is_called THEN last_value ELSE 0 END::int AS n FROM runs',
      )
    )[0]!.n
  const call = () =>
    connection.queryRaw(sql(`SELECT nextval('runs') FROM pg_sleep(0.002)`)).then(
      () => true,
      () => false,
    )
  // Without waiting for the end of one before the other is told.
  const endSessions = () =>
    database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = $1`,
      [SUBJECT],
    )
  const outcomes = { succeeded: 0, failed: 0, ranAgain: 0 }
  // Until it has met what it is about; the time of the test is the limit.
  for (let round = 0; round < 60 || outcomes.succeeded === 0 || outcomes.ranAgain === 0; round++) {
    const before = await runs()
    const requestsBefore = adapter.pool.getStats().requestsNum
    // At all moments of the statement's life, from before it is sent until after it ends.
    const isCalledFirst = round % 2 === 0
    const early = isCalledFirst ? call() : endSessions()
    for (let turn = 0; turn < (round >> 1) % 12; turn++) await new Promise((resolve) => setImmediate(resolve))
    const late = isCalledFirst ? endSessions() : call()
    await Promise.all([early, late])
    const isSuccess = (await (isCalledFirst ? early : late)) === true
    const ran = (await runs()) - before
    if (isSuccess) expect(ran).toBe(1)
    else expect(ran).toBeLessThanOrEqual(1)
    outcomes[isSuccess ? 'succeeded' : 'failed']++
    if (adapter.pool.getStats().requestsNum - requestsBefore > 1) outcomes.ranAgain++
  }
  await connection.dispose()
  await database.drop()
}, 60_000)
