// How the pool finds out that a connection is dead: by a look, by a check, by the alarm that another raised.
import { describe, expect, test } from '@jest/globals'
import { settle } from '../../support/manual-clock.js'
import { acquireAll, expectNothingLeft, HOUR, makePool, openPool, SECOND, track, useOnce } from './support.js'

describe('a connection that was idle', () => {
  test('is not lent when its end has arrived but was not read yet', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1 })
    await rig.clock.advance(10)
    const waiting = track(rig.clock, rig.pool.acquire())
    // The end is read in the turn that the pool leaves to it.
    const dead = rig.connector.opened[0] as never
    rig.connector.lose(dead)
    await settle()
    expect(waiting.value?.connection.id).toBe(2)
    expect(rig.pool.getStats()).toMatchObject({ connectionsLost: 1, poolSize: 1 })
  })

  test('is lent without a turn when it was in use a moment ago', async () => {
    const { pool, clock } = await openPool({ minSize: 1, maxSize: 1 })
    await clock.advance(9)
    const lease = pool.acquire()
    await Promise.resolve()
    expect(pool.getStats()).toMatchObject({ requestsQueued: 0, poolAvailable: 0 })
    await (await lease).release()
  })

  test('is lent unexamined to a request that does not wait', async () => {
    const { pool, clock, connector } = await openPool({ minSize: 1, maxSize: 1, checkIdleAfter: 0 })
    await clock.advance(HOUR)
    await (await pool.acquire({ timeout: 0 })).release()
    expect(connector.checks).toEqual([])
  })

  test('does not count as wanting for maxWaiting while it is examined', async () => {
    const rig = await openPool({ minSize: 3, maxSize: 3, maxWaiting: 1, checkIdleAfter: 0 })
    rig.connector.checkMs = 50
    const requests = [1, 2, 3].map(() => track(rig.clock, rig.pool.acquire()))
    await rig.clock.advance(50)
    expect(requests.map(({ state, at }) => [state, at])).toEqual(Array(3).fill(['fulfilled', 50]))
  })
})

describe('check', () => {
  test('asks only a connection that was idle for checkIdleAfter', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, checkIdleAfter: SECOND })
    await rig.clock.advance(SECOND - 1)
    await useOnce(rig)
    expect(rig.connector.checks).toEqual([])
    await rig.clock.advance(SECOND)
    await useOnce(rig)
    expect(rig.connector.checks).toEqual([1])
  })

  test('a connection that does not answer is replaced, and the request gets another without noticing', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 2, checkIdleAfter: SECOND })
    rig.connector.dead.add(1)
    await rig.clock.advance(SECOND)
    expect(await useOnce(rig)).toBe(2)
    await settle()
    expect(rig.connector.opened.map(({ isClosed }) => isClosed)).toEqual([true, false, false])
    expect(rig.pool.getStats()).toMatchObject({ connectionsLost: 1, requestsErrors: 0, poolAvailable: 2 })
  })

  test('when none of them answers, requests are served by new ones', async () => {
    const rig = await openPool({ minSize: 4, maxSize: 4, checkIdleAfter: SECOND })
    for (const id of [1, 2, 3, 4]) rig.connector.dead.add(id)
    await rig.clock.advance(SECOND)
    const leases = await acquireAll(rig, 4)
    expect(leases.map(({ connection }) => connection.id).sort()).toEqual([5, 6, 7, 8])
    expect(rig.connector.mostAliveAtOnce).toBe(4)
  })

  test('a check that always fails costs one connection for each request, and a new one serves it', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 2, checkIdleAfter: 0, timeout: SECOND })
    for (let id = 1; id <= 20; id++) rig.connector.dead.add(id)
    const ids: number[] = []
    for (let use = 0; use < 4; use++) {
      ids.push(await useOnce(rig))
      await settle()
    }
    // What has just been opened is not asked, so no series of failures begins.
    expect(rig.connector.checks).toHaveLength(rig.connector.opened.length - 2)
    expect(new Set(ids).size).toBe(4)
    expect(rig.clock.now()).toBe(0)
    expect(rig.pool.getStats()).toMatchObject({ poolSize: 2, requestsErrors: 0 })
    await expectNothingLeft(rig)
  })

  test('a request whose time runs out during a check loses no connection', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, checkIdleAfter: 0, timeout: 100 })
    rig.connector.checkMs = 300
    const late = track(rig.clock, rig.pool.acquire())
    await rig.clock.advance(100)
    expect(late).toMatchObject({ state: 'rejected', at: 100, error: { code: 'POOL_TIMEOUT' } })
    await rig.clock.advance(200)
    expect(rig.pool.getStats()).toMatchObject({ poolAvailable: 1, poolSize: 1 })
  })

  test('a request waits for a check that was begun for one that gave up, and begins no second', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1, checkIdleAfter: 0 })
    rig.connector.checkMs = 300
    const controller = new AbortController()
    const first = track(rig.clock, rig.pool.acquire({ signal: controller.signal }))
    await rig.clock.advance(100)
    controller.abort()
    const second = track(rig.clock, rig.pool.acquire())
    await rig.clock.advance(200)
    expect([first.state, second.state, second.at]).toEqual(['rejected', 'fulfilled', 300])
    expect(second.value?.connection.id).toBe(1)
    expect(rig.connector.checks).toEqual([1])
    expect(rig.pool.getStats()).toMatchObject({ poolSize: 1, connectionsNum: 1 })
  })

  test('requests are served in their order, also when a later one finds a connection that needs no check', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 2, checkIdleAfter: SECOND })
    rig.connector.checkMs = 50
    await rig.clock.advance(SECOND)
    const [holder] = await Promise.all([rig.pool.acquire({ timeout: 0 })])
    const first = track(rig.clock, rig.pool.acquire())
    void holder.release() // Fresh, and free before the other is checked.
    const second = track(rig.clock, rig.pool.acquire())
    await settle()
    expect([first.state, second.state]).toEqual(['fulfilled', 'pending'])
    await rig.clock.advance(50)
    expect(second.state).toBe('fulfilled')
  })

  test('on demand it asks all that are idle at once, replaces the dead, and leaves what is lent alone', async () => {
    const rig = await openPool({ minSize: 4, maxSize: 4 })
    const lease = await rig.pool.acquire()
    rig.connector.dead.add(3)
    rig.connector.checkMs = 50
    const done = track(rig.clock, rig.pool.check())
    const waiting = track(rig.clock, rig.pool.acquire())
    await rig.clock.advance(50)
    expect(done).toMatchObject({ state: 'fulfilled', at: 50 })
    expect(waiting.state).toBe('fulfilled')
    expect(rig.connector.checks).toEqual([2, 3, 4])
    await settle()
    expect(rig.connector.opened[2]?.isClosed).toBe(true)
    expect(rig.pool.getStats()).toMatchObject({ poolSize: 4, poolAvailable: 2, connectionsLost: 1 })
    await lease.release()
  })

  test('on demand it revives a pool that had given up', async () => {
    const rig = makePool({ minSize: 4, maxSize: 4, reconnectTimeout: 10 * SECOND })
    rig.connector.openError = new Error('away')
    rig.pool.open()
    await rig.clock.advance(HOUR)
    expect(rig.pool.getStats().poolSize).toBe(0)
    rig.connector.openError = undefined
    await rig.pool.check()
    await settle()
    expect(rig.pool.getStats().poolAvailable).toBe(4)
  })
})

