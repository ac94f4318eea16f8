// Each row of the table from SQLSTATE to Prisma's kinds, provoked for real: by a generated query, where Prisma has a
// code for its kind, and by a raw one, which is always P2010. docs/errors.md tells users the same.
import { inspect } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { PrismaClient } from '../generated/prisma/client.js'
import { type Failure, FAILURES, running, type Tx } from './error-table.js'
import { createWorld, knownErrorOf, type World } from './support.js'

const SECRET = 'hunter2-s3cr3t'

let world: World
let prisma: PrismaClient
let hasty: PrismaClient

beforeAll(async () => {
  world = await createWorld()
  const role = world.database.name
  await world.database.query(`
    CREATE ROLE ${role} LOGIN CREATEDB PASSWORD '${SECRET}';
    GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role};
    GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO ${role};
    REVOKE INSERT ON "Tag" FROM ${role};
    GRANT pg_signal_backend TO ${role};
    ALTER TABLE "User" ADD CONSTRAINT no_debts CHECK ("balance" >= 0),
      ADD CONSTRAINT one_of_each_name EXCLUDE USING btree ("name" WITH =);
    CREATE UNIQUE INDEX whatever_the_case ON "User" (lower("email"));
    CREATE FUNCTION run() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN EXECUTE substr(NEW."text", 5); RETURN NEW; END $$;
    CREATE TRIGGER run BEFORE INSERT ON "Log" FOR EACH ROW WHEN (NEW."text" LIKE 'run %')
      EXECUTE FUNCTION run();`)
  const url = new URL(world.database.url)
  url.username = role
  url.password = SECRET
  const connectionString = url.href
  prisma = world.open({ maxSize: 4 }, { connectionString }).prisma
  hasty = world.open(
    { maxSize: 2 },
    {
      connectionString,
      statement_timeout: 500,
      lock_timeout: 100,
      idle_in_transaction_session_timeout: 100,
    },
  ).prisma
})

afterAll(async () => {
  await world.database.query(`DROP OWNED BY ${world.database.name}; DROP ROLE ${world.database.name}`)
  await world.close()
})

beforeEach(async () => {
  await world.empty()
  await world.database.query(`INSERT INTO "User" ("email", "name") VALUES ('a@x', 'a'), ('b@x', 'b')`)
})

/** Beside the code: what Prisma gives in `meta`, and that no secret is anywhere in it. */
function expectFailure(error: { code: string; meta?: Record<string, unknown> }, failure: Failure): void {
  const { is, payload } = failure
  const [sqlstate, kind] = is
  expect(error.meta?.['driverAdapterError']).toMatchObject({
    name: 'DriverAdapterError',
    cause: { kind, originalCode: sqlstate, originalMessage: expect.any(String) as unknown, ...payload },
    // What node-postgres threw.
    originalError: { code: sqlstate, severity: expect.any(String) as unknown },
  })
  expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain(SECRET)
}

describe.each(FAILURES)('$what ($is.0)', (failure) => {
  const { is, text, generated, raw } = failure
  const [sqlstate, , code] = is

  if (generated !== undefined) {
    test(`is ${code} of a generated query`, async () => {
      const error = await knownErrorOf(generated({ world, prisma, hasty }))
      expect(error.code).toBe(code)
      expect(error.message).toContain(text)
      expectFailure(error, failure)
    })
  }

  if (raw !== undefined) {
    test('is P2010 of a raw query', async () => {
      const error = await knownErrorOf(raw({ world, prisma, hasty }))
      expect(error.code).toBe('P2010')
      expect(error.message).toContain(`Code: \`${sqlstate}\``)
      expectFailure(error, failure)
    })
  }
})

describe('a transaction that is over', () => {
  const slow = [
    ['generated', (tx: Tx) => running(tx, 'SELECT pg_sleep(30)')],
    ['raw', (tx: Tx) => tx.$queryRaw`SELECT 1 AS one FROM pg_sleep(30)`],
  ] as const

  test.each(slow)('P2028, when its timeout ended its %s query', async (_, work) => {
    const error = await knownErrorOf(prisma.$transaction(work, { timeout: 100 }))
    expect(error.code).toBe('P2028')
    expect(error.message).toContain('Transaction already closed')
  })

  test('P2028, when it was ended by hand', async () => {
    const error = await knownErrorOf(
      prisma.$transaction(async (tx) => {
        await tx.$executeRaw`ROLLBACK`
        await tx.user.count()
      }),
    )
    expect(error.code).toBe('P2028')
    expect(error.message).toContain('ended by hand, by the statement ROLLBACK')
  })

  test('P2028, when Prisma itself knows that it is', async () => {
    let late: Tx | undefined
    await prisma.$transaction((tx) => {
      late = tx
      return Promise.resolve()
    })
    expect((await knownErrorOf(late!.user.count())).code).toBe('P2028')
  })
})

test('a row that others refer to: P2003, with a code of its own from PostgreSQL 18 on', async () => {
  const [row] = await world.database.query<{ version: number }>(
    `SELECT current_setting('server_version_num')::int AS version`,
  )
  const [originalCode, kind] =
    row!.version < 180_000 ? ['23503', 'ForeignKeyConstraintViolation'] : ['23001', 'RestrictViolation']
  const data = { title: 'kept', authorId: 1 }
  await prisma.post.create({ data })
  const cause = { kind, originalCode, constraint: { index: 'Post_authorId_fkey' } }
  const error = await knownErrorOf(prisma.user.delete({ where: { id: 1 } }))
  expect(error.code).toBe('P2003')
  expect(error.meta).toMatchObject({ driverAdapterError: { cause } })
  const raw = await knownErrorOf(prisma.$executeRaw`DELETE FROM "User" WHERE "id" = 1`)
  expect(raw).toMatchObject({ code: 'P2010', meta: { driverAdapterError: { cause } } })
})

test('a transaction that took too long for its server: P1017, from PostgreSQL 17 on', async () => {
  const [row] = await world.database.query<{ version: number }>(
    `SELECT current_setting('server_version_num')::int AS version`,
  )
  const limited = prisma.$transaction(async (tx) => {
    await tx.$executeRaw`SET LOCAL transaction_timeout = 100`
    await running(tx, 'SELECT pg_sleep(30)')
  })
  const error = await knownErrorOf(limited)
  if (row!.version < 170_000) expect(error.message).toContain('unrecognized configuration parameter')
  else {
    expect(error.code).toBe('P1017')
    expect(error.meta).toMatchObject({ driverAdapterError: { cause: { originalCode: '25P04' } } })
  }
})
