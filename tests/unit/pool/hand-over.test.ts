// Connections that go from one borrower to the next before the last answer of the first: to whom they go, to whom they
// do not, and what becomes of them meanwhile.
import { describe, expect, test } from '@jest/globals'
import { Counters } from '../../../packages/adapter/src/pool/stats.js'
import type { Lease } from '../../../packages/adapter/src/pool/lease.js'
import type { PoolObserver } from '../../../packages/adapter/src/pool/observer.js'
import type { PoolHooks } from '../../../packages/adapter/src/pool/pool.js'
import type { AcquireOptions, Loan, PoolSettings } from '../../../packages/adapter/src/pool/types.js'
import type { FakeConnection } from '../../support/fake-connector.js'
import { settle } from '../../support/manual-clock.js'
import {
  expectNothingLeft,
  HOUR,
  MINUTE,
  openPool,
  type Outcome,
  type Rig,
  SECOND,
  track,
} from './support.js'

type Request = Outcome<Lease<FakeConnection>>

function ask({ clock, pool }: Rig, options: AcquireOptions = {}): Request {
  return track(clock, pool.acquire({ follows: true, ...options }))
}

interface Answer {
  readonly promise: Promise<void>
  readonly come: () => Promise<void>
  readonly fail: () => Promise<void>
}

function answer(): Answer {
  let resolve = (): void => {}
  let reject = (_error: Error): void => {}
  const promise = new Promise<void>((onResolved, onRejected) => {
    resolve = onResolved
    reject = onRejected
  })
  // Whoever waits for it hears of a failure.
  promise.catch(() => {})
  return {
    promise,
    come: () => (resolve(), settle()),
    fail: () => (reject(new Error('could not commit')), settle()),
  }
}

/** The one connection of a pool, lent. */
async function oneLent(settings: Partial<PoolSettings> = {}, hooks: PoolHooks = {}) {
  const rig = await openPool({ minSize: 1, maxSize: 1, ...settings }, hooks)
  const lease = await rig.pool.acquire()
  return { rig, lease, connection: lease.connection }
}

const NOBODY: PoolObserver<unknown> = {
  onOpened: () => {},
  onOpenFailed: () => {},
  onClosed: () => {},
  onLost: () => {},
  onWaiting: () => {},
  onFailed: () => {},
  onLent: () => {},
  onReturned: () => {},
}

