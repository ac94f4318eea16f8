import { expect, test } from '@jest/globals'
import { FirstFailure } from '../../../packages/adapter/src/adapter/first-failure.js'

const FAILURE = { text: 'SELECT 1 / 0', error: new Error('division by zero') }
const LATER = { text: 'SELECT 2', error: new Error('refused') }

function failed(): FirstFailure {
  const first = new FirstFailure()
  first.savepointBegan('before')
  first.note(FAILURE)
  first.note(LATER)
  return first
}

test('the first failure counts, not the failures that follow from it', () => {
  expect(new FirstFailure().failure).toBeUndefined()
  expect(failed().failure).toBe(FAILURE)
})

test('a way back to a savepoint before the failure undoes it', () => {
  for (const name of ['before', undefined]) {
    const first = failed()
    first.wentBackTo(name)
    expect(first.failure).toBeUndefined()
  }
})

test('a way back to a savepoint that may be behind the failure does not undo it', () => {
  for (const [begun, back] of [
    ['behind', 'behind'],
    ['before', 'before'],
    ['behind', undefined],
    [undefined, 'before'],
  ] as const) {
    const first = failed()
    first.savepointBegan(begun)
    first.wentBackTo(back)
    expect(first.failure).toBe(FAILURE)
  }
})

test('after the way back, savepoints of before it do not matter to the next failure', () => {
  const first = failed()
  first.savepointBegan('behind')
  first.wentBackTo('before')
  first.savepointBegan('behind')
  first.note(LATER)
  first.wentBackTo('behind')
  expect(first.failure).toBeUndefined()
})
