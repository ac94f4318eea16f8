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

test('and says what the server said, where it said no more than its kind', () => {
  const payload = { kind: 'TransactionWriteConflict', originalMessage: 'deadlock detected' } as const
  expect(withPrismaCode(new DriverAdapterError(payload)).message).toBe('deadlock detected')
  const unknown = Object.assign(new DriverAdapterError(payload), { message: 'nobody knows' })
  expect(withPrismaCode(unknown).message).toBe('nobody knows')
})

test('it carries itself, for the copies that Prisma makes of it, and can be written as JSON', () => {
  const lost = withPrismaCode(new DriverAdapterError({ kind: 'ConnectionClosed' }))
  expect(lost).toHaveProperty('meta.driverAdapterError', lost)
  expect(JSON.stringify(lost)).toContain('P1017')
})

test('an error that is none of the database stays as it is', () => {
  expect(withPrismaCode(new TypeError('a bug'))).not.toHaveProperty('code')
  expect(withPrismaCode(new DriverAdapterError({ kind: 'GenericJs', id: 1 }))).not.toHaveProperty('code')
})
