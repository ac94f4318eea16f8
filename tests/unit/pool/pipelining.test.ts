// Calls that share connections: how many on each, on which, and how those fare who want a connection alone.
import { describe, expect, test } from '@jest/globals'
import type { Lease } from '../../../packages/adapter/src/pool/lease.js'
import type { FakeConnection } from '../../support/fake-connector.js'
import { settle } from '../../support/manual-clock.js'
import { expectNothingLeft, openPool, type Outcome, type Rig, SECOND, track } from './support.js'

type Request = Outcome<Lease<FakeConnection>>

function share({ clock, pool }: Rig, timeout?: number): Request {
  return track(clock, pool.acquire({ shared: true, timeout }))
}

function alone({ clock, pool }: Rig, timeout?: number): Request {
  return track(clock, pool.acquire({ timeout }))
}

/** Makes requests one after the other, each once the one before has what it can get. */
async function all(...requests: (() => Request)[]): Promise<Request[]> {
  const made: Request[] = []
  for (const request of requests) {
    made.push(request())
    await settle()
  }
  return made
}

async function sharers(rig: Rig, count: number): Promise<Request[]> {
  return all(...Array.from({ length: count }, () => () => share(rig)))
}

/** The connection that each has; `undefined`: it waits, or got none. */
function idsOf(requests: readonly Request[]): (number | undefined)[] {
  return requests.map(({ value }) => value?.connection.id)
}

async function giveBack(...requests: (Request | undefined)[]): Promise<void> {
  for (const request of requests) void request?.value?.release()
  await settle()
}

describe('calls that share', () => {
  test('are spread over the connections, and no connection has more of them than `pipelining`', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 2, pipelining: 3 })
    const calls = await sharers(rig, 8)
    expect(idsOf(calls)).toEqual([1, 2, 1, 2, 1, 2, undefined, undefined])
    expect(rig.pool.getStats()).toMatchObject({ poolSize: 2, poolAvailable: 0, requestsWaiting: 2 })
    await giveBack(calls[3])
    expect(idsOf(calls.slice(6))).toEqual([2, undefined])
    await giveBack(calls[0])
    expect(idsOf(calls.slice(6))).toEqual([2, 1])
    await giveBack(...[1, 2, 4, 5, 6, 7].map((which) => calls[which]))
    expect(rig.pool.getStats()).toMatchObject({ poolAvailable: 2 })
    await expectNothingLeft(rig)
  })

  test('join the connection that has the fewest of them', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 2, pipelining: 4 })
    const calls = await sharers(rig, 6)
    await giveBack(calls[1], calls[3])
    expect(idsOf(await sharers(rig, 3))).toEqual([2, 2, 1])
  })

  test('each have a connection alone in a pool without pipelining', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1 })
    const calls = await sharers(rig, 2)
    expect(idsOf(calls)).toEqual([1, undefined])
    await giveBack(calls[0])
    expect(idsOf(calls.slice(1))).toEqual([1])
  })

  test('wait for connections that can be made, rather than to share one', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 3, pipelining: 4 })
    rig.connector.openMs = 10
    const calls = await sharers(rig, 3)
    expect(idsOf(calls)).toEqual([1, undefined, undefined])
    await rig.clock.advance(10)
    expect(idsOf(calls)).toEqual([1, 2, undefined])
    await giveBack(calls[1])
    expect(idsOf(calls.slice(2))).toEqual([2])
    // The third is being opened, for one of them, and there is no place for a fourth.
    const more = await sharers(rig, 3)
    expect(idsOf(more)).toEqual([1, 2, undefined])
    await rig.clock.advance(10)
    expect(idsOf(more)).toEqual([1, 2, 3])
  })

  test('share what there is while no connection can be made', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 3, pipelining: 4 })
    rig.connector.openError = new Error('too many clients')
    const calls = await sharers(rig, 4)
    expect(idsOf(calls)).toEqual([1, 1, 1, 1])
    // That they can be served does not end the attempts.
    rig.connector.openError = undefined
    await rig.clock.advance(30 * SECOND)
    expect(rig.connector.alive).toHaveLength(2)
  })

  test('have connections made though they need not wait, once that succeeds again', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 2, pipelining: 4, reconnectTimeout: SECOND })
    rig.connector.openError = new Error('too many clients')
    await sharers(rig, 2)
    await rig.clock.advance(60 * SECOND)
    // The pool has given up.
    expect(rig.pool.getStats().poolSize).toBe(1)
    rig.connector.openError = undefined
    const calls = await sharers(rig, 1)
    expect(calls[0]?.state).toBe('fulfilled')
    expect(rig.connector.alive).toHaveLength(2)
  })

  test('wait for an idle connection that is examined, rather than to share one', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 2, pipelining: 4, checkIdleAfter: 10 })
    rig.connector.checkMs = 5
    const [first] = await sharers(rig, 1)
    await rig.clock.advance(10)
    const calls = [share(rig), share(rig)]
    await rig.clock.advance(0)
    // It is examined for one of them, so the other need not wait.
    expect(idsOf([first!, ...calls])).toEqual([1, 1, undefined])
    await rig.clock.advance(5)
    expect(idsOf(calls)).toEqual([1, 2])
  })

  test('get another that is idle when the one examined for them is one too many, rather than to share', async () => {
    const rig = await openPool({ minSize: 3, maxSize: 3, pipelining: 2 })
    const [first] = await sharers(rig, 1)
    // After this long an idle connection is examined.
    await rig.clock.advance(10)
    const second = share(rig)
    rig.pool.resize({ minSize: 2, maxSize: 2 })
    await settle()
    expect(idsOf([first!, second])).toEqual([1, 3])
    await giveBack(first, second)
    await expectNothingLeft(rig)
  })

  test('that will not wait share, too', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, pipelining: 2 })
    const calls = await all(
      () => share(rig),
      () => share(rig, 0),
      () => share(rig, 0),
    )
    expect(calls.map(({ state }) => state)).toEqual(['fulfilled', 'fulfilled', 'rejected'])
  })

  test('count as one use of their connection', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, pipelining: 4 })
    const [first] = await sharers(rig, 1)
    await rig.clock.advance(5)
    const [second] = await sharers(rig, 1)
    await rig.clock.advance(5)
    await giveBack(first)
    await rig.clock.advance(5)
    await giveBack(second)
    expect(rig.pool.getStats().usageMs).toBe(15)
  })
})

