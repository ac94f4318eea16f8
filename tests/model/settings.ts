// The settings that vary from run to run.
import fc from 'fast-check'
import type { PoolSettings } from '../../packages/adapter/src/pool/types.js'

export interface RunSettings extends PoolSettings {
  /** What Math.random says throughout a run: a run must be the same each time it is replayed. */
  readonly random: number
  /** Whether attempts to open go on when they are given up, as one does that has just succeeded. */
  readonly ignoresAbort: boolean
}

export const DEFAULT_TIMEOUT = 30_000

export const runSettings: fc.Arbitrary<RunSettings> = fc
  .record({
    minSize: fc.nat(3),
    room: fc.nat(4),
    growth: fc.constantFrom<PoolSettings['growth']>('gradual', 'gradual', 'gradual', 'immediate'),
    moreIdle: fc.constantFrom(Infinity, Infinity, 0, 1),
    maxWaiting: fc.constantFrom(0, 0, 1, 3),
    // Nothing is opened at the moment of each window of maxIdle again and again, as it would be if the one went into
    // the other: here that takes no time.
    maxLifetime: fc.constantFrom(Infinity, Infinity, 3_001, 20_011),
    maxLifetimeJitter: fc.constantFrom(0, 0.05, 0.5),
    enforceLifetimeOn: fc.constantFrom<PoolSettings['enforceLifetimeOn']>('always', 'always', 'acquire'),
    maxIdle: fc.constantFrom(Infinity, 1_000, 10_000),
    reconnectTimeout: fc.constantFrom(0, 2_000, 300_000),
    numWorkers: fc.constantFrom(1, 2, 3, Infinity),
    checkIdleAfter: fc.constantFrom(undefined, undefined, 0, 500),
    invalidateOnLost: fc.boolean(),
    pipelining: fc.constantFrom(1, 1, 2, 3),
    random: fc.constantFrom(0, 0.25, 0.5, 0.75),
    ignoresAbort: fc.boolean(),
  })
  .map(({ room, moreIdle, ...settings }) => {
    // Whoever has each connection made by who waits for it wants none beforehand.
    const minSize = settings.growth === 'immediate' ? 0 : settings.minSize
    const maxSize = Math.min(Math.max(1, minSize + room), 5)
    return {
      ...settings,
      name: 'model',
      lendsOnce: false,
      timeout: DEFAULT_TIMEOUT,
      minSize,
      maxSize,
      maxIdleCount: minSize + moreIdle,
    }
  })
