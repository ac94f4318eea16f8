import { describe, expect, test } from '@jest/globals'
import { Preamble } from '../../../packages/adapter/src/adapter/preamble.js'

const SERVER = { serverVersion: 18 }
const SAVE = 'SAVEPOINT real_pool_autosave'
const UNDO = 'ROLLBACK TO SAVEPOINT real_pool_autosave'
const END = 'RELEASE SAVEPOINT real_pool_autosave'

describe('before the statements of a transaction goes', () => {
  test('BEGIN, once', () => {
    const preamble = new Preamble(() => ['BEGIN'], false)
    expect(preamble.hasBegun).toBe(false)
    expect(preamble.beforeStatement(SERVER)).toEqual(['BEGIN'])
    expect(preamble.hasBegun).toBe(true)
    expect(preamble.beforeStatement(SERVER)).toEqual([])
    expect(preamble.beforeCommit()).toEqual([])
  })

  test('whatever savepoints were made and ended since the last, in their order', () => {
    const preamble = new Preamble(() => ['BEGIN'], false)
    preamble.savepoint('a')
    preamble.savepoint('b "x"')
    expect(preamble.beforeStatement(SERVER)).toEqual(['BEGIN', 'SAVEPOINT "a"', 'SAVEPOINT "b ""x"""'])
    preamble.release('b "x"')
    preamble.savepoint('c')
    expect(preamble.beforeStatement(SERVER)).toEqual(['RELEASE SAVEPOINT "b ""x"""', 'SAVEPOINT "c"'])
    expect(preamble.beforeStatement(SERVER)).toEqual([])
  })

  test('nothing of a savepoint that was ended before anything happened in it', () => {
    const preamble = new Preamble(() => ['BEGIN'], false)
    preamble.savepoint('a')
    preamble.savepoint('b')
    preamble.release('b')
    preamble.release('a')
    expect(preamble.beforeStatement(SERVER)).toEqual(['BEGIN'])
  })

  test('the savepoint that was gone back to, when nothing had happened in it', () => {
    const preamble = new Preamble(() => ['BEGIN'], false)
    preamble.savepoint('a')
    preamble.savepoint('b')
    expect(preamble.undo('a')).toBe(true)
    expect(preamble.beforeStatement(SERVER)).toEqual(['BEGIN', 'SAVEPOINT "a"'])
    // Now it is the server's to go back to.
    expect(preamble.undo('a')).toBe(false)
  })

  test('nothing before a command that goes back behind what nobody has needed', () => {
    const preamble = new Preamble(() => ['BEGIN'], false)
    preamble.savepoint('a')
    preamble.beforeStatement(SERVER)
    preamble.savepoint('b')
    expect(preamble.beforeCommand(SERVER)).toEqual([])
    expect(preamble.beforeStatement(SERVER)).toEqual([])
  })
})