describe('who wants a connection alone', () => {
  test('shares it with nobody', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, pipelining: 4 })
    const [first, second] = await all(
      () => alone(rig),
      () => share(rig),
    )
    expect(second?.state).toBe('pending')
    await giveBack(first)
    expect(second?.value?.connection.id).toBe(1)
    const third = alone(rig)
    await settle()
    expect(third.state).toBe('pending')
    await giveBack(second)
    expect(third.value?.connection.id).toBe(1)
  })

  test('gets a connection that no more calls are sent to, while others go on with the rest', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 2, pipelining: 3 })
    const calls = await sharers(rig, 3)
    const wanting = alone(rig)
    await settle()
    // Connection 2 has fewer, so it falls free first.
    const more = await sharers(rig, 2)
    expect(idsOf(more)).toEqual([1, undefined])
    await giveBack(calls[1])
    expect(wanting.value?.connection.id).toBe(2)
    await giveBack(calls[0])
    expect(idsOf(more)).toEqual([1, 1])
  })

  test('is served in turn with those who would share', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, pipelining: 2 })
    const queue = await all(
      ...Array.from({ length: 3 }, () => () => share(rig)),
      () => alone(rig),
      ...Array.from({ length: 2 }, () => () => share(rig)),
      () => alone(rig),
    )
    expect(idsOf(queue)).toEqual([1, 1, ...Array<undefined>(5).fill(undefined)])
    // One who came before may still join; those behind may not.
    await giveBack(queue[0])
    expect(idsOf(queue.slice(2))).toEqual([1, undefined, undefined, undefined, undefined])
    await giveBack(queue[1])
    expect(idsOf(queue.slice(3))).toEqual(Array<undefined>(4).fill(undefined))
    await giveBack(queue[2])
    expect(idsOf(queue.slice(3))).toEqual([1, undefined, undefined, undefined])
    await giveBack(queue[3])
    // Both who would share are ahead of the last, and share.
    expect(idsOf(queue.slice(4))).toEqual([1, 1, undefined])
    await giveBack(queue[4], queue[5])
    expect(idsOf(queue.slice(6))).toEqual([1])
  })

  test('leaves its connection to those who would share when it gives up', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, pipelining: 2 })
    const [, wanting, behind] = await all(
      () => share(rig),
      () => alone(rig, 10),
      () => share(rig),
    )
    expect(behind?.state).toBe('pending')
    await rig.clock.advance(10)
    expect(wanting?.state).toBe('rejected')
    expect(behind?.value?.connection.id).toBe(1)
  })

  test('is not overtaken for ever, however many calls come', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 2, pipelining: 4 })
    let under: Request[] = await sharers(rig, 4)
    const wanting = alone(rig)
    await settle()
    let turns = 0
    for (; wanting.state === 'pending' && turns < 20; turns++) {
      await giveBack(under.shift())
      under = [...under, ...(await sharers(rig, 2))]
    }
    expect(turns).toBeLessThanOrEqual(4)
    expect(wanting.state).toBe('fulfilled')
  })
})

