// What a pool tells of itself on its channels, and that it costs nothing where nobody listens.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, describe, expect, jest, test } from '@jest/globals'
import { channels, onPoolEvent, type PoolEvent } from '../../../packages/adapter/src/observe/events.js'
import { Publisher } from '../../../packages/adapter/src/observe/publisher.js'
import { publisherOfTransaction } from '../../../packages/adapter/src/observe/transactions.js'
import type { Lease } from '../../../packages/adapter/src/pool/lease.js'
import type { PoolSettings } from '../../../packages/adapter/src/pool/types.js'
import type { FakeConnection } from '../../support/fake-connector.js'
import { ManualClock, settle } from '../../support/manual-clock.js'
import {
  codeOf,
  expectNothingLeft,
  makePool,
  openPool,
  type Outcome,
  type Rig,
  SECOND,
  track,
  useOnce,
} from '../pool/support.js'

const ALL = Object.keys(channels) as PoolEvent[]

const ends: (() => void)[] = []

afterEach(() => {
  for (const end of ends.splice(0)) end()
})

/** What is published from now on, each message with the name of its event. */
function listen(events: readonly PoolEvent[] = ALL): [string, object][] {
  const messages: [string, object][] = []
  for (const event of events) {
    ends.push(
      onPoolEvent(event, ({ pool, ...message }) => {
        expect(pool).toBe('rig')
        messages.push([event, message])
      }),
    )
  }
  return messages
}

function openWatched(settings: Partial<PoolSettings>, pidOf = ({ id }: FakeConnection) => id) {
  return openPool(settings, { observer: new Publisher('rig', pidOf) })
}

test('a life without trouble: opened, lent, waited for, given back, closed', async () => {
  const messages = listen()
  const rig = await openWatched({ minSize: 1, maxSize: 1 })
  const lease = await rig.pool.acquire()
  const second = rig.pool.acquire()
  const third = rig.pool.acquire()
  await rig.clock.advance(30)
  await lease.release()
  await (await second).release()
  await (await third).destroy(new Error('odd'))
  await settle()
  await rig.pool.close()
  expect(messages).toEqual([
    ['open', { pid: 1, connectMs: 0 }],
    ['acquire', { pid: 1, request: undefined, waitedMs: 0 }],
    ['wait', { request: 1, waiting: 1 }],
    ['wait', { request: 2, waiting: 2 }],
    ['release', { pid: 1, how: 'released', heldMs: 30, reason: undefined }],
    ['acquire', { pid: 1, request: 1, waitedMs: 30 }],
    ['release', { pid: 1, how: 'released', heldMs: 0, reason: undefined }],
    ['acquire', { pid: 1, request: 2, waitedMs: 30 }],
    ['release', { pid: 1, how: 'destroyed', heldMs: 0, reason: new Error('odd') }],
    ['close', { pid: 1, reason: 'destroyed', ageMs: 30 }],
    ['open', { pid: 2, connectMs: 0 }],
    ['close', { pid: 2, reason: 'poolClosed', ageMs: 0 }],
  ])
})

test('each request that waits ends once: with a connection, late, or turned away', async () => {
  const rig = await openWatched({ minSize: 1, maxSize: 1, maxWaiting: 3, timeout: 50 })
  const lease = await rig.pool.acquire()
  const messages = listen(['wait', 'acquire', 'timeout', 'rejected'])
  const abort = new AbortController()
  const requests = [
    track(rig.clock, rig.pool.acquire({ timeout: 20 })),
    track(rig.clock, rig.pool.acquire({ signal: abort.signal })),
    track(rig.clock, rig.pool.acquire()),
    track(rig.clock, rig.pool.acquire()),
  ]
  await rig.clock.advance(20)
  abort.abort('enough')
  await lease.release()
  await settle()
  expect(requests.map(({ state }) => state)).toEqual(['rejected', 'rejected', 'fulfilled', 'rejected'])
  expect(messages).toEqual([
    ['wait', { request: 1, waiting: 1 }],
    ['wait', { request: 2, waiting: 2 }],
    ['wait', { request: 3, waiting: 3 }],
    ['rejected', { request: undefined, waitedMs: 0, error: requests[3]?.error }],
    ['timeout', { request: 1, waitedMs: 20, error: requests[0]?.error }],
    ['rejected', { request: 2, waitedMs: 20, error: 'enough' }],
    ['acquire', { pid: 1, request: 3, waitedMs: 20 }],
  ])
  expect(requests[0]?.error).toMatchObject({ code: 'POOL_TIMEOUT' })
  expect(requests[3]?.error).toMatchObject({ code: 'POOL_TOO_MANY_REQUESTS' })
})