describe('a connection that is handed over', () => {
  test('goes to whoever waits first, before the answer', async () => {
    const { rig, lease } = await oneLent()
    const [first, second] = [ask(rig), ask(rig)]
    const { promise, come } = answer()
    expect(lease.handOver(promise)).toBe(true)
    await settle()
    expect([first.state, second.state]).toEqual(['fulfilled', 'pending'])
    expect(first.value?.connection.id).toBe(1)
    expect(() => lease.release()).toThrow(/the lease is over already/)
    expect(() => lease.handOver(promise)).toThrow(/the lease is over already/)
    await come()
    expect(second.state).toBe('pending')
    await first.value?.release()
    await settle()
    expect(second.state).toBe('fulfilled')
    await second.value?.release()
    expect(rig.pool.getStats()).toMatchObject({ poolAvailable: 1, requestsWaiting: 0 })
    await expectNothingLeft(rig)
  })

  test('stays with its borrower while nobody waits', async () => {
    const { rig, lease } = await oneLent()
    expect(lease.handOver(answer().promise)).toBe(false)
    const request = ask(rig)
    await settle()
    expect(request.state).toBe('pending')
    await lease.release()
    await settle()
    expect(request.state).toBe('fulfilled')
  })

  test.each([false, undefined])(
    'goes to nobody who does not say to follow (%s), nor past them',
    async (follows) => {
      const { rig, lease } = await oneLent()
      const [first, second] = [ask(rig, { follows }), ask(rig)]
      expect(lease.handOver(answer().promise)).toBe(false)
      await lease.release()
      await settle()
      expect([first.state, second.state]).toEqual(['fulfilled', 'pending'])
    },
  )

  test('that comes back before the answer goes nowhere until then', async () => {
    const { rig, lease, connection } = await oneLent()
    const [first, second] = [ask(rig), ask(rig)]
    const { promise, come } = answer()
    lease.handOver(promise)
    await settle()
    connection.condition = 'unclean'
    await first.value?.release()
    await settle()
    expect(second.state).toBe('pending')
    expect(connection.restored).toBe(0)
    expect(rig.pool.getStats()).toMatchObject({ poolSize: 1, poolAvailable: 0 })
    await come()
    expect(connection.restored).toBe(1)
    expect(second.state).toBe('fulfilled')
    await second.value?.release()
    await expectNothingLeft(rig)
  })

  test('and destroyed before the answer is closed behind it', async () => {
    const { rig, lease, connection } = await oneLent()
    const [first, second] = [ask(rig), ask(rig)]
    const { promise, come } = answer()
    lease.handOver(promise)
    await settle()
    await first.value?.destroy()
    await settle()
    expect(connection.isClosed).toBe(false)
    await come()
    expect(connection.isClosed).toBe(true)
    await rig.clock.advance(SECOND)
    expect(second.value?.connection.id).toBe(2)
  })

  test('goes on from one to the next, however late their answers', async () => {
    const { rig, lease } = await oneLent()
    const requests = [ask(rig), ask(rig), ask(rig)]
    const answers = [answer(), answer()]
    lease.handOver(answers[0]!.promise)
    await settle()
    expect(requests[0]?.value?.handOver(answers[1]!.promise)).toBe(true)
    await settle()
    expect(requests.map(({ state }) => state)).toEqual(['fulfilled', 'fulfilled', 'pending'])
    await requests[1]?.value?.release()
    await answers[0]?.come()
    expect(requests[2]?.state).toBe('pending')
    await answers[1]?.come()
    expect(requests[2]?.state).toBe('fulfilled')
    await requests[2]?.value?.release()
    await expectNothingLeft(rig)
  })

  test('is free after a failure as after any answer', async () => {
    const { rig, lease } = await oneLent()
    const [first, second] = [ask(rig), ask(rig)]
    const { promise, fail } = answer()
    lease.handOver(promise)
    await settle()
    await first.value?.release()
    await fail()
    expect(second.state).toBe('fulfilled')
  })

  test('may go to those who share it', async () => {
    const { rig, lease } = await oneLent({ pipelining: 4 })
    const calls = [1, 2, 3].map(() => ask(rig, { shared: true }))
    // However long it was in use before, no call of theirs is slow.
    await rig.clock.advance(100)
    const { promise, come } = answer()
    expect(lease.handOver(promise)).toBe(true)
    await settle()
    expect(calls.map(({ state }) => state)).toEqual(Array(3).fill('fulfilled'))
    for (const { value } of calls) void value?.release()
    await settle()
    expect(rig.pool.getStats().poolAvailable).toBe(0)
    await come()
    expect(rig.pool.getStats().poolAvailable).toBe(1)
    await expectNothingLeft(rig)
  })

  test.each(['alone', 'shared'])('counts as in use without a gap, and never twice, %s', async (how) => {
    const { rig, lease } = await oneLent({ pipelining: 2 })
    const request = ask(rig, { shared: how === 'shared' })
    const { promise, come } = answer()
    await rig.clock.advance(100)
    lease.handOver(promise)
    await rig.clock.advance(30)
    await come()
    await rig.clock.advance(20)
    await request.value?.release()
    expect(rig.pool.getStats()).toMatchObject({ usageMs: 150, requestsWaitMs: 100 })
  })

  test('counts no time twice, also where the counters are reset by who is told', async () => {
    const popped: number[] = []
    const counters = new Counters()
    const onReturned = (): void => {
      popped.push(counters.usageMs)
      counters.reset()
    }
    const { rig, lease } = await oneLent({}, { counters, observer: { ...NOBODY, onReturned } })
    await rig.clock.advance(100)
    await lease.release()
    const [second, request] = [await rig.pool.acquire(), ask(rig)]
    await rig.clock.advance(30)
    second.handOver(answer().promise)
    await rig.clock.advance(5)
    await request.value?.release()
    await settle()
    expect(popped.reduce((sum, ms) => sum + ms, rig.pool.getStats().usageMs)).toBe(135)
  })

  test('is told of as given back, then as lent to the next', async () => {
    const told: unknown[][] = []
    const observer: PoolObserver<unknown> = {
      ...NOBODY,
      onLent: (_, request, waitedMs) => told.push(['lent', request, waitedMs]),
      onReturned: (_, how, heldMs, reason) => told.push([how, heldMs, reason]),
    }
    const loans: string[] = []
    let count = 0
    const onRequest = (): Loan => {
      const loan = ++count
      return { onLent: () => loans.push(`${loan} lent`), onReturned: () => loans.push(`${loan} returned`) }
    }
    const { rig, lease } = await oneLent({}, { observer, onRequest })
    const request = ask(rig)
    const { promise, come } = answer()
    await rig.clock.advance(100)
    lease.handOver(promise)
    await rig.clock.advance(30)
    await request.value?.release()
    await come()
    expect(told).toEqual([
      ['lent', undefined, 0],
      ['released', 100, undefined],
      ['lent', 1, 100],
      ['released', 30, undefined],
    ])
    expect(loans).toEqual(['1 lent', '1 returned', '2 lent', '2 returned'])
    expect(rig.pool.getStats().useTimes).toMatchObject({ count: 2, sumMs: 130 })
  })

  test("is nobody's while it waits for the answer only", async () => {
    const { rig, lease } = await oneLent()
    const first = ask(rig)
    ask(rig, { timeout: 100 })
    const { promise, come } = answer()
    lease.handOver(promise)
    expect(rig.pool.getStats()).toMatchObject({ connectionsUsed: 1, poolAvailable: 0 })
    await settle()
    await first.value?.release()
    expect(rig.pool.getStats()).toMatchObject({ poolSize: 1, connectionsUsed: 0, poolAvailable: 0 })
    expect(rig.pool.census()).toMatchObject({ holders: [], waiters: [{}] })
    await rig.clock.advance(100)
    await come()
    expect(rig.pool.getStats()).toMatchObject({ poolSize: 1, connectionsUsed: 0, poolAvailable: 1 })
    await expectNothingLeft(rig)
  })

  test('is closed by a pool that closes, once it is back and answered', async () => {
    const { rig, lease, connection } = await oneLent()
    const request = ask(rig)
    const { promise, come } = answer()
    lease.handOver(promise)
    await settle()
    const closed = track(rig.clock, rig.pool.close())
    await request.value?.release()
    await settle()
    expect([connection.isClosed, closed.state]).toEqual([false, 'pending'])
    await come()
    expect([connection.isClosed, closed.state]).toEqual([true, 'fulfilled'])
  })

  test('and lost is replaced when its borrower is done, and the answer has failed', async () => {
    const { rig, lease, connection } = await oneLent()
    const [first, second] = [ask(rig), ask(rig)]
    const { promise, fail } = answer()
    lease.handOver(promise)
    await settle()
    rig.connector.lose(connection)
    await first.value?.release()
    await settle()
    expect(rig.pool.getStats()).toMatchObject({ returnsBad: 0, connectionsClosed: 0 })
    await fail()
    expect(rig.pool.getStats()).toMatchObject({ returnsBad: 1, connectionsClosed: 1 })
    await rig.clock.advance(SECOND)
    expect(second.value?.connection.id).toBe(2)
  })
})

