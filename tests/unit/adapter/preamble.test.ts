import { describe, expect, test } from '@jest/globals'
import { Preamble } from '../../../packages/adapter/src/adapter/preamble.js'

const SAVE = 'SAVEPOINT real_pool_autosave'
const UNDO = 'ROLLBACK TO SAVEPOINT real_pool_autosave'
const END = 'RELEASE SAVEPOINT real_pool_autosave'

describe('before the statements of a transaction goes', () => {
  test('BEGIN, once', () => {
    const preamble = new Preamble(['BEGIN'], false)
    expect(preamble.hasBegun).toBe(false)
    expect(preamble.beforeStatement()).toEqual(['BEGIN'])
    expect(preamble.hasBegun).toBe(true)
    expect(preamble.beforeStatement()).toEqual([])
    expect(preamble.beforeCommit()).toEqual([])
  })

  test('whatever savepoints were made and ended since the last, in their order', () => {
    const preamble = new Preamble(['BEGIN'], false)
    preamble.savepoint('a')
    preamble.savepoint('b "x"')
    expect(preamble.beforeStatement()).toEqual(['BEGIN', 'SAVEPOINT "a"', 'SAVEPOINT "b ""x"""'])
    preamble.release('b "x"')
    preamble.savepoint('c')
    expect(preamble.beforeStatement()).toEqual(['RELEASE SAVEPOINT "b ""x"""', 'SAVEPOINT "c"'])
    expect(preamble.beforeStatement()).toEqual([])
  })

  test('nothing of a savepoint that was ended before anything happened in it', () => {
    const preamble = new Preamble(['BEGIN'], false)
    preamble.savepoint('a')
    preamble.savepoint('b')
    preamble.release('b')
    preamble.release('a')
    expect(preamble.beforeStatement()).toEqual(['BEGIN'])
  })

  test('the savepoint that was gone back to, when nothing had happened in it', () => {
    const preamble = new Preamble(['BEGIN'], false)
    preamble.savepoint('a')
    preamble.savepoint('b')
    expect(preamble.undo('a')).toBe(true)
    expect(preamble.beforeStatement()).toEqual(['BEGIN', 'SAVEPOINT "a"'])
    // Now it is the server's to go back to.
    expect(preamble.undo('a')).toBe(false)
  })

  test('nothing before a command that goes back behind what nobody has needed', () => {
    const preamble = new Preamble(['BEGIN'], false)
    preamble.savepoint('a')
    preamble.beforeStatement()
    preamble.savepoint('b')
    expect(preamble.beforeCommand()).toEqual([])
    expect(preamble.beforeStatement()).toEqual([])
  })
})

describe('with autosave', () => {
  test('goes back to none of a statement that succeeded, because a command before the next one failed', () => {
    const preamble = new Preamble(['BEGIN'], true)
    preamble.beforeStatement()
    preamble.succeeded()
    expect(preamble.beforeStatement()).toEqual([END, SAVE])
    expect(preamble.failed(true)).toBe(false)
    expect(preamble.beforeStatement()).toEqual([SAVE])
    expect(preamble.beforeCommit()).toEqual([])
  })

  test('a savepoint before each statement, which ends with the next', () => {
    const preamble = new Preamble(['BEGIN'], true)
    expect(preamble.beforeStatement()).toEqual(['BEGIN', SAVE])
    preamble.succeeded()
    expect(preamble.beforeStatement()).toEqual([END, SAVE])
    preamble.succeeded()
    expect(preamble.beforeCommit()).toEqual([])
  })

  test('a statement that failed is undone with the next one, or with COMMIT', () => {
    const preamble = new Preamble(['BEGIN'], true)
    preamble.beforeStatement()
    expect(preamble.failed(false)).toBe(true)
    // The savepoint outlives that, and serves once more.
    expect(preamble.beforeStatement()).toEqual([UNDO])
    preamble.failed(false)
    expect(preamble.beforeCommit()).toEqual([UNDO])
    expect(preamble.beforeStatement()).toEqual([UNDO])
    preamble.succeeded()
    expect(preamble.beforeStatement()).toEqual([END, SAVE])
  })

  test("a caller's savepoints lie outside of it", () => {
    const preamble = new Preamble(['BEGIN'], true)
    preamble.beforeStatement()
    preamble.succeeded()
    preamble.savepoint('a')
    expect(preamble.beforeStatement()).toEqual([END, 'SAVEPOINT "a"', SAVE])
    preamble.failed(false)
    preamble.release('a')
    expect(preamble.beforeStatement()).toEqual([UNDO, END, 'RELEASE SAVEPOINT "a"', SAVE])
  })

  test('going back behind it ends it', () => {
    const preamble = new Preamble(['BEGIN'], true)
    preamble.savepoint('a')
    preamble.beforeStatement()
    preamble.failed(false)
    expect(preamble.beforeCommand()).toEqual([])
    preamble.succeeded()
    expect(preamble.beforeStatement()).toEqual([SAVE])
  })

  test('a command that fails is not undone: it has no autosave', () => {
    const preamble = new Preamble(['BEGIN'], true)
    preamble.beforeStatement()
    preamble.succeeded()
    preamble.beforeCommand()
    expect(preamble.failed(false)).toBe(false)
    expect(preamble.beforeCommit()).toEqual([])
  })

  test('a failure before anything was sent undoes nothing', () => {
    const preamble = new Preamble(['BEGIN'], true)
    expect(preamble.failed(false)).toBe(false)
    expect(preamble.beforeStatement()).toEqual(['BEGIN', SAVE])
  })
})
