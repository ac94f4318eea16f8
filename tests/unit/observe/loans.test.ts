import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import {
  type LoanReports,
  warnsOfUnreleased,
  watchLoans,
} from '../../../packages/adapter/src/observe/loans.js'
import { Pool } from '../../../packages/adapter/src/pool/pool.js'
import { type FakeConnection, FakeConnector } from '../../support/fake-connector.js'
import { ManualClock, settle } from '../../support/manual-clock.js'
import { DEFAULTS, expectNothingLeft, SECOND } from '../pool/support.js'

interface Warning {
  message: string
  code: string
  detail: string
}

const warnings: Warning[] = []
const emitWarning = process.emitWarning.bind(process)

beforeEach(() => {
  warnings.length = 0
  process.emitWarning = ((message: string, options: Omit<Warning, 'message'>) => {
    warnings.push({ message, ...options })
  }) as never
})

afterEach(() => {
  process.emitWarning = emitWarning
})

type Report = LoanReports<FakeConnection>['report']

const AT_ONCE: Report = () => Promise.resolve('all is told')

/** A server that never answers, for whom it is told when nobody waits for it any more. */
const NEVER: Report = (over) =>
  new Promise((resolve) => over.addEventListener('abort', () => resolve(`not known: ${over.reason}`)))

function watchedPool(thresholdMs: number, report = AT_ONCE, onLeak = () => {}) {
  const clock = new ManualClock()
  const connector = new FakeConnector(clock)
  let leaks = 0
  const reports = {
    thresholdMs,
    ofCollected: false,
    poolName: 'orders',
    describe: () => 'at work',
    onLeak: () => {
      leaks++
      onLeak()
    },
    report,
  }
  const pool = new Pool(connector, { ...DEFAULTS, maxSize: 2 }, clock, {
    onRequest: watchLoans(reports, clock)?.follow,
  })
  pool.open()
  return { clock, connector, pool, leaks: () => leaks, lost: [] }
}

