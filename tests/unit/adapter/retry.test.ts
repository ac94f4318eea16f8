import { afterEach, expect, jest, test } from '@jest/globals'
import { retryTransaction } from '../../../packages/adapter/src/adapter/retry.js'
import { systemClock } from '../../../packages/adapter/src/pool/clock.js'

const reason = new Error('the client went away')
const conflict = Object.assign(new Error('write conflict'), { code: 'P2034' })

afterEach(() => {
  jest.restoreAllMocks()
})

/** Pauses that nothing but a signal ends. */
function endlessPauses() {
  const cancel = jest.fn()
  return { cancel, setTimer: jest.spyOn(systemClock, 'setTimer').mockReturnValue({ cancel }) }
}

test('a signal that aborts while the transaction runs leaves no pause to wait for', async () => {
  const { setTimer } = endlessPauses()
  const controller = new AbortController()
  const $transaction = () => {
    controller.abort(reason)
    return Promise.reject(conflict)
  }
  const work = retryTransaction({ $transaction }, () => Promise.resolve(), { signal: controller.signal })
  await Promise.race([work.catch(() => {}), new Promise((resolve) => setImmediate(resolve))])
  expect(setTimer).not.toHaveBeenCalled()
  await expect(work).rejects.toBe(reason)
})

test('a signal that aborts in a pause ends it', async () => {
  const { cancel, setTimer } = endlessPauses()
  const controller = new AbortController()
  const $transaction = jest.fn(() => Promise.reject(conflict))
  const work = retryTransaction({ $transaction }, () => Promise.resolve(), { signal: controller.signal })
  await new Promise((resolve) => setImmediate(resolve))
  expect(setTimer).toHaveBeenCalledTimes(1)
  controller.abort(reason)
  await expect(work).rejects.toBe(reason)
  expect(cancel).toHaveBeenCalled()
  expect($transaction).toHaveBeenCalledTimes(1)
})
