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
  const outcomes = { succeeded: 0, failed: 0, ranAgain: 0 }
  for (let round = 0; round < 60; round++) {
    const before = await runs()
    const requestsBefore = adapter.pool.getStats().requestsNum
    const call = connection.queryRaw(sql(`SELECT nextval('runs') FROM pg_sleep(0.002)`)).then(
      () => true,
      () => false,
    )
    // At all moments of the statement's life, from before it arrives until after it ends.
    for (let turn = 0; turn < round % 12; turn++) await new Promise((resolve) => setImmediate(resolve))
    // Without waiting for the end of one before the other is told.
    await database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = $1`,
      [SUBJECT],
    )
    const isSuccess = await call
    const ran = (await runs()) - before
    if (isSuccess) expect(ran).toBe(1)
    else expect(ran).toBeLessThanOrEqual(1)
    outcomes[isSuccess ? 'succeeded' : 'failed']++
    if (adapter.pool.getStats().requestsNum - requestsBefore > 1) outcomes.ranAgain++
  }
  // Else the test has not met what it is about.
  expect(outcomes.succeeded).toBeGreaterThan(0)
  expect(outcomes.ranAgain).toBeGreaterThan(0)
  await connection.dispose()
  await database.drop()
}, 60_000)
