// The state of the pool by itself, without promises, timers or I/O.
import { describe, expect, test } from '@jest/globals'
import { Entry, Ledger } from '../../../packages/adapter/src/pool/ledger.js'
import { List } from '../../../packages/adapter/src/pool/list.js'
import { QueueItem } from '../../../packages/adapter/src/pool/queue.js'

class Item extends QueueItem {
  constructor(readonly name: string) {
    super()
  }
}

function filledLedger(connections: number, maxSize = 4) {
  const ledger = new Ledger<number, Item>({
    minSize: 1,
    maxSize,
    maxWaiting: 0,
    maxIdleCount: Infinity,
    growth: 'gradual',
  })
  for (let connection = 1; connection <= connections; connection++) {
    const entry = new Entry(connection, 0, Infinity)
    ledger.add(entry)
    ledger.settle(entry)
  }
  return ledger
}

describe('the ledger', () => {
  test('knows at every moment where each connection is', () => {
    const ledger = filledLedger(3)
    const leased = ledger.takeIdle() as Entry<number>
    const reserved = ledger.takeIdle() as Entry<number>
    ledger.reserve(reserved, 'resetting')
    ledger.addSlot()
    expect(ledger.counts()).toEqual({
      size: 4,
      idle: 1,
      leased: 1,
      reserved: 1,
      checking: 0,
      resetting: 1,
      committing: 0,
      opening: 1,
      closing: 0,
      waiting: 0,
      maxSize: 4,
    })
    expect(ledger.canGrow).toBe(false)
    ledger.dropSlot()
    ledger.settle(reserved)
    ledger.remove(leased, true)
    expect(ledger.counts()).toMatchObject({
      size: 3,
      idle: 2,
      leased: 0,
      reserved: 0,
      resetting: 0,
      opening: 0,
      closing: 1,
    })
    ledger.forget(true)
    expect(ledger.counts()).toMatchObject({ size: 2, idle: 2, closing: 0 })
  })

  test('hands a connection from one borrower to the next without counting it twice', () => {
    const ledger = filledLedger(1)
    const entry = ledger.takeIdle() as Entry<number>
    const waiter = new Item('waiter')
    ledger.enqueue(waiter)
    expect(ledger.settle(entry)).toBe(waiter)
    expect(ledger.counts()).toMatchObject({ size: 1, idle: 0, leased: 1, waiting: 0 })
  })

  test('refuses a move that cannot be: it would mean that a connection is in two places', () => {
    const ledger = filledLedger(1)
    const entry = ledger.takeIdle() as Entry<number>
    ledger.remove(entry, true)
    expect(() => ledger.settle(entry)).toThrow(/^bug: a connection cannot go from gone to idle/)
    expect(() => ledger.remove(entry, true)).toThrow(/^bug:/)
    expect(() => ledger.dropSlot()).toThrow(/^bug:/)
    ledger.forget(true)
    expect(() => ledger.forget(true)).toThrow(/^bug:/)
  })

  test('finds a spare connection only when the whole window did without one', () => {
    const ledger = filledLedger(3)
    const [first, second] = [ledger.takeIdle(), ledger.takeIdle()] as [Entry<number>, Entry<number>]
    const spare = ledger.endIdleWindow()
    expect(spare?.connection).toBe(3)
    ledger.remove(spare as Entry<number>, true)
    ledger.forget(true)
    // At the beginning of this window none was idle: all that are idle at its end were needed.
    ledger.settle(first)
    ledger.settle(second)
    expect(ledger.endIdleWindow()).toBeUndefined()
    expect(ledger.endIdleWindow()?.connection).toBe(1)
  })
})

describe('a list', () => {
  test('keeps its order, and items leave from anywhere', () => {
    const list = new List<Item>()
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => new Item(name)) as [Item, Item, Item, Item]
    for (const item of [a, b, c, d]) list.push(item)
    expect(list.remove(b)).toBe(true)
    expect(list.remove(b)).toBe(false)
    expect([...list].map(({ name }) => name)).toEqual(['a', 'c', 'd'])
    expect(list.remove(d)).toBe(true)
    list.push(b)
    expect([list.shift(), list.shift(), list.shift(), list.shift()]).toEqual([a, c, b, undefined])
    expect(list.length).toBe(0)
  })

  test('may lose items while it is walked', () => {
    const list = new List<Item>()
    for (const name of ['a', 'b', 'c']) list.push(new Item(name))
    for (const item of list) list.remove(item)
    expect(list.length).toBe(0)
  })

  test('refuses an item that is in a list', () => {
    const item = new Item('a')
    new List<Item>().push(item)
    expect(() => new List<Item>().push(item)).toThrow(/^bug:/)
  })
})
