// Whether the process has time left, as the samples tell that are taken where somebody asks.
import { setTimeout } from 'node:timers/promises'
import { beforeEach, expect, test } from '@jest/globals'
import { EventLoop, systemLoop } from '../../../packages/adapter/src/adapter/event-loop.js'
import { ManualClock, settle } from '../../support/manual-clock.js'

let clock: ManualClock
let sofar: { active: number; idle: number }
let reads: number
let turnEnds: (() => void)[]
let loop: EventLoop

beforeEach(() => {
  clock = new ManualClock()
  sofar = { active: 0, idle: 0 }
  reads = 0
  turnEnds = []
  loop = new EventLoop(clock, {
    utilization() {
      reads++
      return sofar
    },
    atEndOfTurn: (callback) => turnEnds.push(callback),
  })
})

/** Time passes, of which the loop is idle so much. */
async function pass(ms: number, idleMs: number): Promise<void> {
  sofar = { active: sofar.active + ms - idleMs, idle: sofar.idle + idleMs }
  await clock.advance(ms)
}

test('there is time left as long as nothing is known', () => {
  expect(loop.isBusy).toBe(false)
})

test.each([
  [0, true],
  [1.9, true],
  [2.1, false],
  [20, false],
])('of 20 ms, %p ms idle: busy is %p', async (idleMs, isBusy) => {
  expect(loop.isBusy).toBe(false)
  await pass(20, idleMs)
  expect(loop.isBusy).toBe(isBusy)
})

test('what was before the last sample does not count', async () => {
  await pass(1_000, 1_000)
  expect(loop.isBusy).toBe(false)
  await pass(20, 0)
  expect(loop.isBusy).toBe(true)
  await pass(20, 3)
  expect(loop.isBusy).toBe(false)
})

test('whoever asks again soon is told the same, and nothing is read for it', async () => {
  expect(loop.isBusy).toBe(false)
  await pass(19, 0)
  expect(loop.isBusy).toBe(false)
  expect(reads).toBe(1)
  await pass(1, 0)
  expect(loop.isBusy).toBe(true)
  expect(reads).toBe(2)
})

test('a time in which nobody asked says nothing', async () => {
  expect(loop.isBusy).toBe(false)
  await pass(20, 0)
  expect(loop.isBusy).toBe(true)
  await pass(100, 100)
  expect(loop.isBusy).toBe(true)
  await pass(99, 99)
  expect(loop.isBusy).toBe(false)
})

test('who waits for the end of a turn is told in order, with nothing in between, and once', async () => {
  const told: string[] = []
  const wait = (name: string) => loop.endOfTurn().then(() => told.push(name))
  void wait('one')
  void wait('two')
  expect(turnEnds).toHaveLength(1)
  await settle()
  expect(told).toEqual([])
  turnEnds.shift()!()
  void wait('three')
  await Promise.resolve()
  expect(told).toEqual(['one', 'two'])
  expect(turnEnds).toHaveLength(1)
  turnEnds.shift()!()
  await settle()
  expect(told).toEqual(['one', 'two', 'three'])
})

test('the loop of this process tells how busy it is, and when its turns end', async () => {
  const own = new EventLoop(clock, systemLoop)
  expect(own.isBusy).toBe(false)
  const end = performance.now() + 50
  while (performance.now() < end);
  await clock.advance(20)
  expect(own.isBusy).toBe(true)
  await setTimeout(50)
  await clock.advance(20)
  expect(own.isBusy).toBe(false)
  await own.endOfTurn()
})