test('each of those who share a connection is told of, and how long he had it; its time counts once', async () => {
  const rig = await openWatched({ minSize: 1, maxSize: 1, pipelining: 2 })
  const messages = listen(['acquire', 'release'])
  const first = await rig.pool.acquire({ shared: true })
  await rig.clock.advance(5)
  const second = await rig.pool.acquire({ shared: true })
  await rig.clock.advance(5)
  await first.release()
  await rig.clock.advance(5)
  await second.release()
  expect(messages).toMatchObject([
    ['acquire', { pid: 1 }],
    ['acquire', { pid: 1 }],
    ['release', { pid: 1, heldMs: 10 }],
    ['release', { pid: 1, heldMs: 10 }],
  ])
  const { useTimes, usageMs } = rig.pool.getStats()
  expect(useTimes).toMatchObject({ count: 2, sumMs: 20 })
  expect(usageMs).toBe(15)
})

test('what goes wrong: a connection that is lost, and attempts to replace it', async () => {
  const rig = await openWatched({ minSize: 1, maxSize: 1, reconnectTimeout: SECOND })
  const messages = listen()
  const [connection] = rig.connector.alive
  const away = new Error('away')
  rig.connector.openError = away
  rig.connector.lose(connection!)
  await rig.clock.advance(10 * SECOND)
  expect(messages.slice(0, 2)).toEqual([
    ['lost', { pid: 1, error: new Error('lost'), wasIdle: true }],
    ['close', { pid: 1, reason: 'broken', ageMs: 0 }],
  ])
  const attempts = messages.slice(2) as [string, { error: Error; retryInMs: number | undefined }][]
  expect(attempts.length).toBeGreaterThan(1)
  for (const [index, [event, { error, retryInMs }]] of attempts.entries()) {
    expect([event, error]).toEqual(['reconnect', away])
    const isLast = index === attempts.length - 1
    expect(retryInMs).toEqual(isLast ? undefined : expect.any(Number))
  }
  rig.connector.openError = undefined
  await rig.pool.check()
  await settle()
  expect(messages.at(-1)).toEqual(['open', { pid: 2, connectMs: 0 }])
})

test('a pool that is not open rejects', async () => {
  const rig = await openWatched({})
  await rig.pool.close()
  const messages = listen()
  expect(await codeOf(rig.pool.acquire())).toBe('POOL_CLOSED')
  expect(messages).toEqual([
    [
      'rejected',
      { request: undefined, waitedMs: 0, error: expect.objectContaining({ code: 'POOL_CLOSED' }) },
    ],
  ])
})

test('nothing is made where nobody listens, nor for the events that nobody listens to', async () => {
  // Channels are the process's, and so shared with other files of tests: none must leave a listener behind.
  expect(ALL.filter((event) => channels[event].hasSubscribers)).toEqual([])
  const pidOf = jest.fn(({ id }: FakeConnection) => id)
  const rig = await openWatched({ minSize: 1 }, pidOf)
  await useOnce(rig)
  expect(pidOf).not.toHaveBeenCalled()
  const messages = listen(['release'])
  await useOnce(rig)
  expect(pidOf).toHaveBeenCalledTimes(1)
  expect(messages).toHaveLength(1)
  ends.splice(0).forEach((end) => end())
  await useOnce(rig)
  expect(messages).toHaveLength(1)
})

test('a listener that throws breaks nothing: it becomes a warning', async () => {
  const warnings: string[] = []
  const emitWarning = process.emitWarning.bind(process)
  process.emitWarning = ((message: string, { code }: { code: string }) => {
    warnings.push(`${code}: ${message}`)
  }) as never
  try {
    for (const event of ALL) {
      ends.push(
        onPoolEvent(event, () => {
          throw new Error('mine')
        }),
      )
    }
    const messages = listen()
    const rig = await openWatched({ minSize: 1, maxSize: 1, timeout: 10 })
    const lease = await rig.pool.acquire()
    const late = track(rig.clock, rig.pool.acquire())
    await rig.clock.advance(10)
    await lease.release()
    await rig.pool.close()
    expect(late.error).toMatchObject({ code: 'POOL_TIMEOUT' })
    expect(messages.map(([event]) => event)).toEqual([
      'open',
      'acquire',
      'wait',
      'timeout',
      'release',
      'close',
    ])
    expect(warnings).toContain("REAL_POOL_LISTENER: a listener of 'acquire' failed: Error: mine")
    expect(warnings).toHaveLength(messages.length)
    // Also what cannot be made a string.
    ends.push(
      onPoolEvent('rejected', () => {
        throw Object.create(null) as Error
      }),
    )
    await codeOf(rig.pool.acquire())
    expect(warnings.at(-1)).toBe("REAL_POOL_LISTENER: a listener of 'rejected' failed: [object Object]")
  } finally {
    process.emitWarning = emitWarning
  }
})