describe('an alarm', () => {
  test('when one connection is lost, the others of its age are asked before they are lent', async () => {
    const rig = await openPool({ minSize: 3, maxSize: 3 })
    rig.connector.dead.add(2)
    rig.connector.lose(rig.connector.opened[0] as never)
    await settle()
    const ids = [await useOnce(rig), await useOnce(rig), await useOnce(rig)]
    expect(ids).not.toContain(2)
    expect(rig.connector.checks).toEqual([2, 3])
    expect(rig.pool.getStats().requestsErrors).toBe(0)
  })

  test('is over for a connection that answered, or has been in use since', async () => {
    const rig = await openPool({ minSize: 3, maxSize: 3 })
    const lease = await rig.pool.acquire()
    rig.connector.lose(rig.connector.opened[1] as never)
    await settle()
    await lease.release()
    for (let use = 0; use < 6; use++) await useOnce(rig)
    expect(rig.connector.checks).toEqual([3])
  })

  test.each(['freeze', 'sleep'] as const)(
    'after a %s of a minute every connection is asked',
    async (what) => {
      const rig = await openPool({ minSize: 2, maxSize: 2 })
      rig.connector.dead.add(1)
      rig.clock[what](60 * SECOND)
      expect(await useOnce(rig)).toBe(2)
      expect(rig.connector.checks).toEqual([1, 2])
      await expectNothingLeft(rig)
    },
  )

  test('a process that is merely busy, or runs for long, raises none', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1 })
    rig.clock.freeze(4 * SECOND)
    await useOnce(rig)
    await rig.clock.advance(HOUR)
    await useOnce(rig)
    expect(rig.connector.checks).toEqual([])
  })
})

test('invalidateOnLost: when one connection fails its check, none of its age is lent again', async () => {
  for (const invalidateOnLost of [true, false]) {
    const { pool, connector } = await openPool({ minSize: 3, checkIdleAfter: 0, invalidateOnLost })
    connector.dead.add(1)
    const leases = await acquireAll({ pool }, 3)
    const ids = leases.map(({ connection }) => connection.id).sort()
    expect(ids).toEqual(invalidateOnLost ? [4, 5, 6] : [2, 3, 4])
  }
})

test('the timeout error says that a connection is checked', async () => {
  const rig = await openPool({ minSize: 1, maxSize: 1 })
  rig.connector.checkMs = 50
  const checked = rig.pool.check()
  await settle()
  await expect(rig.pool.acquire({ timeout: 0 })).rejects.toMatchObject({
    counts: { reserved: 1, checking: 1, resetting: 0, committing: 0 },
    message: expect.stringContaining('0 being opened, 1 being checked; ') as unknown,
  })
  await rig.clock.advance(50)
  await checked
})
