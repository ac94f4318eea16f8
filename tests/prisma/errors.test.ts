// Failures of queries as users of Prisma see them.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { PrismaClient } from '../generated/prisma/client.js'
import { createWorld, knownErrorOf, type World } from './support.js'

let world: World
let prisma: PrismaClient

beforeAll(async () => {
  world = await createWorld()
  ;({ prisma } = world.open({ maxSize: 1 }))
})

afterAll(() => world.close())

beforeEach(async () => {
  await world.empty()
  await prisma.user.create({ data: { email: 'taken@x', posts: { create: { title: 'one' } } } })
})

describe('a constraint that is violated', () => {
  test('unique: P2002, which names the model and the fields', async () => {
    const error = await knownErrorOf(prisma.user.create({ data: { email: 'taken@x' } }))
    expect(error.code).toBe('P2002')
    expect(error.message).toContain('Unique constraint failed on the fields: (`email`)')
    expect(error.meta).toMatchObject({
      modelName: 'User',
      driverAdapterError: {
        cause: {
          kind: 'UniqueConstraintViolation',
          constraint: { fields: ['email'], index: 'User_email_key' },
          originalCode: '23505',
        },
      },
    })
  })

  test('unique over two fields: P2002 with both, in a nested write too', async () => {
    const error = await knownErrorOf(
      prisma.user.update({ where: { email: 'taken@x' }, data: { posts: { create: { title: 'one' } } } }),
    )
    expect(error.code).toBe('P2002')
    expect(error.message).toContain('(`authorId`, `title`)')
  })

  test('foreign key: P2003 on a row that does not exist', async () => {
    const error = await knownErrorOf(prisma.profile.create({ data: { bio: 'x', userId: -1 } }))
    expect(error.code).toBe('P2003')
    expect(error.message).toContain('Profile_userId_fkey')
  })

  test('foreign key: P2003 on a row that is still referred to', async () => {
    const error = await knownErrorOf(prisma.user.delete({ where: { email: 'taken@x' } }))
    expect(error.code).toBe('P2003')
    expect(error.message).toContain('Post_authorId_fkey')
  })

  test('not null: P2011, which names the column', async () => {
    await world.database.query(`UPDATE "User" SET "name" = ''`)
    await world.database.query('ALTER TABLE "User" ALTER "name" SET NOT NULL')
    const error = await knownErrorOf(prisma.user.create({ data: { email: 'new@x', name: null } }))
    expect(error.code).toBe('P2011')
    expect(error.message).toContain('name')
    await world.database.query('ALTER TABLE "User" ALTER "name" DROP NOT NULL')
  })

  test('check: its name is in the message', async () => {
    await world.database.query('ALTER TABLE "User" ADD CONSTRAINT no_debts CHECK ("balance" >= 0)')
    const error = await knownErrorOf(
      prisma.user.update({ where: { email: 'taken@x' }, data: { balance: -1 } }),
    )
    expect(error.message).toContain('no_debts')
    expect(error.message).toContain('23514')
    await world.database.query('ALTER TABLE "User" DROP CONSTRAINT no_debts')
  })
})

describe('a row that is not there', () => {
  test('P2025 from update, delete, connect and findUniqueOrThrow', async () => {
    const where = { email: 'nobody@x' }
    const calls = [
      prisma.user.update({ where, data: { balance: 1 } }),
      prisma.user.delete({ where }),
      prisma.user.findUniqueOrThrow({ where }),
      prisma.post.create({ data: { title: 'x', author: { connect: where } } }),
    ]
    for (const call of calls) expect((await knownErrorOf(call)).code).toBe('P2025')
  })
})

describe('a table or a column that is not there', () => {
  test('P2021 names the table', async () => {
    await world.database.query('ALTER TABLE "Log" RENAME TO "Elsewhere"')
    const error = await knownErrorOf(prisma.log.findMany())
    await world.database.query('ALTER TABLE "Elsewhere" RENAME TO "Log"')
    expect(error.code).toBe('P2021')
    expect(error.message).toContain('Log')
  })

  test('P2022 names the column', async () => {
    await world.database.query('ALTER TABLE "Log" RENAME COLUMN "text" TO "words"')
    const error = await knownErrorOf(prisma.log.findMany())
    await world.database.query('ALTER TABLE "Log" RENAME COLUMN "words" TO "text"')
    expect(error.code).toBe('P2022')
    expect(error.message).toContain('text')
  })
})

describe('a raw query that fails', () => {
  test("P2010 with the server's code and message", async () => {
    const error = await knownErrorOf(prisma.$queryRaw`SELECT 1 / 0`)
    expect(error.code).toBe('P2010')
    expect(error.message).toContain('22012')
    expect(error.message).toContain('division by zero')
  })

  test('with the detail and the hint of the server in meta', async () => {
    const error = await knownErrorOf(
      prisma.$executeRawUnsafe(
        `DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'P0042', DETAIL = 'because', HINT = 'do not'; END $$`,
      ),
    )
    expect(error.message).toContain('P0042')
    expect(error.meta).toMatchObject({
      driverAdapterError: { cause: { kind: 'postgres', code: 'P0042', detail: 'because', hint: 'do not' } },
    })
  })
})
