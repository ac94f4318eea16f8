import { DriverAdapterError } from '@prisma/driver-adapter-utils'
import { expect, test } from '@jest/globals'
import { withPrismaCode } from '../../../packages/adapter/src/convert/prisma-codes.js'

test('an error of COMMIT carries the code that Prisma gives to such an error of a statement', () => {
  const conflict = new DriverAdapterError({ kind: 'TransactionWriteConflict' })
  expect(withPrismaCode(conflict)).toBe(conflict)
  expect(conflict).toMatchObject({ code: 'P2034' })
  expect(withPrismaCode(new DriverAdapterError({ kind: 'ConnectionClosed' }))).toMatchObject({
    code: 'P1017',
  })
})

test('an error that is none of the database, or of a kind that no COMMIT fails with, stays as it is', () => {
  expect(withPrismaCode(new TypeError('a bug'))).not.toHaveProperty('code')
  expect(withPrismaCode(new DriverAdapterError({ kind: 'TableDoesNotExist' }))).not.toHaveProperty('code')
})
