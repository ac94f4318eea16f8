// The table from SQLSTATE to Prisma's kinds, and how each of its rows is provoked on a real server.
import { expect } from '@jest/globals'
import type { PrismaClient } from '../generated/prisma/client.js'
import { errorOf, meeting, PATIENT, pidOf, sessionEnds, type World } from './support.js'

export type Tx = Pick<
  PrismaClient,
  'user' | 'log' | 'tag' | '$queryRaw' | '$executeRaw' | '$executeRawUnsafe'
>

export interface ErrorStage {
  readonly world: World
  readonly prisma: PrismaClient
  /** Its server waits for nothing for long. */
  readonly hasty: PrismaClient
}

/** What runs on the server, from a query of a model. */
export const running = (tx: Tx, statement: string) => tx.log.create({ data: { text: `run ${statement}` } })

export interface Failure {
  readonly what: string
  /** The server's code, the kind of error it is to Prisma, and Prisma's code for a generated query. */
  readonly is: readonly [sqlstate: string, kind: string, code: string]
  /** What else the adapter tells. */
  readonly payload?: object
  /** In the message of the generated query. */
  readonly text?: string
  readonly generated?: (stage: ErrorStage) => Promise<unknown>
  readonly raw?: (stage: ErrorStage) => Promise<unknown>
}

/** The same statement from a trigger of a model's table, and raw. */
function statement(text: string): Pick<Failure, 'generated' | 'raw'> {
  return {
    generated: ({ prisma }) => running(prisma, text),
    raw: ({ prisma }) => prisma.$executeRawUnsafe(text),
  }
}

/** Two transactions that each want the row of the other; what the one says that has to give way. */
async function deadlock(
  { prisma }: ErrorStage,
  update: (tx: Tx, id: number) => Promise<unknown>,
): Promise<never> {
  const both = meeting(2)
  const lock = (first: number, second: number) =>
    prisma.$transaction(async (tx) => {
      await update(tx, first)
      await both()
      await update(tx, second)
    }, PATIENT)
  const outcomes = await Promise.allSettled([lock(1, 2), lock(2, 1)])
  const victims = outcomes.filter((outcome) => outcome.status === 'rejected')
  expect(victims).toHaveLength(1)
  throw victims[0]!.reason
}

/** A transaction whose row somebody else changed behind its back. */
function conflict({ prisma, world }: ErrorStage, update: (tx: Tx) => Promise<unknown>): Promise<unknown> {
  return prisma.$transaction(
    async (tx) => {
      await tx.user.count()
      await world.database.query('UPDATE "User" SET "balance" = 5')
      await update(tx)
    },
    { isolationLevel: 'RepeatableRead' },
  )
}

async function whileLocked({ world }: ErrorStage, work: () => Promise<unknown>): Promise<unknown> {
  await world.database.query('BEGIN')
  await world.database.query('LOCK TABLE "Tag"')
  try {
    return await work()
  } finally {
    await world.database.query('ROLLBACK')
  }
}

/** A transaction that does nothing for longer than its server allows. */
function idle({ hasty, world }: ErrorStage, work: (tx: Tx) => Promise<unknown>): Promise<unknown> {
  return hasty.$transaction(async (tx) => {
    const pid = await pidOf(tx)
    await sessionEnds(world, pid)
    await work(tx)
  })
}

const german = (code: string, text: string, fields: string) =>
  statement(`DO $do$ BEGIN RAISE EXCEPTION '${text}' USING ERRCODE = '${code}', ${fields}; END $do$`)
const balance = (tx: Tx, id: number) => tx.user.update({ where: { id }, data: { balance: 1 } })
const rawBalance = (tx: Tx, id: number) =>
  tx.$executeRaw`UPDATE "User" SET "balance" = "balance" + 1 WHERE "id" = ${id}`
const ended = 'SELECT pg_terminate_backend(pg_backend_pid())'

