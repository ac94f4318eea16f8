// docs/errors.md says what the code does: the kinds and Prisma's codes of its tables, none left out; and its
// examples run, on errors of a real client.
import { DriverAdapterError } from '@prisma/driver-adapter-utils'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import * as library from 'prisma-pg-real-pool'
import { POOL_KINDS, SOCKET_KINDS, toDriverAdapterError } from '../../packages/adapter/src/convert/errors.js'
import { PRISMA_CODES } from '../../packages/adapter/src/convert/prisma-codes.js'
import { BY_SQLSTATE } from '../../packages/adapter/src/convert/sqlstates.js'
import { PoolError, type PoolErrorCode } from '../../packages/adapter/src/pool/errors.js'
import { createWorld, errorOf, knownErrorOf, type World } from '../prisma/support.js'
import { code, codes, examples, read, rows, section } from './markdown.js'
import { run } from './running.js'

const text = read('docs/errors.md')

interface Documented {
  readonly codes: readonly string[]
  readonly kind: string
  readonly prismaCode: string
}

/** The rows of a table of codes, kinds and Prisma's codes. */
function documented(heading: string): Documented[] {
  return rows(section(text, heading)).map(([codesCell = '', kind = '', prismaCode = '']) => ({
    codes: codes(codesCell),
    kind: code(kind),
    prismaCode,
  }))
}

/** A table with one row for each code. */
function each(table: Documented[]): (Omit<Documented, 'codes'> & { readonly original: string })[] {
  return table.flatMap(({ codes: originals, ...row }) => originals.map((original) => ({ original, ...row })))
}

/** What Prisma makes of it; of a transaction that is over, what the error says itself. */
function prismaCodeOf(error: Error & { code?: string }): string | undefined {
  return error.code ?? PRISMA_CODES[(error as DriverAdapterError).cause.kind]
}

function expectRow(error: Error, kind: string, prismaCode: string): void {
  const converted = toDriverAdapterError(error)
  expect(converted).toBeInstanceOf(DriverAdapterError)
  expect(converted).toMatchObject({ cause: { kind } })
  expect(prismaCodeOf(converted)).toBe(prismaCode)
}

describe('what the server says', () => {
  const table = each(documented('## What the server says'))

  test.each(table)('$original is $kind, $prismaCode', ({ original, kind, prismaCode }) => {
    const error = Object.assign(new Error('said'), { severity: 'ERROR', code: original })
    expectRow(error, kind, prismaCode)
  })

  test('every code that has a kind of its own is there, once', () => {
    const originals = table.map(({ original }) => original)
    expect(originals).toEqual(expect.arrayContaining(Object.keys(BY_SQLSTATE)))
    expect(new Set(originals).size).toBe(originals.length)
  })
})

describe('what the network says', () => {
  const table = each(documented('## What the network says'))

  test.each(table)('$original is $kind, $prismaCode', ({ original, kind, prismaCode }) => {
    // Of a file, some of these say nothing of the network.
    const syscall = kind === 'DatabaseNotReachable' ? 'connect' : 'read'
    expectRow(Object.assign(new Error('broken'), { code: original, syscall }), kind, prismaCode)
    const connecting = Object.assign(new Error('broken'), { code: original, syscall: 'connect' })
    expectRow(connecting, 'DatabaseNotReachable', 'P1001')
  })

  test('every code is there, and no other', () => {
    expect(table.map(({ original }) => original).sort()).toEqual(Object.keys(SOCKET_KINDS).sort())
  })
})

describe('what the pool says', () => {
  const table = each(documented('## What the pool says'))

  test.each(table)('$original is $kind, $prismaCode', ({ original, kind, prismaCode }) => {
    expectRow(new PoolError(original as PoolErrorCode, 'told'), kind, prismaCode)
  })

  test('every code is there, and no other', () => {
    expect(table.map(({ original }) => original).sort()).toEqual(
      [...Object.keys(POOL_KINDS), 'POOL_LEASE'].sort(),
    )
  })
})

describe('what you see', () => {
  const table = rows(section(text, '## What you see')).map(([first = '']) => first)

  test('every code that an error of ours may have is there, and no other', () => {
    // Those of raw queries, and of a transaction that is over, have no kind.
    expect(table).toEqual([...new Set([...Object.values(PRISMA_CODES), 'P2010', 'P2028'])].sort())
  })

  test('every kind that the page names is a kind of Prisma', () => {
    const named = text.match(/`[A-Z][a-z]+[A-Z]\w+`/g)?.map((name) => name.slice(1, -1)) ?? []
    const kinds = new Set<string>([...Object.keys(PRISMA_CODES), 'TransactionAlreadyClosed'])
    const others = new Set(['DriverAdapterError', 'PoolError'])
    expect(named.filter((name) => !kinds.has(name) && !others.has(name))).toEqual([])
  })
})

describe('the examples run', () => {
  interface Examples {
    readonly detailsOf: (error: unknown) => object
    readonly statusOf: (error: unknown) => number
  }

  const all = examples(text).join('\n')
  const { detailsOf, statusOf } = run(all, { 'prisma-pg-real-pool': library }) as Examples
  let world: World

  beforeAll(async () => {
    world = await createWorld()
  })

  afterAll(() => world.close())

  test('on errors of models, of raw queries and of COMMIT', async () => {
    const { adapter, prisma } = world.open({ maxSize: 1, timeout: '500ms' })
    await adapter.pool.open({ wait: true })
    const data = { email: 'a@x' }
    await prisma.user.create({ data })

    const taken = await knownErrorOf(prisma.user.create({ data }))
    expect(statusOf(taken)).toBe(409)
    expect(detailsOf(taken)).toMatchObject({
      kind: 'UniqueConstraintViolation',
      originalCode: '23505',
      table: 'User',
      constraint: { index: 'User_email_key', fields: ['email'] },
    })

    const raw = await knownErrorOf(prisma.$executeRaw`INSERT INTO "User" ("email") VALUES ('a@x')`)
    expect(statusOf(raw)).toBe(409)
    expect(detailsOf(raw)).toEqual(detailsOf(taken))

    const missing = await knownErrorOf(prisma.user.delete({ where: { id: 99 } }))
    expect(statusOf(missing)).toBe(404)

    const late = await knownErrorOf(prisma.$transaction(() => prisma.user.count()))
    expect(statusOf(late)).toBe(503)
    expect(detailsOf(late)).toMatchObject({ kind: 'TooManyConnections', originalCode: 'POOL_TIMEOUT' })

    const ofCommit = await errorOf(
      prisma.$transaction((tx) => tx.deferred.create({ data: { id: 1, userId: 99 } })),
    )
    expect(statusOf(ofCommit)).toBe(500)
    expect(detailsOf(ofCommit)).toMatchObject({ originalCode: '23503' })
    expect(detailsOf(new Error('mine'))).toEqual({})
  })
})
