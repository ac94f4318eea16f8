// A pool on a manual clock and a fake connector, and the claims that hold for any pool at any time.
import { expect } from '@jest/globals'
import { Pool, type PoolHooks } from '../../../packages/adapter/src/pool/pool.js'
import type { Lease } from '../../../packages/adapter/src/pool/lease.js'
import type { PoolSettings } from '../../../packages/adapter/src/pool/types.js'
import { type FakeConnection, FakeConnector } from '../../support/fake-connector.js'
import { ManualClock, settle } from '../../support/manual-clock.js'

export const SECOND = 1_000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE

export interface Rig {
  clock: ManualClock
  connector: FakeConnector
  pool: Pool<FakeConnection>
  lost: Error[]
}

export const DEFAULTS: PoolSettings = {
  name: 'rig',
  minSize: 0,
  maxSize: 4,
  timeout: 30 * SECOND,
  maxWaiting: 0,
  maxLifetime: Infinity,
  maxIdle: Infinity,
  reconnectTimeout: 5 * MINUTE,
  numWorkers: 3,
  checkIdleAfter: undefined,
  maxIdleCount: Infinity,
  growth: 'gradual',
  lendsOnce: false,
  maxLifetimeJitter: 0.05,
  enforceLifetimeOn: 'always',
  invalidateOnLost: false,
  pipelining: 1,
}

/** The settings that `pool: false` stands for. */
export const NULL_POOL: Partial<PoolSettings> = {
  minSize: 0,
  maxIdleCount: 0,
  growth: 'immediate',
  numWorkers: Infinity,
}

/** The kinds of pool that a behaviour is shown on when it is the same for both. */
export const MODES: [string, Partial<PoolSettings>][] = [
  ['a pool', {}],
  ['a null pool', NULL_POOL],
]

/** How many of so many connections stay while nobody uses them. */
export function kept(mode: Partial<PoolSettings>, count: number): number {
  return mode.maxIdleCount ?? count
}

export function makePool(settings: Partial<PoolSettings> = {}, hooks: PoolHooks = {}): Rig {
  const clock = new ManualClock()
  const connector = new FakeConnector(clock)
  const lost: Error[] = []
  const pool = new Pool(connector, { ...DEFAULTS, ...settings }, clock, {
    onLost: (error) => lost.push(error),
    ...hooks,
  })
  return { clock, connector, pool, lost }
}

/** A pool whose `minSize` connections are there. */
export async function openPool(settings: Partial<PoolSettings> = {}, hooks: PoolHooks = {}): Promise<Rig> {
  const rig = makePool(settings, hooks)
  rig.pool.open()
  await settle()
  return rig
}

/** What has become of a promise so far. */
export interface Outcome<T> {
  state: 'pending' | 'fulfilled' | 'rejected'
  value?: T
  error?: unknown
  /** The clock when it settled. */
  at?: number
}

export function track<T>(clock: ManualClock, promise: Promise<T>): Outcome<T> {
  const outcome: Outcome<T> = { state: 'pending' }
  promise.then(
    (value) => Object.assign(outcome, { state: 'fulfilled', value, at: clock.now() }),
    (error: unknown) => Object.assign(outcome, { state: 'rejected', error, at: clock.now() }),
  )
  return outcome
}

/** Borrows a connection for `ms`, then gives it back; tells when it was done and which one it was. */
export function work(rig: Rig, ms: number, timeout?: number): Outcome<number> {
  return track(
    rig.clock,
    rig.pool.acquire(timeout === undefined ? {} : { timeout }).then(async (lease) => {
      const { id } = lease.connection
      await new Promise<void>((resolve) => rig.clock.setTimer(ms, resolve, { keepAlive: true }))
      await lease.release()
      return id
    }),
  )
}

/** What became of each, and when. */
export function outcomesOf(jobs: readonly Outcome<unknown>[]): [string, number | undefined][] {
  return jobs.map(({ state, at }) => [state, at])
}

/** Borrows a connection and gives it back at once; tells which one it was. */
export async function useOnce({ pool }: Rig): Promise<number> {
  const lease = await pool.acquire()
  const { id } = lease.connection
  await lease.release()
  return id
}

export function acquireAll({ pool }: Pick<Rig, 'pool'>, count: number): Promise<Lease<FakeConnection>[]> {
  return Promise.all(Array.from({ length: count }, () => pool.acquire()))
}

export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'fulfilled',
    (error: unknown) => (error as { code?: unknown }).code ?? error,
  )
}

interface Closable {
  readonly pool: { close(): Promise<void> }
  readonly clock: ManualClock
  readonly connector: { readonly alive: readonly unknown[] }
}

/** Closes the pool and shows that nothing of it is left: no connection, no timer. */
export async function expectNothingLeft({ pool, clock, connector }: Closable): Promise<void> {
  const closed = track(clock, pool.close())
  await settle()
  expect(closed.state).toBe('fulfilled')
  expect(connector.alive).toEqual([])
  expect(clock.timers.all).toBe(0)
  // Nor does anything come back to life.
  await clock.advance(HOUR)
  expect(connector.alive).toEqual([])
  expect(clock.timers.all).toBe(0)
}

/** The server ends every connection, and answers nobody. */
export function stopServer({ connector }: Rig): void {
  connector.openError = new Error('away')
  for (const connection of connector.alive) connector.lose(connection)
}

export function startServer({ connector }: Rig): void {
  connector.openError = undefined
}