export const FAILURES: readonly Failure[] = [
  {
    what: 'a value that must be unique',
    is: ['23505', 'UniqueConstraintViolation', 'P2002'],
    payload: { table: 'User', constraint: { index: 'User_email_key', fields: ['email'] } },
    text: 'fields: (`email`)',
    generated: ({ prisma }) => prisma.user.create({ data: { email: 'a@x' } }),
    raw: ({ prisma }) => prisma.$executeRaw`INSERT INTO "User" ("email") VALUES ('a@x')`,
  },
  {
    what: 'an expression that must be unique',
    is: ['23505', 'UniqueConstraintViolation', 'P2002'],
    payload: { table: 'User', constraint: { index: 'whatever_the_case' } },
    text: 'constraint: `whatever_the_case`',
    generated: ({ prisma }) => prisma.user.create({ data: { email: 'A@x' } }),
    raw: ({ prisma }) => prisma.$executeRaw`INSERT INTO "User" ("email") VALUES ('A@x')`,
  },
  {
    what: 'a value that must be unique, in German',
    is: ['23505', 'UniqueConstraintViolation', 'P2002'],
    payload: { table: 'User', constraint: { index: 'User_email_key', fields: ['email'] } },
    text: 'fields: (`email`)',
    ...german(
      '23505',
      'doppelter Schlüsselwert verletzt Unique-Constraint »User_email_key«',
      `DETAIL = 'Schlüssel »(email)=(a@x)« existiert bereits.', TABLE = 'User', CONSTRAINT = 'User_email_key'`,
    ),
  },
  {
    what: 'a null where there must be none',
    is: ['23502', 'NullConstraintViolation', 'P2011'],
    payload: { constraint: { fields: ['email'] } },
    text: 'fields: (`email`)',
    ...statement('INSERT INTO "User" ("email") VALUES (NULL)'),
  },
  {
    what: 'a null where there must be none, in German',
    is: ['23502', 'NullConstraintViolation', 'P2011'],
    payload: { constraint: { fields: ['email'] } },
    text: 'fields: (`email`)',
    ...german('23502', 'NULL-Wert in Spalte »email« verletzt Not-Null-Constraint', `COLUMN = 'email'`),
  },
  {
    what: 'a reference to nothing',
    is: ['23503', 'ForeignKeyConstraintViolation', 'P2003'],
    payload: { constraint: { index: 'Profile_userId_fkey' } },
    text: 'constraint: `Profile_userId_fkey`',
    generated: ({ prisma }) => prisma.profile.create({ data: { bio: 'b', userId: 9 } }),
    raw: ({ prisma }) => prisma.$executeRaw`INSERT INTO "Profile" ("bio", "userId") VALUES ('b', 9)`,
  },
  {
    what: 'a check',
    is: ['23514', 'postgres', 'P2039'],
    payload: { code: '23514', detail: expect.stringContaining('Failing row contains') as unknown },
    text: 'no_debts',
    generated: ({ prisma }) => prisma.user.update({ where: { id: 1 }, data: { balance: -1 } }),
    raw: ({ prisma }) => prisma.$executeRaw`UPDATE "User" SET "balance" = -1`,
  },
  {
    what: 'an exclusion',
    is: ['23P01', 'postgres', 'P2039'],
    payload: { code: '23P01', detail: 'Key (name)=(a) conflicts with existing key (name)=(a).' },
    text: 'one_of_each_name',
    generated: ({ prisma }) => prisma.user.update({ where: { id: 2 }, data: { name: 'a' } }),
    raw: ({ prisma }) => prisma.$executeRaw`UPDATE "User" SET "name" = 'a' WHERE "id" = 2`,
  },
  {
    what: 'a text too long',
    is: ['22001', 'LengthMismatch', 'P2000'],
    text: 'too long',
    ...statement(`INSERT INTO "Scalars" ("varchar") VALUES (repeat('x', 21))`),
  },
  {
    what: 'a number out of range',
    is: ['22003', 'ValueOutOfRange', 'P2020'],
    text: 'smallint out of range',
    ...statement('SELECT 70000::int2'),
  },
  {
    what: 'a text that is no uuid',
    is: ['22P02', 'InvalidInputValue', 'P2007'],
    text: 'invalid input syntax for type uuid',
    ...statement(`SELECT 'none'::uuid`),
  },
  {
    what: 'a table that is not there',
    is: ['42P01', 'TableDoesNotExist', 'P2021'],
    payload: { table: 'no where' },
    text: '`no where`',
    ...statement('SELECT * FROM "no where"'),
  },
  {
    what: 'a column that is not there',
    is: ['42703', 'ColumnNotFound', 'P2022'],
    payload: { column: 'nothing' },
    text: '`nothing`',
    ...statement('INSERT INTO "User" ("nothing") VALUES (1)'),
  },
  {
    what: 'a database that is there already',
    is: ['42P04', 'DatabaseAlreadyExists', 'P1009'],
    payload: { db: 'template1' },
    // Not in a function.
    raw: ({ prisma }) => prisma.$executeRawUnsafe('CREATE DATABASE template1'),
  },
  {
    what: 'no right to the table',
    is: ['42501', 'postgres', 'P2039'],
    text: 'permission denied for table Tag',
    generated: ({ prisma }) => prisma.tag.create({ data: { name: 'x' } }),
    raw: ({ prisma }) => prisma.$executeRaw`INSERT INTO "Tag" ("name") VALUES ('x')`,
  },
  {
    what: 'a deadlock',
    is: ['40P01', 'TransactionWriteConflict', 'P2034'],
    text: 'deadlock',
    generated: (stage) => deadlock(stage, balance),
    raw: (stage) => deadlock(stage, rawBalance),
  },
  {
    what: 'a serialization failure',
    is: ['40001', 'TransactionWriteConflict', 'P2034'],
    text: 'write conflict',
    generated: (stage) => conflict(stage, (tx) => balance(tx, 1)),
    raw: (stage) => conflict(stage, (tx) => rawBalance(tx, 1)),
  },
  {
    what: 'a lock timeout',
    is: ['55P03', 'postgres', 'P2039'],
    payload: { code: '55P03', severity: 'ERROR', message: 'canceling statement due to lock timeout' },
    text: '55P03',
    generated: (stage) => whileLocked(stage, () => stage.hasty.tag.count()),
    raw: (stage) => whileLocked(stage, () => stage.hasty.$queryRaw`SELECT * FROM "Tag"`),
  },
  {
    what: 'a statement timeout',
    is: ['57014', 'postgres', 'P2039'],
    payload: { code: '57014', message: 'canceling statement due to statement timeout' },
    text: '57014',
    generated: ({ hasty }) => running(hasty, 'SELECT pg_sleep(30)'),
    raw: ({ hasty }) => hasty.$queryRaw`SELECT 1 AS one FROM pg_sleep(30)`,
  },
  {
    what: 'a statement behind one that failed',
    is: ['25P02', 'postgres', 'P2039'],
    text: 'division by zero',
    generated: ({ prisma }) =>
      prisma.$transaction(async (tx) => {
        await errorOf(tx.$queryRaw`SELECT 1/0`)
        await tx.user.count()
      }),
    raw: ({ prisma }) =>
      prisma.$transaction(async (tx) => {
        await errorOf(tx.$queryRaw`SELECT 1/0`)
        await tx.$queryRaw`SELECT 1`
      }),
  },
  {
    what: 'a write where only reads are allowed',
    is: ['25006', 'postgres', 'P2039'],
    text: 'read-only transaction',
    generated: ({ prisma }) =>
      prisma.$transaction(async (tx) => {
        await tx.$executeRaw`SET TRANSACTION READ ONLY`
        await balance(tx, 1)
      }),
    raw: ({ prisma }) =>
      prisma.$transaction(async (tx) => {
        await tx.$executeRaw`SET TRANSACTION READ ONLY`
        await rawBalance(tx, 1)
      }),
  },
  {
    what: 'an exception of a function',
    is: ['P0042', 'postgres', 'P2039'],
    payload: { code: 'P0042', message: 'no', detail: 'because', hint: 'do not' },
    text: 'Code: `P0042`. Message: `no`',
    ...statement(
      `DO $do$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'P0042', DETAIL = 'because', HINT = 'do not'; END $do$`,
    ),
  },
  {
    what: 'a session that is terminated',
    is: ['57P01', 'ConnectionClosed', 'P1017'],
    text: 'Server has closed the connection',
    generated: ({ prisma }) => prisma.$transaction((tx) => running(tx, ended)),
    raw: ({ prisma }) => prisma.$transaction((tx) => tx.$executeRawUnsafe(ended)),
  },
  {
    what: 'a transaction that was idle for too long',
    is: ['25P03', 'ConnectionClosed', 'P1017'],
    text: 'Server has closed the connection',
    generated: (stage) => idle(stage, (tx) => tx.user.count()),
    raw: (stage) => idle(stage, (tx) => tx.$queryRaw`SELECT 1`),
  },
]