describe('a connection with a slow call', () => {
  test('gets no more calls, which wait for what is free first', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 2, pipelining: 4 })
    const [slow, busy] = await sharers(rig, 2)
    await rig.clock.advance(15)
    await giveBack(busy)
    const other = await sharers(rig, 1)
    await rig.clock.advance(15)
    // Connection 1 has had nothing to say for 30 ms.
    const more = await sharers(rig, 4)
    expect(idsOf([...other, ...more])).toEqual([2, 2, 2, 2, undefined])
    await giveBack(slow)
    expect(idsOf(more.slice(3))).toEqual([1])
  })

  test('gets calls again once it has answered', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, pipelining: 4 })
    const [slow, behind] = await sharers(rig, 2)
    await rig.clock.advance(100)
    const [more] = await sharers(rig, 1)
    expect(more?.state).toBe('pending')
    await giveBack(slow)
    expect(more?.value?.connection.id).toBe(1)
    await giveBack(behind)
  })

  test('is judged by what calls of the pool take, of which those behind a slow one say nothing', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, pipelining: 16 })
    const call = async (ms: number): Promise<void> => {
      const [request] = await sharers(rig, 1)
      await rig.clock.advance(ms)
      await giveBack(request)
    }
    /** Whether a connection is joined that has been silent for so long. */
    const joinsAfter = async (ms: number): Promise<boolean> => {
      const [first] = await sharers(rig, 1)
      await rig.clock.advance(ms)
      const second = share(rig)
      await settle()
      const { state } = second
      await giveBack(first)
      await giveBack(second)
      return state === 'fulfilled'
    }
    for (let time = 0; time < 100; time++) await call(100)
    expect(await joinsAfter(300)).toBe(true)
    expect(await joinsAfter(500)).toBe(false)
    for (let time = 0; time < 500; time++) await call(10)
    expect(await joinsAfter(100)).toBe(false)
    // One is very slow, and fifteen wait behind it.
    const held = await sharers(rig, 16)
    await rig.clock.advance(60 * SECOND)
    await giveBack(...held)
    expect(await joinsAfter(100)).toBe(false)
    // None is slow, and the last has waited for fifteen others.
    const queue = await sharers(rig, 16)
    for (const request of queue) {
      await rig.clock.advance(15)
      await giveBack(request)
    }
    expect(await joinsAfter(100)).toBe(false)
  })
})

