// How many connections there are when nobody asks for them: shrinking, and sizes that change.
import { describe, expect, test } from '@jest/globals'
import { settle } from '../../support/manual-clock.js'
import { acquireAll, openPool, SECOND, track, work } from './support.js'

describe('shrinking', () => {
  test('a pool that grew shrinks by one connection for each maxIdle, down to minSize', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 4, maxIdle: 200 })
    const leases = await acquireAll(rig, 4)
    for (const lease of leases) await lease.release()
    const sizes: number[] = []
    for (let window = 0; window < 5; window++) {
      await rig.clock.advance(200)
      sizes.push(rig.pool.getStats().poolSize)
    }
    expect(sizes).toEqual([4, 3, 2, 2, 2])
    expect(rig.connector.alive).toHaveLength(2)
    // None was closed only to be replaced.
    expect(rig.connector.opened).toHaveLength(4)
  })

  test('a connection that was needed at any moment of the window stays', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 3, maxIdle: 10 * SECOND })
    for (let window = 0; window < 5; window++) {
      const leases = await acquireAll(rig, 3)
      for (const lease of leases) await lease.release()
      await rig.clock.advance(10 * SECOND)
    }
    expect(rig.pool.getStats().poolSize).toBe(3)
  })
})

describe('resize', () => {
  test('opens what is missing at once, and lets what is too much leave one by one', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 2, maxIdle: 200 })
    const idle: number[] = []
    const sample = async (at: number) => {
      await rig.clock.advance(at - rig.clock.now())
      idle.push(rig.pool.getStats().poolAvailable)
    }
    await sample(250)
    await rig.clock.advance(50)
    const job = work(rig, 400)
    await sample(450)
    await rig.clock.advance(50)
    rig.pool.resize({ minSize: 4, maxSize: 4 })
    await sample(650)
    await sample(850)
    expect(job).toMatchObject({ state: 'fulfilled', at: 700 })
    await rig.clock.advance(50)
    rig.pool.resize({ minSize: 2, maxSize: 2 })
    for (const at of [1_050, 1_250, 1_450]) await sample(at)
    expect(idle).toEqual([2, 1, 3, 4, 3, 2, 2])
  })

  test('a larger minSize is filled at once, never above maxSize', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 10 })
    const leases = await acquireAll(rig, 8)
    rig.pool.resize({ minSize: 6, maxSize: 10 })
    await settle()
    expect(rig.pool.getStats()).toMatchObject({ poolSize: 8, poolMin: 6, poolMax: 10 })
    for (const lease of leases) await lease.release()
  })

  test('a larger maxSize serves those who wait', async () => {
    const rig = await openPool({ minSize: 1, maxSize: 1 })
    await rig.pool.acquire()
    const waiting = track(rig.clock, rig.pool.acquire())
    rig.pool.resize({ minSize: 1, maxSize: 2 })
    await settle()
    expect(waiting.state).toBe('fulfilled')
  })

  test('a smaller maxSize closes what is too much as it comes back, nobody being cut off', async () => {
    const rig = await openPool({ minSize: 4, maxSize: 4 })
    const leases = await acquireAll(rig, 4)
    rig.pool.resize({ minSize: 1, maxSize: 2 })
    expect(rig.connector.alive).toHaveLength(4)
    for (const lease of leases) await lease.release()
    await settle()
    expect(rig.pool.getStats()).toMatchObject({ poolSize: 2, poolAvailable: 2 })
  })

  test('idle connections that are too many leave one for each maxIdle', async () => {
    const rig = await openPool({ minSize: 2, maxSize: 4, maxIdle: 200 })
    rig.pool.resize({ minSize: 4, maxSize: 4 })
    await settle()
    const sizes = [rig.pool.getStats().poolSize]
    rig.pool.resize({ minSize: 2, maxSize: 4 })
    for (let window = 0; window < 4; window++) {
      await rig.clock.advance(200)
      sizes.push(rig.pool.getStats().poolSize)
    }
    expect(sizes).toEqual([4, 3, 2, 2, 2])
  })
})
