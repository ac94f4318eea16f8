// Which statements a session has prepared, as far as this process knows.
import { expect, test } from '@jest/globals'
import { PreparedStatements, StatementNames } from '../../../packages/adapter/src/pg/prepared-statements.js'

test('a statement that several in flight have found missing is closed once, and stays once prepared anew', () => {
  const statements = new PreparedStatements(new StatementNames(), 8)
  const first = statements.for('SELECT 1', 'one')!
  statements.forget(first)
  expect(statements.takeSurplus()).toEqual(['one'])
  const second = statements.for('SELECT 1', 'one')!
  second.isSent = true
  statements.forget(first)
  expect(statements.takeSurplus()).toEqual([])
  expect(statements.for('SELECT 1', 'one')).toBe(second)
})
