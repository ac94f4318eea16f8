// The calls that the load is made of: reads and transfers, by Prisma and by the pool alone; statements that
// fail; waits that are aborted or run out; transactions and sessions that their borrowers leave behind.
import type { Client } from 'pg'
import type { Lease } from 'prisma-pg-real-pool'
import { Prisma } from '../generated/prisma/client.js'
import { type Journal, type Outcome, textOf, type Transfer } from './journal.js'
import type { Random } from './random.js'
import { ACCOUNTS, type Stage, TAKEN, TOTAL } from './stage.js'

/** What must never be; the run fails by it. */
export class Violation extends Error {}

export type Call = (stage: Stage, journal: Journal, random: Random) => Promise<unknown>

const transfers: Record<string, (stage: Stage, transfer: Transfer, progress: Progress) => Promise<unknown>> =
  {
    'prisma: transfer in a transaction': ({ prisma }, transfer, progress) =>
      prisma.$transaction(async (tx) => {
        for (const [id, change] of changesOf(transfer)) {
          await tx.user.update({ where: { id }, data: { balance: { increment: change } } })
        }
        await tx.log.create({ data: { text: textOf(transfer) } })
        progress.mayHaveCommitted = true
      }),

    'prisma: transfer in a batch': ({ prisma }, transfer, progress) => {
      progress.mayHaveCommitted = true
      return prisma.$transaction([
        ...changesOf(transfer).map(([id, change]) =>
          prisma.user.update({ where: { id }, data: { balance: { increment: change } } }),
        ),
        prisma.log.create({ data: { text: textOf(transfer) } }),
      ])
    },

    'prisma: transfer in one statement': ({ prisma }, transfer, progress) => {
      const { source, target, amount } = transfer
      progress.mayHaveCommitted = true
      return prisma.$executeRaw`
      WITH moved AS (
        UPDATE "User" SET "balance" = "balance" + CASE "id" WHEN ${source}::int THEN ${-amount}::int ELSE ${amount}::int END
         WHERE "id" IN (SELECT "id" FROM "User" WHERE "id" IN (${source}::int, ${target}::int) ORDER BY 1 FOR UPDATE)
        RETURNING 1)
      INSERT INTO "Log" ("text") SELECT ${textOf(transfer)} FROM moved LIMIT 1`
    },

    'pool: transfer in a transaction': ({ pools }, transfer, progress) =>
      pools.bare.use(async (client) => {
        await client.query('BEGIN')
        try {
          for (const [id, change] of changesOf(transfer)) {
            await client.query('UPDATE "User" SET "balance" = "balance" + $2 WHERE "id" = $1', [id, change])
          }
          await client.query('INSERT INTO "Log" ("text") VALUES ($1)', [textOf(transfer)])
        } catch (error) {
          // As a careful program does; where the connection is lost, this fails, too.
          await client.query('ROLLBACK').catch(() => {})
          throw error
        }
        progress.mayHaveCommitted = true
        await client.query('COMMIT')
      }),
  }

/** How far a transfer has come. */
interface Progress {
  mayHaveCommitted: boolean
}

/** In one order for all, so that no two of them wait for each other. */
function changesOf({ source, target, amount }: Transfer): [id: number, change: number][] {
  const changes: [number, number][] = [
    [source, -amount],
    [target, amount],
  ]
  return changes.sort(([a], [b]) => a - b)
}

function transferBy(name: string): Call {
  return async (stage, journal, random) => {
    const source = random.between(1, ACCOUNTS)
    const target = ((source + random.between(0, ACCOUNTS - 2)) % ACCOUNTS) + 1
    const transfer = { id: journal.begin(), source, target, amount: random.between(1, 9) }
    const progress: Progress = { mayHaveCommitted: false }
    try {
      await transfers[name]!(stage, transfer, progress)
      journal.end(transfer.id, 'acknowledged')
    } catch (error) {
      journal.end(transfer.id, outcomeOf(error, progress))
      throw error
    }
  }
}

/** Pool and server refuse before anything is sent; and some errors say that nothing was saved. */
function outcomeOf(error: unknown, { mayHaveCommitted }: Progress): Outcome {
  const { code = '', message = '' } = error as { code?: string; message?: string }
  const isRefused =
    !mayHaveCommitted ||
    /^(P1000|P1001|P2037|POOL_.*)$/.test(code) ||
    /nothing (of it )?was saved/.test(message)
  return isRefused ? 'refused' : 'unknown'
}

/** The session is as a new one, and the sums are right whatever happens to others at the moment. */
async function lookAround(client: Client): Promise<void> {
  const { rows } = await client.query<{ total: number; mark: string | null }>(
    `SELECT sum("balance")::int AS total, current_setting('soak.mark', true) AS mark FROM "User"`,
  )
  if (rows[0]?.total !== TOTAL) throw new Violation(`the pool read a total of ${rows[0]?.total ?? 'nothing'}`)
  if (rows[0].mark) throw new Violation(`a session still had the mark of another borrower: ${rows[0].mark}`)
}

/** Of this failure all is well; of any other, the load is to judge. */
async function expectFailure(expected: string | RegExp, promise: Promise<unknown>): Promise<void> {
  try {
    await promise
  } catch (error) {
    const { code, message = '' } = error as { code?: unknown; message?: string }
    if (expected instanceof RegExp ? !expected.test(message) : code !== expected) throw error
    return
  }
  throw new Violation(`a call that must fail with ${String(expected)} did not`)
}

