// Where we answer otherwise than @prisma/adapter-pg, and what each of us says: the list that
// docs/differences-from-adapter-pg.md explains, under the same names.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from '@jest/globals'
import { RealPoolAdapter } from 'prisma-pg-real-pool'
import { Prisma, PrismaClient } from '../generated/prisma/client.js'
import { errorOf } from '../prisma/support.js'
import { firstPackets, urlByFirstPackets } from './first-packets.js'
import { adapters, type Adapters, type Both, PrismaPg, type Scene } from './stage.js'

export interface Difference extends Both<unknown> {
  /** Its heading on the page. */
  readonly name: string
  /** Where there are several under one heading. */
  readonly detail?: string
  readonly run: (scene: Scene) => Promise<unknown>
  readonly adapters?: Adapters
}

const rejected = (parts: object): unknown => ({ rejected: expect.objectContaining(parts) as unknown })
const ofAdapter = (cause: object): unknown =>
  expect.objectContaining({ driverAdapterError: expect.objectContaining(cause) as unknown })

const taken = (prisma: Pick<PrismaClient, 'user'>) => prisma.user.create({ data: { email: 'ada@x' } })
const fails = (prisma: Pick<PrismaClient, '$queryRaw'>) => errorOf(prisma.$queryRaw`SELECT 1/0`)

/** A value of a type that adapter-pg gives up on, as text. */
function unread(sqlText: string, text: unknown): Difference {
  return {
    name: 'Types that Prisma has none for',
    detail: sqlText,
    run: async ({ prisma }) => {
      const [row] = await prisma.$queryRaw<{ value: unknown }[]>(Prisma.raw(`SELECT ${sqlText} AS value`))
      return row?.value
    },
    theirs: rejected({ code: 'P2010', meta: ofAdapter({ kind: 'UnsupportedNativeDataType' }) }),
    ours: text,
  }
}

/** A value of a raw query, where each side reads one. */
function read(name: string, sqlText: string, theirs: unknown, ours: unknown): Difference {
  return {
    name,
    detail: sqlText,
    run: async ({ prisma }) => {
      const [row] = await prisma.$queryRaw<{ value: Date }[]>(Prisma.raw(`SELECT ${sqlText} AS value`))
      return Number(row?.value)
    },
    theirs,
    ours,
  }
}

/** With parameters in the URL. */
const withQuery =
  (query: string): Adapters =>
  (database) => {
    const url = new URL(database.url)
    for (const [name, value] of new URLSearchParams(query)) url.searchParams.set(name, value)
    return adapters(1, { url: url.href })(database)
  }