describe('with autosave', () => {
  test('goes back to none of a statement that succeeded, because a command before the next one failed', () => {
    const preamble = new Preamble(() => ['BEGIN'], true)
    preamble.beforeStatement(SERVER)
    preamble.succeeded('INSERT 0 1')
    expect(preamble.beforeStatement(SERVER)).toEqual([END, SAVE])
    expect(preamble.failed(true)).toBe(false)
    expect(preamble.beforeStatement(SERVER)).toEqual([SAVE])
    expect(preamble.beforeCommit()).toEqual([])
  })

  test('a savepoint before each statement, which ends with the next', () => {
    const preamble = new Preamble(() => ['BEGIN'], true)
    expect(preamble.beforeStatement(SERVER)).toEqual(['BEGIN', SAVE])
    preamble.succeeded('INSERT 0 1')
    expect(preamble.beforeStatement(SERVER)).toEqual([END, SAVE])
    preamble.succeeded('INSERT 0 1')
    expect(preamble.beforeCommit()).toEqual([])
  })

  test('a statement that failed is undone with the next one, or with COMMIT', () => {
    const preamble = new Preamble(() => ['BEGIN'], true)
    preamble.beforeStatement(SERVER)
    expect(preamble.failed(false)).toBe(true)
    // The savepoint outlives that, and serves once more.
    expect(preamble.beforeStatement(SERVER)).toEqual([UNDO])
    preamble.failed(false)
    expect(preamble.beforeCommit()).toEqual([UNDO])
    expect(preamble.beforeStatement(SERVER)).toEqual([UNDO])
    preamble.succeeded('INSERT 0 1')
    expect(preamble.beforeStatement(SERVER)).toEqual([END, SAVE])
  })

  test("a caller's savepoints lie outside of it", () => {
    const preamble = new Preamble(() => ['BEGIN'], true)
    preamble.beforeStatement(SERVER)
    preamble.succeeded('INSERT 0 1')
    preamble.savepoint('a')
    expect(preamble.beforeStatement(SERVER)).toEqual([END, 'SAVEPOINT "a"', SAVE])
    preamble.failed(false)
    preamble.release('a')
    expect(preamble.beforeStatement(SERVER)).toEqual([UNDO, END, 'RELEASE SAVEPOINT "a"', SAVE])
  })

  test('going back behind it ends it', () => {
    const preamble = new Preamble(() => ['BEGIN'], true)
    preamble.savepoint('a')
    preamble.beforeStatement(SERVER)
    preamble.failed(false)
    expect(preamble.beforeCommand(SERVER)).toEqual([])
    preamble.succeeded('INSERT 0 1')
    expect(preamble.beforeStatement(SERVER)).toEqual([SAVE])
  })

  test('a command that fails is not undone: it has no autosave', () => {
    const preamble = new Preamble(() => ['BEGIN'], true)
    preamble.beforeStatement(SERVER)
    preamble.succeeded('INSERT 0 1')
    preamble.beforeCommand(SERVER)
    expect(preamble.failed(false)).toBe(false)
    expect(preamble.beforeCommit()).toEqual([])
  })

  test('a failure before anything was sent undoes nothing', () => {
    const preamble = new Preamble(() => ['BEGIN'], true)
    expect(preamble.failed(false)).toBe(false)
    expect(preamble.beforeStatement(SERVER)).toEqual(['BEGIN', SAVE])
  })

  describe('the raw statements of a caller that move savepoints', () => {
    function saved(): Preamble {
      const preamble = new Preamble(() => ['BEGIN'], true)
      preamble.beforeStatement(SERVER)
      preamble.succeeded('INSERT 0 1')
      return preamble
    }

    test('SAVEPOINT lies below the next autosave, not above one', () => {
      const preamble = saved()
      expect(preamble.beforeStatement(SERVER, 'savepoint')).toEqual([END])
      preamble.succeeded('SAVEPOINT')
      expect(preamble.beforeStatement(SERVER)).toEqual([SAVE])
      preamble.succeeded('INSERT 0 1')
      expect(preamble.beforeStatement(SERVER)).toEqual([END, SAVE])
    })

    test('SAVEPOINT behind a failure comes after that is undone', () => {
      const preamble = saved()
      preamble.beforeStatement(SERVER)
      preamble.failed(false)
      expect(preamble.beforeStatement(SERVER, 'savepoint')).toEqual([UNDO, END])
      preamble.succeeded('SAVEPOINT')
      expect(preamble.beforeCommit()).toEqual([])
      expect(preamble.beforeStatement(SERVER)).toEqual([SAVE])
    })

    test('a SAVEPOINT that only the command tag shows leaves the autosave below it alone', () => {
      const preamble = saved()
      expect(preamble.beforeStatement(SERVER)).toEqual([END, SAVE])
      preamble.succeeded('SAVEPOINT')
      expect(preamble.beforeStatement(SERVER)).toEqual([SAVE])
    })

    test.each([
      ['release', 'RELEASE'],
      ['rollback to', 'ROLLBACK'],
    ] as const)(
      '%s ends the autosave when it succeeds, and is undone by it when it fails',
      (control, tag) => {
        const preamble = saved()
        expect(preamble.beforeStatement(SERVER, control)).toEqual([END, SAVE])
        expect(preamble.failed(false)).toBe(true)
        expect(preamble.beforeStatement(SERVER, control)).toEqual([UNDO])
        preamble.succeeded(tag)
        expect(preamble.beforeStatement(SERVER)).toEqual([SAVE])
      },
    )

    test('SET TRANSACTION is outside of any autosave', () => {
      const first = new Preamble(() => ['BEGIN'], true)
      expect(first.beforeStatement(SERVER, 'set transaction')).toEqual(['BEGIN'])
      first.succeeded('SET')
      expect(first.beforeStatement(SERVER)).toEqual([SAVE])
      expect(saved().beforeStatement(SERVER, 'set transaction')).toEqual([END])
      expect(first.failed(false)).toBe(true)
    })

    test('SET TRANSACTION that fails is not undone', () => {
      const preamble = saved()
      preamble.beforeStatement(SERVER, 'set transaction')
      expect(preamble.failed(false)).toBe(false)
    })
  })
})
