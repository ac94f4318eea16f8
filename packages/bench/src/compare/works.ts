/** What is measured: each work is one thing that services ask of Prisma. Adding one is adding an entry here. */
import type { SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import { PrismaClient } from '../generated/prisma/client.js'
import { startLedger } from './ledger-work.js'
import { oneAtATime } from './turnstile.js'

/** A work that has a client of its own and can be called, by many callers at a time. */
export interface StartedWork {
  /** `index` counts the calls, so that callers who are at it at the same time meet other rows. */
  call(index: number): Promise<unknown>
  stop(): Promise<void>
}

/** Gives a text that nobody has had before. */
export type Unique = () => string

export interface Work {
  readonly name: string
  readonly title: string
  start(adapter: SqlDriverAdapterFactory, unique: Unique): Promise<StartedWork>
}

type Call = (prisma: PrismaClient, index: number, unique: Unique) => Promise<unknown>

/** Nobody's waiting for a connection ends by a limit of Prisma's, and nobody's transaction. */
const PATIENT = { maxWait: 60_000, timeout: 60_000 }

function work(name: string, title: string, call: Call): Work {
  return {
    name,
    title,
    start(adapter, unique) {
      const prisma = new PrismaClient({ adapter, transactionOptions: PATIENT })
      return Promise.resolve({
        call: (index) => call(prisma, index, unique),
        stop: () => prisma.$disconnect(),
      })
    },
  }
}

const ITEMS = 10_000
const AUTHORS = 1_000

const item = (index: number): number => 1 + (index % ITEMS)

/** The first of so many rows, all of which there are. */
const page = (index: number, rows: number): number => 1 + ((index * rows) % (ITEMS - rows))

function findMany(rows: number, columns: 4 | 20): Work {
  return work(
    `findMany${rows}x${columns}`,
    `findMany, ${rows} rows × ${columns} columns`,
    (prisma, index) => {
      const query = { where: { id: { gte: page(index, rows) } }, orderBy: { id: 'asc' }, take: rows } as const
      return columns === 4 ? prisma.item.findMany(query) : prisma.document.findMany(query)
    },
  )
}

/** A transaction that reads and changes as many rows as it has pairs of statements. */
function transaction(statements: 2 | 6, isolationLevel?: 'RepeatableRead'): Work {
  const name = `tx${statements}${isolationLevel ?? ''}`
  const title = `interactive transaction, ${statements} statements${isolationLevel === undefined ? '' : `, ${isolationLevel}`}`
  return work(name, title, (prisma, index) =>
    prisma.$transaction(
      async (tx) => {
        for (let pair = 0; pair < statements / 2; pair++) {
          // Rows that no other transaction of the same moment has.
          const where = { id: item(index * 3 + pair) }
          await tx.item.findFirst({ where })
          await tx.item.update({ where, data: { amount: { increment: 1 } } })
        }
      },
      { ...(isolationLevel === undefined ? {} : { isolationLevel }) },
    ),
  )
}

const findUnique = work('findUnique', 'findUnique', (prisma, index) =>
  prisma.item.findUnique({ where: { id: item(index) } }),
)

export const WORKS: readonly Work[] = [
  // Prisma makes one query of all calls of one tick, unless there is but one of them.
  { ...findUnique, start: async (...to) => oneAtATime(await findUnique.start(...to)) },
  work('findFirst', 'findFirst', (prisma, index) => prisma.item.findFirst({ where: { id: item(index) } })),
  findMany(50, 4),
  findMany(50, 20),
  findMany(1_000, 4),
  findMany(1_000, 20),
  work('create', 'create', (prisma) => prisma.note.create({ data: { title: 'a note', body: 'its text' } })),
  work('update', 'update', (prisma, index) =>
    prisma.item.update({ where: { id: item(index) }, data: { amount: { increment: 1 } } }),
  ),
  work('createMany100', 'createMany, 100 rows', (prisma, index) =>
    prisma.note.createMany({
      data: Array.from({ length: 100 }, (_, row) => ({ title: `note ${index}`, body: `row ${row}` })),
    }),
  ),
  work('nestedCreate', 'create with 2 nested creates', (prisma) =>
    prisma.author.create({
      data: { name: 'an author', posts: { create: [{ title: 'one' }, { title: 'two' }] } },
    }),
  ),
  work('include', 'include over two levels', (prisma, index) =>
    prisma.author.findFirst({
      where: { id: 1 + (index % AUTHORS) },
      include: { posts: { include: { comments: true } } },
    }),
  ),
  transaction(2),
  transaction(6),
  transaction(2, 'RepeatableRead'),
  transaction(6, 'RepeatableRead'),
  work('batch', 'batch transaction, 3 statements', (prisma, index) => {
    const where = { id: item(index) }
    return prisma.$transaction([
      prisma.item.findFirst({ where }),
      prisma.item.update({ where, data: { amount: { increment: 1 } } }),
      prisma.item.findFirst({ where }),
    ])
  }),
  work(
    'queryRaw',
    '$queryRaw',
    (prisma, index) => prisma.$queryRaw`SELECT id, name, amount, active FROM item WHERE id = ${item(index)}`,
  ),
  work('uniqueViolations', 'create, 10 % unique violations', async (prisma, index, unique) => {
    const isTaken = index % 10 === 0
    const email = isTaken ? 'taken@example.org' : unique()
    try {
      await prisma.member.create({ data: { email } })
    } catch (error) {
      if (!isTaken || (error as { code?: unknown }).code !== 'P2002') throw error
    }
  }),
  { name: 'ledger', title: 'transfer of the example ledger', start: startLedger },
]
