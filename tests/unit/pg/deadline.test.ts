import { expect, test } from '@jest/globals'
import { type Deadline, within } from '../../../packages/adapter/src/pg/deadline.js'
import { ManualClock } from '../../support/manual-clock.js'

const clock = new ManualClock()
const never = () => new Promise<never>(() => {})
const tooLate = () => new Error('too late')

function run<T>(work: (deadline: Deadline) => Promise<T>, ms = 100, abort = new AbortController()) {
  const outcome = within(ms, tooLate, abort.signal, clock, work).then(
    (value) => value,
    (error: Error) => error.message,
  )
  return { outcome, abort }
}

test('settles as the work does, and leaves no timer', async () => {
  expect(await run(() => Promise.resolve(7)).outcome).toBe(7)
  expect(await run(() => Promise.reject(new Error('failed'))).outcome).toBe('failed')
  expect(clock.timers.all).toBe(0)
})

test('rejects when the time is over, unless there is no end to it', async () => {
  const { outcome } = run(never)
  const endless = run(never, Infinity)
  await clock.advance(100)
  expect(await outcome).toBe('too late')
  expect(clock.timers.all).toBe(0)
  endless.abort.abort()
  expect(await endless.outcome).toBe('the pool was closed')
})

test('rejects when the pool is closed, also before it begins', async () => {
  const { outcome, abort } = run(never)
  abort.abort()
  expect(await outcome).toBe('the pool was closed')
  // What never answers keeps no process alive.
  expect(clock.timers.all).toBe(0)
  expect(await run(never, 100, abort).outcome).toBe('the pool was closed')
})

test('work that can be ended is ended, and rejects itself', async () => {
  let end: (error: Error) => void = () => {}
  const { outcome } = run((deadline) => {
    deadline.onOver = (error) => end(new Error(`ended: ${error.message}`))
    return new Promise((_, reject) => (end = reject))
  })
  await clock.advance(100)
  expect(await outcome).toBe('ended: too late')
})
