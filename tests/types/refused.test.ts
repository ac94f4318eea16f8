// What PostgreSQL cannot be given, or would take for something else, is refused before it reaches the wire.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { PrismaClient } from '../generated/prisma/client.js'
import { createWorld, errorOf, knownErrorOf, type World } from '../prisma/support.js'

let world: World

beforeAll(async () => {
  world = await createWorld()
})

afterEach(() => world.empty())
afterAll(() => world.close())

const sum = (count: number): string =>
  Array.from({ length: count }, (_, index) => `$${index + 1}::int`).join(' + ')
const ones = (count: number): number[] => new Array<number>(count).fill(1)

const REFUSED: [string, (prisma: PrismaClient) => Promise<unknown>, string][] = [
  ['a text with U+0000', (prisma) => prisma.log.create({ data: { text: 'a\0b' } }), 'U+0000'],
  ['U+0000 in a filter', (prisma) => prisma.log.count({ where: { text: '\0' } }), 'U+0000'],
  ['U+0000 in a list', (prisma) => prisma.$queryRaw`SELECT ${['a', 'b\0']}::text[]`, 'U+0000'],
  ['U+0000 in an enum', (prisma) => prisma.$queryRaw`SELECT ${'ADMIN\0'}::"Role"`, 'U+0000'],
  ['U+0000 in the statement', (prisma) => prisma.$queryRawUnsafe(`SELECT 'a\0'`), 'U+0000'],
  [
    'one parameter too many',
    (prisma) => prisma.$executeRawUnsafe(`SELECT ${sum(65_536)}`, ...ones(65_536)),
    'can have 65535 parameters, this one has 65536',
  ],
]

describe.each(REFUSED)('%s', (what, call, reason) => {
  test('is refused with a reason, and no connection is made for it', async () => {
    const { prisma, adapter } = world.open({ minSize: 0 }, { application_name: what })
    const error = await knownErrorOf(call(prisma))
    expect(error.message).toContain(reason)
    expect(error.message.length).toBeLessThan(2_000)
    expect(await world.database.backends(what)).toEqual([])
    expect(adapter.pool.getStats().connectionsNum).toBe(0)
  })

  test('leaves a transaction as it was, from its first statement on', async () => {
    const { prisma } = world.open({ maxSize: 1 })
    await prisma.$transaction(async (tx) => {
      const client = tx as PrismaClient
      await knownErrorOf(call(client))
      await tx.log.create({ data: { text: 'kept' } })
      await knownErrorOf(call(client))
      await tx.log.create({ data: { text: 'kept, too' } })
    })
    expect(await world.database.query('SELECT text FROM "Log" ORDER BY id')).toEqual([
      { text: 'kept' },
      { text: 'kept, too' },
    ])
  })
})

test('a script with U+0000 is refused whole', async () => {
  const adapter = await world.open().adapter.connect()
  const error = await errorOf(adapter.executeScript(`INSERT INTO "Log" (text) VALUES ('a'); SELECT '\0'`))
  expect(error.message).toContain('U+0000')
  expect(await world.database.query('SELECT 1 FROM "Log"')).toEqual([])
  await adapter.dispose()
})

test('as many parameters as the protocol can count are sent', async () => {
  const { prisma } = world.open({ maxSize: 1 })
  const rows = await prisma.$queryRawUnsafe(
    `SELECT cardinality(ARRAY[${sum(65_535).replaceAll(' + ', ', ')}])`,
    ...ones(65_535),
  )
  expect(rows).toEqual([{ cardinality: 65_535 }])
})