test('a listener may use the pool itself, at any moment of its work', async () => {
  const rig = await openWatched({ minSize: 1, maxSize: 2, timeout: 50, maxWaiting: 50 })
  let calls = 0
  const use = () => {
    if (++calls < 200) void useOnce(rig).catch(() => {})
  }
  for (const event of ['open', 'close', 'wait', 'acquire', 'release', 'timeout', 'lost'] as const) {
    ends.push(onPoolEvent(event, use))
  }
  const lease = await rig.pool.acquire()
  rig.connector.lose(rig.connector.alive[0]!)
  await rig.clock.advance(60)
  await lease.release()
  await rig.clock.advance(SECOND)
  expect(calls).toBeGreaterThan(200)
  const { requestsNum, requestsErrors, waitTimes, useTimes } = rig.pool.getStats()
  expect(waitTimes.count).toBe(requestsNum - requestsErrors)
  expect(useTimes.count).toBe(waitTimes.count)
  await expectNothingLeft(rig)
})

test('who listens to an opening may ask for a connection, and there is never one too many', async () => {
  const rig = makePool(
    { minSize: 2, maxSize: 2 },
    { observer: new Publisher('rig', ({ id }: FakeConnection) => id) },
  )
  const sizes: number[] = []
  const requests: Outcome<unknown>[] = []
  ends.push(
    onPoolEvent('open', () => {
      sizes.push(rig.pool.getStats().poolSize)
      requests.push(track(rig.clock, useOnce(rig)))
    }),
  )
  rig.pool.open()
  await settle()
  expect(requests.map(({ state }) => state)).toEqual(['fulfilled', 'fulfilled'])
  expect(sizes).toEqual([2, 2])
  expect(rig.connector.mostAliveAtOnce).toBe(2)
  await expectNothingLeft(rig)
})

describe('who listens to a wait may end it at once', () => {
  test.each([
    ['by giving back what is waited for', 'fulfilled', (lease: Lease<FakeConnection>) => lease.release()],
    ['by closing the pool', 'rejected', (_: unknown, { pool }: Rig) => pool.close()],
    ['by its signal', 'rejected', (_: unknown, __: Rig, abort: AbortController) => abort.abort()],
  ] as const)('%s', async (_, state, end) => {
    const rig = await openWatched({ minSize: 1, maxSize: 1 })
    const lease = await rig.pool.acquire()
    const abort = new AbortController()
    ends.push(onPoolEvent('wait', () => void end(lease, rig, abort)))
    const waited = track(rig.clock, rig.pool.acquire({ signal: abort.signal }))
    await settle()
    expect(waited.state).toBe(state)
    await (waited.value ?? lease).release()
    await expectNothingLeft(rig)
  })
})

test('a listener that rejects breaks nothing either', async () => {
  const warned = new Promise<string>((resolve) => {
    const emitWarning = process.emitWarning.bind(process)
    process.emitWarning = (message: string) => {
      process.emitWarning = emitWarning
      resolve(message)
    }
  })
  ends.push(onPoolEvent('open', () => Promise.reject(new Error('later'))))
  await openWatched({ minSize: 1 })
  expect(await warned).toBe("a listener of 'open' failed: Error: later")
})

test('nothing is made for a transaction where nobody listens for it', () => {
  const clock = new ManualClock()
  expect(publisherOfTransaction('rig', clock)).toBeUndefined()
  listen(ALL.filter((event) => !event.startsWith('transaction:')))
  expect(publisherOfTransaction('rig', clock)).toBeUndefined()
  for (const event of ['transaction:begin', 'transaction:end'] as const) {
    listen([event])
    expect(publisherOfTransaction('rig', clock)).toBeDefined()
    ends.splice(0).forEach((end) => end())
  }
})

test('a transaction that begins anew is as old as its first beginning', async () => {
  const messages = listen(['transaction:end'])
  const clock = new ManualClock()
  const transaction = publisherOfTransaction('rig', clock)
  transaction?.begun({ processId: 1 })
  await clock.advance(20)
  transaction?.begun({ processId: 2 })
  await clock.advance(5)
  transaction?.ended('committed')
  expect(messages).toMatchObject([['transaction:end', { pid: 2, heldMs: 25 }]])
})

test('the channels are those of node:diagnostics_channel, by their documented names', async () => {
  const names: (string | symbol)[] = []
  const note = (_: unknown, name: string | symbol) => names.push(name)
  for (const event of ALL) {
    const name = `prisma-pg-real-pool:${event}`
    subscribe(name, note)
    ends.push(() => unsubscribe(name, note))
  }
  const rig = await openWatched({ minSize: 1 })
  await useOnce(rig)
  expect(names).toEqual([
    'prisma-pg-real-pool:open',
    'prisma-pg-real-pool:acquire',
    'prisma-pg-real-pool:release',
  ])
})
