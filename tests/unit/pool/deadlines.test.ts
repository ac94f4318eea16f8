// Many deadlines on one timer.
import { expect, jest, test } from '@jest/globals'
import fc from 'fast-check'
import { Deadlines } from '../../../packages/adapter/src/pool/deadlines.js'
import { ManualClock } from '../../support/manual-clock.js'

test('deadlines pass in their order, at their time, unless they are cancelled; one timer serves them all', async () => {
  const plan = fc.array(fc.record({ at: fc.integer({ min: 0, max: 500 }), cancel: fc.boolean() }), {
    maxLength: 300,
  })
  await fc.assert(
    fc.asyncProperty(plan, async (items) => {
      const clock = new ManualClock()
      const deadlines = new Deadlines(clock, { keepAlive: true })
      const passed: { at: number; now: number }[] = []
      const added = items.map(({ at, cancel }) => ({
        cancel,
        deadline: deadlines.add(at, () => passed.push({ at, now: clock.now() })),
      }))
      for (const { cancel, deadline } of added) if (cancel) deadline.cancel()
      const expected = items.filter(({ cancel }) => !cancel).map(({ at }) => at)
      expect(deadlines.pending).toBe(expected.length)
      expect(clock.timers.all).toBeLessThanOrEqual(1)
      await clock.advance(500)
      expect(passed.map(({ at }) => at)).toEqual(expected.sort((a, b) => a - b))
      expect(passed.every(({ at, now }) => at === now)).toBe(true)
      expect(clock.timers.all).toBe(0)
    }),
    { numRuns: 50 },
  )
})

test('cancelled deadlines are forgotten, however long those that remain have to go', () => {
  const deadlines = new Deadlines(new ManualClock(), { keepAlive: true })
  deadlines.add(1_000_000, () => {})
  for (let round = 0; round < 10_000; round++) deadlines.add(2_000_000, () => {}).cancel()
  expect(deadlines.pending).toBe(1)
  expect(deadlines.remembered).toBeLessThan(200)
})

test('a deadline may be cancelled twice, or after it passed, to no effect', async () => {
  const clock = new ManualClock()
  const deadlines = new Deadlines(clock, { keepAlive: true })
  let passed = 0
  const first = deadlines.add(10, () => passed++)
  const second = deadlines.add(20, () => passed++)
  await clock.advance(10)
  first.cancel()
  second.cancel()
  second.cancel()
  deadlines.add(30, () => passed++)
  await clock.advance(100)
  expect(passed).toBe(2)
})

test('a deadline may be added while another passes, and passes in its own turn', async () => {
  const clock = new ManualClock()
  const deadlines = new Deadlines(clock, { keepAlive: true })
  const passed: [string, number][] = []
  const note = (name: string) => () => passed.push([name, clock.now()])
  deadlines.add(10, () => {
    note('first')()
    deadlines.add(30, note('added, later'))
    deadlines.add(20, note('added'))
    deadlines.add(5, note('added, overdue'))
  })
  deadlines.add(40, note('last')).cancel()
  deadlines.add(25, note('second'))
  await clock.advance(100)
  expect(passed).toEqual([
    ['first', 10],
    ['added, overdue', 10],
    ['added', 20],
    ['second', 25],
    ['added, later', 30],
  ])
  expect(clock.timers.all).toBe(0)
})

test('an earlier deadline brings the timer forward, and the later one keeps its time', async () => {
  const clock = new ManualClock()
  const deadlines = new Deadlines(clock, { keepAlive: true })
  const passed: number[] = []
  const note = () => passed.push(clock.now())
  deadlines.add(400, note)
  deadlines.add(600, note)
  await clock.advance(100)
  deadlines.add(200, note)
  expect(clock.timers.all).toBe(1)
  await clock.advance(500)
  expect(passed).toEqual([200, 400, 600])
})

test('what one of them throws comes out, and keeps no other from passing', async () => {
  const thrown: unknown[] = []
  const queue = jest.spyOn(globalThis, 'queueMicrotask').mockImplementation((callback) => {
    try {
      callback()
    } catch (error) {
      thrown.push(error)
    }
  })
  const clock = new ManualClock()
  const deadlines = new Deadlines(clock, { keepAlive: true })
  const passed: number[] = []
  const note = () => passed.push(clock.now())
  const mine = new Error('mine')
  deadlines.add(100, note)
  deadlines.add(300, note)
  deadlines.add(200, () => {
    throw mine
  })
  deadlines.add(200, note)
  await clock.advance(400)
  queue.mockRestore()
  expect(passed).toEqual([100, 200, 300])
  expect(thrown).toEqual([mine])
})