/** Borrows, and gives back what the work leaves behind. */
async function borrow({ pools }: Stage, work: (lease: Lease) => Promise<unknown>): Promise<void> {
  const lease = await pools.bare.acquire()
  try {
    await work(lease)
  } finally {
    await lease.release()
  }
}

export const CALLS: readonly (readonly [weight: number, name: string, call: Call])[] = [
  [
    20,
    'prisma: read',
    async ({ prisma }) => {
      const { _sum } = await prisma.user.aggregate({ _sum: { balance: true } })
      if (_sum.balance !== TOTAL) throw new Violation(`Prisma read a total of ${_sum.balance ?? 'nothing'}`)
    },
  ],
  ...Object.keys(transfers).map((name) => [8, name, transferBy(name)] as const),
  [20, 'pool: read', ({ pools }) => pools.bare.use(lookAround)],
  [
    2,
    'prisma: unique violation',
    ({ prisma }) => expectFailure('P2002', prisma.user.create({ data: { email: TAKEN } })),
  ],
  [
    1,
    'prisma: division by zero',
    ({ prisma }) => expectFailure('P2010', prisma.$queryRaw`SELECT 1 / 0 AS n`),
  ],
  [
    1,
    'pool: syntax error',
    (stage) => borrow(stage, ({ client }) => expectFailure('42601', client.query('SELEC'))),
  ],
  [
    2,
    'prisma: transaction that times out',
    ({ prisma }, _, random) =>
      expectFailure(
        /Transaction already closed/,
        prisma.$transaction(
          async (tx) => {
            await tx.user.update({ where: { id: random.between(1, ACCOUNTS) }, data: { balance: 0 } })
            await tx.$queryRaw`SELECT 1 AS n FROM pg_sleep(5)`
          },
          { timeout: 100 },
        ),
      ),
  ],
  [
    2,
    'prisma: failure caught in a transaction',
    ({ prisma }, _, random) =>
      expectFailure(
        /nothing of it was saved/,
        prisma.$transaction(async (tx) => {
          await tx.user.update({ where: { id: random.between(1, ACCOUNTS) }, data: { balance: 0 } })
          await tx.user.create({ data: { email: TAKEN } }).catch(() => {})
        }),
      ),
  ],
  [
    2,
    'prisma: transaction that throws',
    async ({ prisma }, _, random) => {
      const mine = new Error('mine')
      await prisma
        .$transaction(async (tx) => {
          await tx.user.update({ where: { id: random.between(1, ACCOUNTS) }, data: { balance: 0 } })
          throw mine
        })
        .catch((error: unknown) => {
          if (error !== mine) throw error
        })
    },
  ],
  [
    2,
    'pool: transaction left open',
    (stage, _, random) =>
      borrow(stage, async ({ client }) => {
        await client.query(
          `BEGIN; UPDATE "User" SET "balance" = 0 WHERE "id" = ${random.between(1, ACCOUNTS)}`,
        )
      }),
  ],
  [
    1,
    'pool: statement left running',
    (stage) =>
      borrow(stage, ({ client }) => {
        client.query('SELECT pg_sleep(5)').catch(() => {})
        return Promise.resolve()
      }),
  ],
  [
    2,
    'pool: session changed',
    (stage) => borrow(stage, ({ client }) => client.query(`SET soak.mark = 'left'`)),
  ],
  [
    1,
    'pool: connection destroyed',
    async ({ pools }) => {
      const lease = await pools.bare.acquire()
      await lease.destroy()
    },
  ],
  [
    3,
    'pool: wait aborted',
    async ({ pools }, _, random) => {
      const controller = new AbortController()
      const timer = setTimeout(() => controller.abort(), random.between(0, 5))
      try {
        const lease = await pools.bare.acquire({ signal: controller.signal })
        await lease.release()
      } catch (error) {
        if (error !== controller.signal.reason) throw error
      } finally {
        clearTimeout(timer)
      }
    },
  ],
  [
    3,
    'pool: wait that runs out',
    async ({ pools }, _, random) => {
      const lease = await pools.bare.acquire({ timeout: `${random.between(0, 5)}ms` })
      await lease.release()
    },
  ],
]

/** The codes of failures that a fault explains, and of waits that ran out; anything else is a violation. */
export function isExpected(error: unknown): boolean {
  const { code, message = '', meta } = error as { code?: unknown; message?: string; meta?: unknown }
  if (code === 'P2010') return isLostConnection(meta)
  if (typeof code === 'string') {
    return /^(P1001|P1017|P1018|P2028|P2037|POOL_TIMEOUT|57P0[123]|ECONNRESET|EPIPE)$/.test(code)
  }
  return (
    !(error instanceof Prisma.PrismaClientKnownRequestError) &&
    /^(Connection terminated|Client has encountered a connection error)/.test(message)
  )
}

function isLostConnection(meta: unknown): boolean {
  const kind = (meta as { driverAdapterError?: { cause?: { kind?: unknown } } } | undefined)
    ?.driverAdapterError?.cause?.kind
  return ['ConnectionClosed', 'DatabaseNotReachable', 'TooManyConnections'].includes(String(kind))
}