describe('a lease held for longer than the threshold', () => {
  test('is reported once, with its age and where it was acquired, and again when it comes back', async () => {
    const { clock, pool, leaks } = watchedPool(2 * SECOND)
    const lease = await pool.acquire()
    await clock.advance(2 * SECOND - 1)
    expect(warnings).toEqual([])
    await clock.advance(1)
    expect(warnings).toEqual([
      {
        message:
          "a connection of the pool 'orders' has been lent for 2.0 s, longer than leakDetectionThreshold (2000 ms); at work",
        code: 'REAL_POOL_LEAK',
        detail: expect.stringMatching(
          /^It was acquired here:\n.*Pool\.acquire.*\n.*loans\.test\.ts[^]*\nall is told$/,
        ),
      },
    ])
    await clock.advance(100 * SECOND)
    expect(warnings).toHaveLength(1)
    expect(leaks()).toBe(1)
    await lease.release()
    await settle()
    expect(warnings.slice(1)).toEqual([
      {
        message:
          "the connection of the pool 'orders' that was reported to be lent for long came back after 102.0 s",
        code: 'REAL_POOL_LEAK',
        detail: warnings[0]?.detail.replace('\nall is told', ''),
      },
    ])
  })

  test('is counted at that moment, and warned of when the server has answered', async () => {
    let answer = (_text: string): void => {}
    const { clock, pool, leaks } = watchedPool(2 * SECOND, () => new Promise((resolve) => (answer = resolve)))
    await pool.acquire()
    await clock.advance(2 * SECOND)
    expect([leaks(), warnings]).toEqual([1, []])
    await clock.advance(SECOND)
    answer('the server is well')
    await settle()
    expect(warnings).toEqual([
      expect.objectContaining({
        message: expect.stringContaining('has been lent for 2.0 s'),
        detail: expect.stringMatching(/\nthe server is well$/),
      }),
    ])
  })

  test('that comes back before the server answers is warned of without the answer, and then of its return', async () => {
    const { clock, pool } = watchedPool(2 * SECOND, NEVER)
    const lease = await pool.acquire()
    await clock.advance(3 * SECOND)
    expect(warnings).toEqual([])
    await lease.release()
    await clock.advance(SECOND)
    expect(warnings.map(({ message }) => message)).toEqual([
      expect.stringContaining('has been lent for 2.0 s'),
      expect.stringContaining('came back after 3.0 s'),
    ])
    expect(warnings[0]?.detail).toMatch(/\nnot known: the connection came back before the server answered$/)
  })

  test('that is given back by whoever is told of it is warned of in the same order', async () => {
    let giveBack = (): void => {}
    const { clock, pool } = watchedPool(2 * SECOND, NEVER, () => giveBack())
    const lease = await pool.acquire()
    giveBack = () => void lease.release()
    await clock.advance(2 * SECOND)
    expect(warnings.map(({ message }) => message)).toEqual([
      expect.stringContaining('has been lent for 2.0 s'),
      expect.stringContaining('came back after 2.0 s'),
    ])
  })

  test('is warned of although the pool cannot be described', async () => {
    const { clock, pool } = watchedPool(2 * SECOND, () => Promise.reject(new Error('odd')))
    await pool.acquire()
    await clock.advance(2 * SECOND)
    expect(warnings).toHaveLength(1)
    expect(warnings[0]?.detail).toMatch(/\nThe pool could not be described: Error: odd$/)
  })

  test('is told with the whole pool once where many are held: the server is asked no more often', async () => {
    const answers: ((text: string) => void)[] = []
    const { clock, pool, leaks } = watchedPool(
      2 * SECOND,
      () => new Promise((resolve) => answers.push(resolve)),
    )
    const first = await pool.acquire()
    await clock.advance(1)
    await pool.acquire()
    await clock.advance(2 * SECOND)
    expect([leaks(), answers.length]).toEqual([2, 1])
    answers[0]?.('all of them')
    await settle()
    const lastLine = ({ detail }: Warning) => detail.split('\n').at(-1)
    expect(warnings.map(lastLine)).toEqual([
      'The pool is described in the warning of another of its connections.',
      'all of them',
    ])
    for (const { detail } of warnings) expect(detail).toMatch(/loans\.test\.ts/)
    // The next time it is asked again.
    await first.release()
    await pool.acquire()
    await clock.advance(2 * SECOND)
    expect([leaks(), answers.length]).toEqual([3, 2])
  })

  test('is counted from when it was lent, not from when it was asked for', async () => {
    const { clock, pool } = watchedPool(2 * SECOND)
    const held = [await pool.acquire(), await pool.acquire()]
    const waiting = pool.acquire()
    await clock.advance(1.5 * SECOND)
    await held[0]?.release()
    await waiting
    await clock.advance(SECOND)
    // The one that is still held; the other has been lent for one second only.
    expect(warnings).toHaveLength(1)
    await clock.advance(SECOND)
    expect(warnings).toHaveLength(2)
  })

  test('keeps its connection: nothing is taken from a borrower', async () => {
    const { clock, pool, connector } = watchedPool(2 * SECOND)
    const lease = await pool.acquire()
    await clock.advance(60 * SECOND)
    expect(lease.connection.isClosed).toBe(false)
    expect(connector.alive).toHaveLength(1)
    expect(pool.getStats()).toMatchObject({ poolSize: 1, poolAvailable: 0 })
  })
})

test('where nobody may change the depth of stacks, a lease is lent and reported all the same', async () => {
  const { clock, pool } = watchedPool(2 * SECOND)
  Object.defineProperty(Error, 'stackTraceLimit', { writable: false })
  try {
    await pool.acquire()
  } finally {
    Object.defineProperty(Error, 'stackTraceLimit', { writable: true })
  }
  await clock.advance(2 * SECOND)
  expect(warnings[0]?.detail).toMatch(/loans\.test\.ts/)
})

test('a lease that comes back in time is not reported, and leaves no timer', async () => {
  const rig = watchedPool(2 * SECOND)
  for (let round = 0; round < 3; round++) {
    const lease = await rig.pool.acquire()
    await rig.clock.advance(SECOND)
    await lease.release()
  }
  await rig.clock.advance(60 * SECOND)
  expect(warnings).toEqual([])
  await expectNothingLeft(rig)
})

test('the watching keeps no process alive', async () => {
  const { clock, pool } = watchedPool(2 * SECOND)
  await pool.acquire()
  await settle()
  expect(clock.timers.keepAlive).toBe(0)
})

test('nothing is spent where nothing is to be reported', () => {
  const reports = {
    thresholdMs: Infinity,
    ofCollected: false,
    poolName: 'orders',
    describe: () => '',
    onLeak: () => {},
    report: AT_ONCE,
  }
  expect(watchLoans(reports, new ManualClock())).toBeUndefined()
})

test.each([
  [undefined, false],
  ['', false],
  ['0', false],
  ['no', false],
  ['1', true],
  ['true', true],
  ['Yes', true],
  ['on', true],
])('REAL_POOL_WARN_UNRELEASED=%s asks for reports: %s', (value, asks) => {
  expect(warnsOfUnreleased(value)).toBe(asks)
})