describe('the holder of a connection on which a COMMIT is not answered', () => {
  /** Hands a connection over to the first of those requests. */
  async function handOverTo(options: readonly AcquireOptions[], settings: Partial<PoolSettings> = {}) {
    const { rig, lease, connection } = await oneLent({ timeout: 2 * SECOND, ...settings })
    const requests = options.map((each) => ask(rig, each))
    await rig.clock.advance(500)
    const commit = answer()
    lease.handOver(commit.promise)
    await settle()
    return { rig, requests, leases: requests.map(({ value }) => value), commit, connection }
  }

  /** A statement without an answer, sent on a lease. */
  function send({ clock }: Rig, lease: Lease<FakeConnection> | undefined): Outcome<unknown> {
    return track(clock, lease!.inTime(new Promise(() => {})))
  }

  test('gets the timeout error at the deadline of its acquire call', async () => {
    const { rig, leases, commit } = await handOverTo([{}])
    const sent = send(rig, leases[0])
    await rig.clock.advance(1_499)
    expect(sent.state).toBe('pending')
    await rig.clock.advance(1)
    expect(sent).toMatchObject({ state: 'rejected', error: { code: 'POOL_TIMEOUT' } })
    expect(String(sent.error)).toMatch(/within 2000 ms .* the COMMIT of another transaction/)
    expect(leases[0]?.overdue).toBe(sent.error)
    expect(rig.pool.getStats()).toMatchObject({ requestsErrors: 1, requestsTimeouts: 1 })
    await leases[0]?.release()
    await commit.come()
    await expectNothingLeft(rig)
  })

  test('gets it with the timeout of the call itself', async () => {
    const { rig, leases } = await handOverTo([{ timeout: 700 }])
    const sent = send(rig, leases[0])
    await rig.clock.advance(200)
    expect(sent.state).toBe('rejected')
  })

  test('gets it when it sends something later', async () => {
    const { rig, leases } = await handOverTo([{}])
    await rig.clock.advance(2 * SECOND)
    const sent = send(rig, leases[0])
    await settle()
    expect(sent).toMatchObject({ state: 'rejected', error: { code: 'POOL_TIMEOUT' } })
  })

  test('has no deadline any more once the COMMIT is answered', async () => {
    const { rig, leases, commit } = await handOverTo([{}])
    const sent = send(rig, leases[0])
    await commit.come()
    await rig.clock.advance(MINUTE)
    expect(sent.state).toBe('pending')
    expect(leases[0]?.overdue).toBeUndefined()
    expect(rig.pool.getStats().requestsTimeouts).toBe(0)
  })

  test('may use the connection if the answer comes before it sends anything', async () => {
    const { rig, leases, commit } = await handOverTo([{}])
    await rig.clock.advance(3 * SECOND)
    await commit.come()
    expect(leases[0]?.overdue).toBeUndefined()
    const sent = send(rig, leases[0])
    await rig.clock.advance(MINUTE)
    expect(sent.state).toBe('pending')
  })

  test('lends the connection to no other caller until the COMMIT is answered', async () => {
    const { rig, leases, commit, connection } = await handOverTo([{}])
    const sent = send(rig, leases[0])
    await rig.clock.advance(1_500)
    expect(sent.state).toBe('rejected')
    const other = ask(rig, { timeout: HOUR })
    connection.condition = 'unclean'
    await leases[0]?.release()
    await rig.clock.advance(MINUTE)
    expect([other.state, connection.restored]).toEqual(['pending', 0])
    await commit.come()
    expect([other.state, connection.restored]).toEqual(['fulfilled', 1])
  })

  test('gets it at its own deadline, where several share the connection', async () => {
    const shared = { shared: true }
    const { rig, leases } = await handOverTo(
      [
        { ...shared, timeout: 1_000 },
        { ...shared, timeout: 3_000 },
      ],
      { pipelining: 4 },
    )
    const sent = leases.map((lease) => send(rig, lease))
    await rig.clock.advance(500)
    expect(sent.map(({ state }) => state)).toEqual(['rejected', 'pending'])
    await rig.clock.advance(2_000)
    expect(sent.map(({ state }) => state)).toEqual(['rejected', 'rejected'])
  })

  test('that joined others later has a deadline, too', async () => {
    const { rig } = await handOverTo([{ shared: true }], { pipelining: 4 })
    const joined = ask(rig, { shared: true, timeout: 100 })
    await settle()
    const sent = send(rig, joined.value)
    await rig.clock.advance(100)
    expect(sent).toMatchObject({ state: 'rejected', error: { code: 'POOL_TIMEOUT' } })
  })

  test('no call without `follows` joins until the COMMIT is answered', async () => {
    const { rig, leases, commit } = await handOverTo([{ shared: true }], { pipelining: 4 })
    const write = ask(rig, { shared: true, follows: false })
    await settle()
    expect(write.state).toBe('pending')
    await commit.come()
    expect(write.state).toBe('fulfilled')
    await leases[0]?.release()
    await write.value?.release()
    await expectNothingLeft(rig)
  })

  test('no call with `timeout: 0` joins', async () => {
    const { rig } = await handOverTo([{ shared: true }], { pipelining: 4 })
    const impatient = ask(rig, { shared: true, timeout: 0 })
    await settle()
    expect(impatient.state).toBe('rejected')
  })

  test('no call joins once one deadline has passed, also where every answer is slow', async () => {
    const { rig, leases, commit } = await handOverTo(
      [
        { shared: true, timeout: 501 },
        { shared: true, timeout: HOUR },
      ],
      { pipelining: 4 },
    )
    const sent = send(rig, leases[0])
    await rig.clock.advance(1)
    expect(sent.state).toBe('rejected')
    await leases[0]?.release()
    const other = ask(rig, { shared: true, timeout: HOUR })
    await settle()
    expect(other.state).toBe('pending')
    await commit.come()
    expect(other.state).toBe('fulfilled')
  })
})

