/** The pool without PostgreSQL: on the fake connector of the tests, whose connections cost next to nothing. */
import { type FakeConnection, FakeConnector } from '../../../tests/support/fake-connector.js'
import type { Clock } from '../../adapter/src/pool/clock.js'
import { Pool } from '../../adapter/src/pool/pool.js'
import type { PoolSettings } from '../../adapter/src/pool/types.js'

const MINUTE = 60_000

/** As long as a pool has by default: its timers are part of what it costs. */
const DEFAULTS: Omit<PoolSettings, 'minSize' | 'maxSize'> = {
  name: 'bench',
  timeout: MINUTE / 2,
  maxWaiting: 0,
  maxLifetime: 60 * MINUTE,
  maxIdle: 10 * MINUTE,
  reconnectTimeout: 5 * MINUTE,
  numWorkers: 3,
  maxIdleCount: Infinity,
  growth: 'gradual',
  lendsOnce: false,
  maxLifetimeJitter: 0.05,
  enforceLifetimeOn: 'always',
  invalidateOnLost: false,
  pipelining: 1,
  checkIdleAfter: undefined,
}

/** A pool of so many connections, all of them idle. */
export async function openFakePool(size: number, clock: Clock): Promise<Pool<FakeConnection>> {
  const settings = { ...DEFAULTS, minSize: size, maxSize: size }
  const pool = new Pool(new FakeConnector(clock), settings, clock)
  pool.open()
  await pool.wait()
  return pool
}