export const DIFFERENCES: readonly Difference[] = [
  {
    name: 'Instants in a time zone',
    async run({ prisma }) {
      await prisma.$executeRaw`SELECT 1`
      const { id } = await prisma.scalars.create({ data: { timestamptz: new Date('2024-01-15T12:00:00Z') } })
      return prisma.$queryRaw`SELECT extract(epoch FROM "timestamptz")::int AS at FROM "Scalars" WHERE "id" = ${id}`
    },
    theirs: [{ at: Date.parse('2024-01-15T17:00:00Z') / 1_000 }],
    ours: [{ at: Date.parse('2024-01-15T12:00:00Z') / 1_000 }],
  },
  unread(`'1 day 02:00'::interval`, '1 day 02:00:00'),
  unread(`point(1, 2)`, '(1,2)'),
  unread(`int4range(1, 5)`, '[1,5)'),
  unread(`'a b'::tsvector`, `'a' 'b'`),
  unread(`'"User"'::regclass`, '"User"'),
  unread(`ROW(1, 'a')`, '(1,a)'),
  unread(`'x'::"char"`, 'x'),
  unread(`pg_advisory_xact_lock(1)`, null),
  read('Times with a time zone', `'01:00:00+02'::timetz`, 3_600_000, 23 * 3_600_000),
  read('Infinity, BC and far years', `'infinity'::timestamptz`, NaN, 8.64e15),
  read('Infinity, BC and far years', `'-infinity'::date`, NaN, -8.64e15),
  read(
    'Infinity, BC and far years',
    `'0044-03-15 BC'::timestamp`,
    NaN,
    Date.parse('-000043-03-15T00:00:00Z'),
  ),
  read('Infinity, BC and far years', `'12345-01-01'::timestamp`, NaN, Date.parse('+012345-01-01T00:00:00Z')),
  {
    name: 'Lists of lists',
    run: ({ prisma }) => prisma.$queryRaw`SELECT '{{1,2},{3,4}}'::int[] AS value`,
    theirs: rejected({}),
    ours: [
      {
        value: [
          [1, 2],
          [3, 4],
        ],
      },
    ],
  },
  {
    name: 'What PostgreSQL cannot be given',
    detail: 'U+0000',
    run: ({ prisma }) => prisma.log.create({ data: { text: 'a\0b' } }),
    theirs: rejected({ code: 'P2039', meta: ofAdapter({ kind: 'postgres', originalCode: '22021' }) }),
    ours: rejected({ code: 'P2007', meta: ofAdapter({ kind: 'InvalidInputValue', originalCode: '22021' }) }),
  },
  {
    name: 'What PostgreSQL cannot be given',
    detail: 'more than 65535 parameters',
    run: ({ prisma }) =>
      prisma.$executeRawUnsafe(
        `SELECT ${Array.from({ length: 65_536 }, (_, index) => `$${index + 1}::int`).join(' + ')}`,
        ...new Array<number>(65_536).fill(1),
      ),
    theirs: rejected({ code: 'P2010', meta: ofAdapter({ kind: 'postgres' }) }),
    ours: rejected({ code: 'P2010', meta: ofAdapter({ kind: 'InvalidInputValue', originalCode: '54000' }) }),
  },
  {
    name: 'Lists of times with a time zone',
    run: ({ prisma }) => prisma.lists.findMany({ where: { id: 2 }, select: { timetz: true } }),
    theirs: rejected({ code: 'P2010' }),
    ours: [{ timetz: [] }],
  },
  {
    name: 'Amounts of money',
    run: async ({ prisma }) => {
      const [row] = await prisma.$queryRaw<{ owed: unknown }[]>`SELECT '-1234.5'::numeric::money AS owed`
      return String(row?.owed)
    },
    theirs: rejected({ name: 'Error', message: expect.stringContaining('DecimalError') as unknown }),
    ours: '-1234.5',
  },
  {
    name: 'Values that must be unique',
    run: ({ prisma }) => taken(prisma),
    theirs: rejected({
      code: 'P2002',
      message: expect.stringContaining('on the constraint: `User_email_key`') as unknown,
      meta: ofAdapter({ constraint: { index: 'User_email_key' } }),
    }),
    ours: rejected({
      code: 'P2002',
      message: expect.stringContaining('on the fields: (`email`)') as unknown,
      meta: ofAdapter({ constraint: { index: 'User_email_key', fields: ['email'] } }),
    }),
  },
  {
    name: 'Values that must not be null',
    async run({ prisma, database }) {
      await database.query(`ALTER TABLE "Log" ADD COLUMN "why" text NOT NULL DEFAULT ''`)
      await database.query(`ALTER TABLE "Log" ALTER COLUMN "why" DROP DEFAULT`)
      const error = await errorOf(prisma.log.create({ data: { text: 'x' } }))
      await database.query(`ALTER TABLE "Log" DROP COLUMN "why"`)
      return error
    },
    theirs: expect.objectContaining({
      code: 'P2011',
      message: expect.stringContaining('(not available)') as unknown,
    }),
    ours: expect.objectContaining({
      code: 'P2011',
      message: expect.stringContaining('fields: (`why`)') as unknown,
    }),
  },
  {
    name: 'Names in errors',
    detail: 'of a column',
    run: ({ prisma }) => prisma.$executeRaw`INSERT INTO "User" ("nothing") VALUES (1)`,
    theirs: rejected({ meta: ofAdapter({ column: 'nothing of relation User' }) }),
    ours: rejected({ meta: ofAdapter({ column: 'nothing' }) }),
  },
  {
    name: 'Names in errors',
    detail: 'of a table',
    run: ({ prisma }) => prisma.$queryRaw`SELECT * FROM "no where"`,
    theirs: rejected({ meta: ofAdapter({ table: 'no' }) }),
    ours: rejected({ meta: ofAdapter({ table: 'no where' }) }),
  },
  {
    name: 'The connection of a failed query',
    async run({ prisma }) {
      const pids = new Set<number>()
      for (let round = 0; round < 6; round++) {
        const [row] = await prisma.$queryRaw<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`
        pids.add(row!.pid)
        await errorOf(taken(prisma))
      }
      return pids.size
    },
    adapters: adapters(1),
    theirs: 6,
    ours: 1,
  },
  {
    name: 'An error that is caught in a transaction',
    async run({ prisma }) {
      const outcome = await prisma
        .$transaction(async (tx) => {
          await tx.log.create({ data: { text: 'x' } })
          await fails(tx)
        })
        .catch((error: Error) => error)
      return [outcome, await prisma.log.count()]
    },
    theirs: [undefined, 0],
    ours: [
      expect.objectContaining({
        code: 'P2039',
        message: expect.stringContaining('the transaction was rolled back, not committed') as unknown,
      }),
      0,
    ],
  },
  {
    name: 'A statement behind one that failed',
    run: ({ prisma }) =>
      prisma.$transaction(async (tx) => {
        await fails(tx)
        await tx.user.count()
      }),
    theirs: rejected({ code: 'P2039', message: expect.not.stringContaining('division by zero') as unknown }),
    ours: rejected({ code: 'P2039', message: expect.stringContaining('division by zero') as unknown }),
  },
  {
    name: 'An error of COMMIT',
    run: ({ prisma }) => prisma.$transaction((tx) => tx.deferred.create({ data: { id: 1, userId: 99 } })),
    theirs: rejected({ name: 'DriverAdapterError', code: undefined }),
    ours: rejected({ name: 'DriverAdapterError', code: 'P2003' }),
  },
  {
    name: 'A transaction that is ended by hand',
    async run({ prisma }) {
      const error = await prisma
        .$transaction(async (tx) => {
          await tx.$executeRaw`ROLLBACK`
          await tx.log.create({ data: { text: 'x' } })
        })
        .catch((error: Error) => error)
      return [error, await prisma.log.count()]
    },
    theirs: [undefined, 1],
    ours: [expect.objectContaining({ code: 'P2028' }), 0],
  },
  {
    name: 'A transaction that is begun by hand',
    run: ({ prisma }) => prisma.$executeRaw`BEGIN`,
    theirs: 0,
    ours: rejected({ code: 'P2010', meta: ofAdapter({ code: '25000' }) }),
  },
  {
    name: 'The log of a transaction',
    async run({ connect }) {
      const adapter = { provider: 'postgres', adapterName: 'logged', connect } as const
      const prisma = new PrismaClient({ adapter, log: [{ emit: 'event', level: 'query' }] })
      const texts: string[] = []
      prisma.$on('query', ({ query }) => texts.push(query))
      await prisma.$transaction((tx) => tx.$queryRaw`SELECT 1`)
      await prisma.$transaction((tx) => tx.$queryRaw`SELECT 1/0`).catch(() => {})
      await prisma.$disconnect()
      return texts
    },
    theirs: ['SELECT 1', 'COMMIT', 'ROLLBACK'],
    ours: [
      'SELECT 1',
      '-- Implicit "COMMIT" query via underlying driver',
      '-- Implicit "ROLLBACK" query via underlying driver',
    ],
  },
  {
    name: 'Two statements in one call',
    async run({ prisma }) {
      const error = await prisma
        .$executeRawUnsafe(`INSERT INTO "Log" ("text") VALUES ('x'); DELETE FROM "Tag" WHERE "name" = 'blue'`)
        .catch((error: Error) => error)
      return [error, await prisma.tag.count()]
    },
    theirs: [0, 2],
    ours: [expect.objectContaining({ code: 'P2010', meta: ofAdapter({ originalCode: '42601' }) }), 3],
  },
  {
    name: 'Two statements in one call',
    detail: "with rawScripts: 'allow'",
    adapters: (database) => ({
      ...adapters(4)(database),
      ours: new RealPoolAdapter({ connectionString: database.url, rawScripts: 'allow' }),
    }),
    async run({ prisma }) {
      const error = await prisma
        .$queryRawUnsafe(`DELETE FROM "Tag" WHERE "name" = 'blue'; SELECT 2 AS two`)
        .catch((error: Error) => error.name)
      return [error, await prisma.tag.count()]
    },
    theirs: ['TypeError', 2],
    ours: [[{ two: 2 }], 2],
  },
  {
    name: 'Scripts',
    async run({ connect, database }) {
      const adapter = await connect()
      const error = await adapter
        .executeScript(`DO $$ BEGIN PERFORM 1; PERFORM 2; END $$; CREATE TABLE scripted ()`)
        .then(() => 'done')
        .catch((error: Error) => error.name)
      await adapter.dispose()
      const tables = await database.query(`SELECT FROM pg_tables WHERE tablename = 'scripted'`)
      await database.query('DROP TABLE IF EXISTS scripted')
      return [error, tables.length]
    },
    theirs: ['DriverAdapterError', 0],
    ours: ['done', 1],
  },
  {
    name: 'The timeout of a transaction',
    async run({ prisma, database }) {
      await database.query('SELECT pg_advisory_lock(7)')
      const transaction = prisma
        .$transaction((tx) => tx.$executeRaw`SELECT pg_advisory_xact_lock(7)`, { timeout: 100 })
        .then(() => 'done')
        .catch((error: { code: string }) => error.code)
      const outcome = await Promise.race([transaction, sleep(3_000, 'goes on waiting', { ref: false })])
      await database.query('SELECT pg_advisory_unlock(7)')
      await transaction
      return outcome
    },
    theirs: 'goes on waiting',
    ours: 'P2028',
  },
  {
    name: 'No connection in time',
    async run({ prisma }) {
      await prisma.user.count()
      await prisma.$transaction(() => prisma.user.count().then())
    },
    adapters: adapters(1, { timeoutMs: 1_000 }),
    theirs: rejected({ name: 'Error', code: undefined }),
    ours: rejected({
      name: 'PrismaClientKnownRequestError',
      code: 'P2037',
      message: expect.stringMatching(/1 of at most 1 in use/) as unknown,
    }),
  },
  {
    name: 'A session that the server ends',
    run: ({ prisma }) =>
      prisma.$transaction((tx) => tx.$queryRaw`SELECT pg_terminate_backend(pg_backend_pid())`),
    theirs: rejected({ meta: ofAdapter({ kind: 'postgres', originalCode: '57P01' }) }),
    ours: rejected({ meta: ofAdapter({ kind: 'ConnectionClosed', originalCode: '57P01' }) }),
  },
  {
    name: 'No right to connect',
    async run({ prisma, database }) {
      await database.query(`REVOKE CONNECT ON DATABASE ${database.name} FROM PUBLIC`)
      await database.query(`CREATE ROLE ${database.name} LOGIN PASSWORD 'p'`)
      const error = await errorOf(prisma.user.count())
      await database.query(`DROP ROLE ${database.name}`)
      return error
    },
    adapters: (database) => {
      const url = new URL(database.url)
      url.username = database.name
      url.password = 'p'
      return adapters(1, { url: url.href })(database)
    },
    theirs: expect.objectContaining({ code: 'P2039' }),
    ours: expect.objectContaining({ code: 'P1010' }),
  },
  {
    name: 'Encryption',
    detail: 'sslmode=prefer, where there is no TLS',
    run: ({ prisma }) => prisma.user.count(),
    adapters: withQuery('sslmode=prefer'),
    theirs: rejected({ code: 'P1011' }),
    ours: 3,
  },
  {
    name: 'Encryption',
    detail: 'without a word of it',
    async run({ prisma }) {
      await prisma.user.count()
      return firstPackets.at(-1)
    },
    adapters: (database) => adapters(1, { url: urlByFirstPackets(database.url) })(database),
    theirs: 'startup',
    ours: 'request for TLS',
  },
  {
    name: 'Fields beside a URL',
    run: ({ prisma }) => prisma.$queryRaw`SELECT current_setting('application_name') AS name`,
    adapters: (database) => {
      const options = {
        connectionString: `${database.url}?application_name=url`,
        application_name: 'field',
      }
      return { theirs: new PrismaPg(options), ours: new RealPoolAdapter(options) }
    },
    theirs: [{ name: 'url' }],
    ours: [{ name: 'field' }],
  },
  {
    name: 'Parameters of a Prisma 6 URL',
    detail: 'schema',
    run: ({ prisma }) => prisma.$queryRaw`SELECT current_setting('search_path') AS path`,
    adapters: withQuery('schema=sales'),
    theirs: [{ path: '"$user", public' }],
    ours: [{ path: '"sales"' }],
  },
]