describe('a connection is not handed over', () => {
  test.each<[string, (rig: Rig, connection: FakeConnection) => unknown]>([
    ['that was lost', ({ connector }, connection) => connector.lose(connection)],
    ['whose session was changed', (_, connection) => (connection.mayBeJoined = false)],
    ['that is to be replaced', ({ pool }) => pool.drain()],
    ['that is one too many', ({ pool }) => pool.resize({ minSize: 0, maxSize: 0 })],
    ['whose lifetime is over', ({ clock }) => clock.advance(10 * MINUTE)],
    ['that a freeze may have ended', ({ clock }) => clock.freeze(60 * SECOND)],
  ])('%s', async (_, disturb) => {
    const { rig, lease, connection } = await oneLent({ maxLifetime: 10 * MINUTE, timeout: HOUR })
    const request = ask(rig)
    await disturb(rig, connection)
    expect(lease.handOver(answer().promise)).toBe(false)
    expect(request.state).toBe('pending')
    await lease.release()
  })

  test('of a pool in which each is lent once', async () => {
    const { rig, lease } = await oneLent({ lendsOnce: true })
    ask(rig)
    expect(lease.handOver(answer().promise)).toBe(false)
    await lease.release()
  })
})

test('the timeout error says that a connection waits for COMMIT, and then that it is reset', async () => {
  const { rig, lease, connection } = await oneLent()
  const follower = ask(rig)
  const { promise, come } = answer()
  expect(lease.handOver(promise)).toBe(true)
  await settle()
  void follower.value!.release()
  const counts = { reserved: 1, committing: 1, resetting: 0, checking: 0 }
  await expect(rig.pool.acquire({ timeout: 0 })).rejects.toMatchObject({
    counts,
    message: expect.stringContaining('0 being opened, 1 waiting for COMMIT; ') as unknown,
  })
  rig.connector.restoreMs = 50
  connection.condition = 'unclean'
  await come()
  await expect(rig.pool.acquire({ timeout: 0 })).rejects.toMatchObject({
    counts: { reserved: 1, committing: 0, resetting: 1, checking: 0 },
    message: expect.stringContaining('1 being reset; ') as unknown,
  })
  await rig.clock.advance(50)
})
