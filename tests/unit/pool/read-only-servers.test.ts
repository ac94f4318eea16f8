// Which connections leave when a server refuses writes, and how soon after each other.
import { describe, expect, test } from '@jest/globals'
import type { Access } from '../../../packages/adapter/src/pool/types.js'
import { settle } from '../../support/manual-clock.js'
import { acquireAll, expectNothingLeft, makePool, type Rig, SECOND } from './support.js'

async function open(access: Access, size = 3): Promise<Rig> {
  const rig = makePool({ minSize: size, maxSize: size })
  rig.connector.accessOfNew = access
  rig.pool.open()
  await settle()
  return rig
}

/** A holder is refused a write, and releases its connection; returns which. */
async function refuse(rig: Rig): Promise<number> {
  const lease = await rig.pool.acquire()
  const { connection } = lease
  connection.condition = 'unclean'
  connection.wasRefusedWrite = true
  connection.access = 'readOnly'
  await lease.release()
  connection.wasRefusedWrite = false
  await settle()
  return connection.id
}

/** Refuses writes for so long, one every 50 ms; returns when connections were opened. */
async function refuseFor(rig: Rig, ms: number): Promise<number[]> {
  const before = rig.connector.attempts.length
  for (let passedMs = 0; passedMs < ms; passedMs += 50) {
    await refuse(rig)
    await rig.clock.advance(50)
  }
  return rig.connector.attempts.slice(before)
}

function idsOf(rig: Rig): number[] {
  return rig.connector.alive.map(({ id }) => id)
}

describe('a connection that was refused a write', () => {
  test('leaves, and another is opened at once', async () => {
    const rig = await open('writable', 1)
    rig.connector.accessOfNew = 'readOnly'
    await refuse(rig)
    expect(idsOf(rig)).toEqual([2])
    expect(rig.clock.now()).toBe(0)
  })

  test('stays if another left less than 250 ms ago', async () => {
    const rig = await open('writable', 1)
    rig.connector.accessOfNew = 'readOnly'
    expect(await refuseFor(rig, SECOND)).toEqual([0, 250, 500, 750])
  })

  test('is replaced every 250 ms for as long as writes are refused, in a pool that could write before', async () => {
    const rig = await open('writable', 1)
    rig.connector.accessOfNew = 'readOnly'
    const openings = await refuseFor(rig, 60 * SECOND)
    expect(openings).toHaveLength(240)
  })

  test('is replaced after pauses that grow to 5 s, in a pool that never could write', async () => {
    const rig = await open('readOnly', 1)
    expect(await refuseFor(rig, 20 * SECOND)).toEqual([0, 250, 750, 1_750, 3_750, 7_750, 12_750, 17_750])
  })

  test('is replaced at once again after 10 s without a refused write', async () => {
    const rig = await open('readOnly', 1)
    await refuseFor(rig, 5 * SECOND)
    await rig.clock.advance(10 * SECOND)
    const at = rig.clock.now()
    expect(await refuseFor(rig, 500)).toEqual([at, at + 250])
  })
})

describe('when the new connection reaches a server that accepts writes', () => {
  test('idle connections to a read-only server leave at once', async () => {
    const rig = await open('writable')
    for (const connection of rig.connector.alive) connection.access = 'readOnly'
    await refuse(rig)
    expect(idsOf(rig)).toEqual([4, 5, 6])
  })

  test('connections in use leave when they come back', async () => {
    const rig = await open('writable')
    const leases = await acquireAll(rig, 2)
    for (const connection of rig.connector.alive) connection.access = 'readOnly'
    await refuse(rig)
    expect(idsOf(rig)).toEqual([1, 2, 4])
    await Promise.all(leases.map((lease) => lease.release()))
    await settle()
    expect(idsOf(rig)).toEqual([4, 5, 6])
    await expectNothingLeft(rig)
  })

  test('connections to a server that accepts writes stay', async () => {
    const rig = await open('writable')
    await refuse(rig)
    expect(idsOf(rig)).toHaveLength(3)
    expect(rig.pool.getStats().connectionsClosed).toBe(1)
  })

  test('idle connections that have reported no change are tested before they are lent', async () => {
    const rig = await open('writable')
    await refuse(rig)
    expect(rig.connector.checks).toEqual([])
    const [stale] = idsOf(rig).filter((id) => id < 4)
    for (const connection of rig.connector.alive) if (connection.id < 4) connection.access = 'readOnly'
    const leases = await acquireAll(rig, 3)
    await settle()
    expect(leases.map(({ connection }) => connection.access)).toEqual(Array(3).fill('writable'))
    expect(idsOf(rig)).not.toContain(stale)
  })
})

test('connections to a read-only server stay while new ones reach a read-only server, too', async () => {
  const rig = await open('writable')
  rig.connector.accessOfNew = 'readOnly'
  for (const connection of rig.connector.alive) connection.access = 'readOnly'
  await refuse(rig)
  expect(rig.pool.getStats().connectionsClosed).toBe(1)
})

test('a connection whose server does not report its access stays until it refuses a write', async () => {
  const rig = await open('unknown')
  await refuse(rig)
  expect(rig.pool.getStats().connectionsClosed).toBe(1)
})
