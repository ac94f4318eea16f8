// How many connections are opened, and when.
import { describe, expect, test } from '@jest/globals'
import { settle } from '../../support/manual-clock.js'
import { acquireAll, expectNothingLeft, makePool, openPool, SECOND, track, work } from './support.js'

describe('filling', () => {
  test('minSize connections are opened in the background, numWorkers of them at a time', async () => {
    const rig = makePool({ minSize: 5, maxSize: 5, numWorkers: 2 })
    rig.connector.openMs = 100
    rig.pool.open()
    const available: number[] = []
    for (let round = 0; round < 3; round++) {
      await rig.clock.advance(100)
      available.push(rig.pool.getStats().poolAvailable)
    }
    expect(available).toEqual([2, 4, 5])
    expect(rig.connector.attempts).toEqual([0, 0, 100, 100, 200])
    expect(rig.connector.mostOpeningAtOnce).toBe(2)
    await expectNothingLeft(rig)
  })

  test('the first request is served by the first connection, without waiting for the others', async () => {
    const rig = makePool({ minSize: 4, maxSize: 4, numWorkers: 1 })
    rig.connector.openMs = 100
    rig.pool.open()
    const first = work(rig, 0)
    await rig.clock.advance(150)
    expect(first).toMatchObject({ state: 'fulfilled', at: 100 })
  })

  test.each([
    [1, 400],
    [2, 200],
  ])('with %i at a time, wait resolves once minSize connections exist', async (numWorkers, readyAt) => {
    const rig = makePool({ minSize: 4, maxSize: 4, numWorkers })
    rig.connector.openMs = 100
    rig.pool.open()
    const impatient = track(rig.clock, rig.pool.wait(readyAt - 1))
    const patient = track(rig.clock, rig.pool.wait(500))
    await rig.clock.advance(500)
    expect(impatient).toMatchObject({ state: 'rejected', at: readyAt - 1, error: { code: 'POOL_TIMEOUT' } })
    expect(patient).toMatchObject({ state: 'fulfilled', at: readyAt })
    // Again at once, also while the connections are in use; and nobody's impatience harms the pool.
    await acquireAll(rig, 4)
    await rig.pool.wait(1)
    expect(rig.pool.isOpen).toBe(true)
  })

  test('with minSize 0 nothing is opened until somebody asks, and wait resolves at once', async () => {
    const rig = await openPool({ minSize: 0 })
    await rig.pool.wait(1)
    expect(rig.connector.attempts).toEqual([])
    const lease = await rig.pool.acquire()
    await lease.release()
    expect(rig.connector.opened).toHaveLength(1)
  })
})

describe('growing', () => {
  // Connecting takes 100, each job 250: psycopg_pool's own two cases of growth, in exact times.
  test.each([
    [2, [250, 250, 350, 450, 500, 500, 600, 700]],
    [0, [350, 450, 550, 600, 650, 700, 800, 850]],
  ])('from minSize %i to 4, one connection after another', async (minSize, expected) => {
    const rig = makePool({ minSize, maxSize: 4 })
    rig.pool.open()
    await settle()
    rig.connector.openMs = 100
    const jobs = Array.from({ length: 8 }, () => work(rig, 250))
    await rig.clock.advance(2 * SECOND)
    expect(jobs.map((job) => job.at).sort((a, b) => (a as number) - (b as number))).toEqual(expected)
    expect(rig.connector.mostAliveAtOnce).toBe(4)
  })

  test('a burst of short jobs is served by the connections that are there, not by as many as it can open', async () => {
    const rig = await openPool({ minSize: 5, maxSize: 10 })
    rig.connector.openMs = 150
    const jobs = Array.from({ length: 50 }, () => work(rig, 2))
    await rig.clock.advance(1 * SECOND)
    expect(jobs.every((job) => job.state === 'fulfilled')).toBe(true)
    // Ten jobs each, 20 ms: time enough to begin to open one more.
    expect(jobs.at(-1)?.at).toBe(20)
    expect(rig.pool.getStats()).toMatchObject({ poolSize: 6, poolAvailable: 6 })
  })

  test('nothing is opened for a request that a connection on its way will serve', async () => {
    const rig = makePool({ minSize: 1, maxSize: 4 })
    rig.connector.openMs = 100
    rig.pool.open()
    const only = track(rig.clock, rig.pool.acquire())
    await rig.clock.advance(SECOND)
    expect(only.state).toBe('fulfilled')
    expect(rig.connector.attempts).toHaveLength(1)
  })

  test('giving up a wait does not give up the connection that was being opened for it', async () => {
    const rig = await openPool({ minSize: 0, timeout: 100 })
    rig.connector.openMs = 200
    const late = track(rig.clock, rig.pool.acquire())
    await rig.clock.advance(200)
    expect(late.state).toBe('rejected')
    expect(rig.pool.getStats().poolAvailable).toBe(1)
  })

  test('there are never more than maxSize connections, whatever is asked for', async () => {
    const rig = await openPool({ minSize: 0, maxSize: 3 })
    rig.connector.openMs = 10
    rig.connector.closeMs = 0
    const jobs = Array.from({ length: 100 }, () => work(rig, 25))
    await rig.clock.advance(5 * SECOND)
    expect(jobs.every((job) => job.state === 'fulfilled')).toBe(true)
    expect(rig.connector.mostAliveAtOnce).toBe(3)
  })
})
