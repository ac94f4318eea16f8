// What PrismaClient makes of each kind of error, wherever it comes from an adapter: the ground that our choice of
// kinds, the codes of errors of COMMIT, and docs/errors.md stand on.
import { DriverAdapterError, type MappedError, type SqlDriverAdapter } from '@prisma/driver-adapter-utils'
import { describe, expect, test } from '@jest/globals'
import { PRISMA_CODES, TransactionClosedError } from '../../packages/adapter/src/convert/prisma-codes.js'
import { Prisma, PrismaClient } from '../generated/prisma/client.js'
import { errorOf } from '../prisma/support.js'

type Kind = MappedError['kind']

/** A client on an adapter where nothing but an error ever comes of anything. */
function clientThatFails(error: Error, startsTransactions = true): PrismaClient {
  const fail = () => Promise.reject(error)
  const statements = {
    provider: 'postgres',
    adapterName: 'failing',
    queryRaw: fail,
    executeRaw: fail,
  } as const
  const adapter: SqlDriverAdapter = {
    ...statements,
    executeScript: fail,
    dispose: () => Promise.resolve(),
    startTransaction: () =>
      startsTransactions
        ? Promise.resolve({
            ...statements,
            options: { usePhantomQuery: true },
            commit: fail,
            rollback: () => Promise.resolve(),
          })
        : fail(),
  }
  return new PrismaClient({
    adapter: { provider: 'postgres', adapterName: 'failing', connect: () => Promise.resolve(adapter) },
  })
}

/** The texts that some kinds must have. */
const PARTS = { reason: 'r', cause: 'c', message: 'm', level: 'l', code: '23514', severity: 'ERROR' }

function errorOfKind(kind: Kind): DriverAdapterError {
  const parts = { kind, ...PARTS, originalCode: '12345', originalMessage: 'what the server said' }
  return new DriverAdapterError(parts as DriverAdapterError['cause'])
}

async function codeOf(call: Promise<unknown>): Promise<string | undefined> {
  const error = await errorOf(call)
  return error instanceof Prisma.PrismaClientKnownRequestError ? error.code : undefined
}

describe.each(Object.entries(PRISMA_CODES) as [Kind, string][])('%s', (kind, code) => {
  const error = errorOfKind(kind)

  test(`is ${code} of a generated query, in a transaction and outside`, async () => {
    const prisma = clientThatFails(error)
    expect(await codeOf(prisma.user.findMany())).toBe(code)
    expect(await codeOf(prisma.$transaction((tx) => tx.user.findMany()))).toBe(code)
    expect(await codeOf(prisma.$transaction([prisma.user.findMany()]))).toBe(code)
  })

  test('is P2010 of a raw query, with the code and the message of the original', async () => {
    const raw = await errorOf(clientThatFails(error).$queryRaw`SELECT 1`)
    expect(raw).toMatchObject({ code: 'P2010', meta: { driverAdapterError: error } })
    expect(raw.message).toContain('Code: `12345`. Message: `what the server said`')
  })

  test(`is ${code} of the beginning of a transaction`, async () => {
    const prisma = clientThatFails(error, false)
    expect(await codeOf(prisma.$transaction(() => Promise.resolve()))).toBe(code)
  })

  test('is no error of Prisma in its COMMIT, but reaches the caller as it is', async () => {
    const prisma = clientThatFails(error)
    expect(await errorOf(prisma.$transaction(() => Promise.resolve()))).toBe(error)
  })
})

describe('a transaction that is over', () => {
  test('is P1018 or P2010, if an adapter says it by the kind that there is', async () => {
    const prisma = clientThatFails(errorOfKind('TransactionAlreadyClosed'))
    expect(await codeOf(prisma.user.findMany())).toBe('P1018')
    expect(await codeOf(prisma.$queryRaw`SELECT 1`)).toBe('P2010')
  })

  test('is P2028, as where Prisma notices it itself, in generated and in raw queries', async () => {
    const prisma = clientThatFails(new TransactionClosedError('it is over', '12345'))
    for (const call of [
      prisma.user.findMany(),
      prisma.$queryRaw`SELECT 1`,
      prisma.$transaction((tx) => tx.user.findMany()),
      prisma.$transaction((tx) => tx.$queryRaw`SELECT 1`),
    ]) {
      const error = await errorOf(call)
      expect(error).toBeInstanceOf(Prisma.PrismaClientKnownRequestError)
      expect(error).toMatchObject({
        code: 'P2028',
        meta: {
          driverAdapterError: {
            name: 'DriverAdapterError',
            cause: { kind: 'TransactionAlreadyClosed', cause: 'it is over', originalCode: '12345' },
          },
        },
      })
      expect(error.message).toContain('Transaction API error: it is over')
    }
    expect(await errorOf(prisma.$transaction(() => Promise.resolve()))).toMatchObject({ code: 'P2028' })
  })
})
