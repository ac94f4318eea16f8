// What many waits that share an AbortSignal cost it: one listener, and each in its order.
import { getEventListeners } from 'node:events'
import { expect, test } from '@jest/globals'
import { Aborts } from '../../../packages/adapter/src/pool/aborts.js'

function listenersOf(signal: AbortSignal): number {
  return getEventListeners(signal, 'abort').length
}

test('all that wait on a signal are called once, in their order, and no other', () => {
  const aborts = new Aborts()
  const [one, other] = [new AbortController(), new AbortController()]
  const called: string[] = []
  aborts.add(one.signal, () => called.push('first'))
  aborts.add(other.signal, () => called.push('other'))
  aborts.add(one.signal, () => called.push('second'))
  one.abort()
  one.abort()
  expect(called).toEqual(['first', 'second'])
  expect([one, other].map(({ signal }) => listenersOf(signal))).toEqual([0, 1])
})

test('however many wait on a signal, it has one listener, and none once the last has left', () => {
  const aborts = new Aborts()
  const { signal } = new AbortController()
  const watches = Array.from({ length: 20 }, () => aborts.add(signal, () => {}))
  expect(listenersOf(signal)).toBe(1)
  const [last, ...others] = watches
  for (const watch of others) watch.cancel()
  expect(listenersOf(signal)).toBe(1)
  last?.cancel()
  expect(listenersOf(signal)).toBe(0)
})

test('what was cancelled is not called, and those that remain are', () => {
  const aborts = new Aborts()
  const controller = new AbortController()
  const called: string[] = []
  const cancelled = aborts.add(controller.signal, () => called.push('cancelled'))
  aborts.add(controller.signal, () => called.push('remains'))
  cancelled.cancel()
  cancelled.cancel()
  controller.abort()
  expect(called).toEqual(['remains'])
})

test('a callback may cancel what would come after it', () => {
  const aborts = new Aborts()
  const controller = new AbortController()
  const called: string[] = []
  aborts.add(controller.signal, () => {
    called.push('first')
    second.cancel()
  })
  const second = aborts.add(controller.signal, () => called.push('second'))
  controller.abort()
  expect(called).toEqual(['first'])
})

test('a signal that all had left is listened to again by the next', () => {
  const aborts = new Aborts()
  const controller = new AbortController()
  let calls = 0
  aborts.add(controller.signal, () => calls++).cancel()
  aborts.add(controller.signal, () => calls++)
  expect(listenersOf(controller.signal)).toBe(1)
  controller.abort()
  expect(calls).toBe(1)
})