describe('a connection that others still share', () => {
  test.each([
    ['broken', (connection: FakeConnection) => (connection.condition = 'broken')],
    ['changed in its session', (connection: FakeConnection) => (connection.mayBeJoined = false)],
  ])('gets no more calls once it is %s', async (_, spoil) => {
    const rig = await openPool({ minSize: 1, maxSize: 1, pipelining: 4 })
    const calls = await sharers(rig, 2)
    spoil(rig.connector.opened[0]!)
    const [more] = await sharers(rig, 1)
    expect(more?.state).toBe('pending')
    await giveBack(...calls)
    expect(more?.state).toBe('fulfilled')
  })

  test('gets no more calls once it is to be replaced, and leaves with the last of them', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, pipelining: 4 })
    const calls = await sharers(rig, 2)
    await rig.pool.drain()
    const [more] = await sharers(rig, 1)
    await giveBack(calls[0])
    expect(more?.state).toBe('pending')
    expect(rig.connector.alive.map(({ id }) => id)).toEqual([1])
    await giveBack(calls[1])
    expect(more?.value?.connection.id).toBe(2)
    expect(rig.connector.alive.map(({ id }) => id)).toEqual([2])
  })

  test('gets no more calls once its time is over', async () => {
    const rig = await openPool({
      minSize: 1,
      maxSize: 1,
      pipelining: 4,
      maxLifetime: 10,
      maxLifetimeJitter: 0,
    })
    const calls = await sharers(rig, 2)
    await rig.clock.advance(10)
    const [more] = await sharers(rig, 1)
    expect(more?.state).toBe('pending')
    await giveBack(...calls)
    expect(more?.value?.connection.id).toBe(2)
  })

  test('gets calls again as soon as another has left that was one too many, before that is closed', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 2, pipelining: 2 })
    const [one, other] = await all(
      () => alone(rig),
      () => share(rig),
    )
    rig.connector.closeMs = SECOND
    rig.pool.resize({ minSize: 0, maxSize: 1 })
    const calls = await sharers(rig, 2)
    expect(idsOf(calls)).toEqual([undefined, undefined])
    one!.value!.connection.condition = 'broken'
    await giveBack(one)
    expect(idsOf(calls)).toEqual([2, undefined])
    await giveBack(other, ...calls)
    await rig.clock.advance(SECOND)
    await giveBack(calls[1])
  })

  test('is not destroyed by one of them before the others are done, and gets no more calls', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, pipelining: 4 })
    const [first, second] = await sharers(rig, 2)
    const reason = new Error('of no use')
    await first?.value?.destroy(reason)
    expect(rig.lost).toEqual([reason])
    expect(rig.connector.alive.map(({ id }) => id)).toEqual([1])
    const [more] = await sharers(rig, 1)
    expect(more?.state).toBe('pending')
    await giveBack(second)
    expect(more?.value?.connection.id).toBe(2)
    expect(rig.connector.alive.map(({ id }) => id)).toEqual([2])
  })

  test('is mended only when the last of them is done', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, pipelining: 4 })
    const calls = await sharers(rig, 2)
    const connection = rig.connector.opened[0]!
    connection.condition = 'unclean'
    await giveBack(calls[0])
    expect(connection.restored).toBe(0)
    await giveBack(calls[1])
    expect(connection.restored).toBe(1)
    expect(rig.pool.getStats()).toMatchObject({ poolAvailable: 1 })
  })

  test('gets no more calls after another was lost, until it has answered', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 2, pipelining: 4 })
    const calls = await sharers(rig, 4)
    rig.connector.lose(rig.connector.opened[1]!)
    const [more] = await sharers(rig, 1)
    expect(more?.state).toBe('pending')
    await giveBack(calls[0])
    expect(more?.value?.connection.id).toBe(1)
  })

  test('keeps a closing pool waiting for the last of them', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, pipelining: 4 })
    const calls = await sharers(rig, 2)
    const closed = track(rig.clock, rig.pool.close())
    await giveBack(calls[0])
    expect(closed.state).toBe('pending')
    await giveBack(calls[1])
    expect(closed.state).toBe('fulfilled')
    await expectNothingLeft(rig)
  })
})
