// The calls that the load is made of: reads and transfers, by Prisma and by the pool alone; statements that
// fail; waits that are aborted or run out; transactions and sessions that their borrowers leave behind.
import type { Client } from 'pg'
import { isOutcomeUnknown, type Lease } from 'prisma-pg-real-pool'
import { Prisma } from '../generated/prisma/client.js'
import {
  ACCOUNTS,
  changesOf,
  drawTransfer,
  inOrder,
  TOTAL,
  type Transfer,
  transferInBatch,
  transferInOneStatement,
  transferInTransaction,
} from '../load/bank.js'
import { type Call, Violation } from '../load/load.js'
import type { Choice } from '../load/random.js'
import { type Stage, TAKEN } from './stage.js'

const transfers: Record<string, (stage: Stage, transfer: Transfer, progress: Progress) => Promise<unknown>> =
  {
    'prisma: transfer in a transaction': ({ prisma }, transfer) =>
      prisma.$transaction((tx) => transferInTransaction(tx, transfer)),
    'prisma: transfer in a batch': ({ prisma }, transfer) => transferInBatch(prisma, transfer),
    'prisma: transfer in one statement': ({ prisma }, transfer) => transferInOneStatement(prisma, transfer),
    'pool: transfer in a transaction': ({ pools }, transfer, progress) =>
      pools.bare.use(async (client) => {
        await client.query('BEGIN')
        try {
          for (const [id, by] of inOrder(changesOf(transfer))) {
            await client.query('UPDATE "User" SET "balance" = "balance" + $2 WHERE "id" = $1', [id, by])
          }
          await client.query('INSERT INTO "Transfer" VALUES ($1, $2, $3, $4)', [
            transfer.id,
            transfer.sourceId,
            transfer.targetId,
            transfer.amount,
          ])
        } catch (error) {
          // As a careful program does; where the connection is lost, this fails, too.
          await client.query('ROLLBACK').catch(() => {})
          throw error
        }
        progress.hasSentCommit = true
        await client.query('COMMIT')
      }),
  }

/** How far a transfer without Prisma has come. */
interface Progress {
  hasSentCommit: boolean
}

function transferBy(name: string): Call<Stage> {
  return async (stage, random) => {
    const { journal } = stage
    const transfer = drawTransfer(journal.begin(), random)
    const progress: Progress = { hasSentCommit: false }
    try {
      await transfers[name]!(stage, transfer, progress)
      journal.end(transfer.id, 'acknowledged')
    } catch (error) {
      journal.end(transfer.id, progress.hasSentCommit || isOutcomeUnknown(error) ? 'unknown' : 'rejected')
      throw error
    }
  }
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

export const CALLS: readonly Choice<Call<Stage>>[] = [
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
    ({ prisma }, random) =>
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
    ({ prisma }, random) =>
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
    async ({ prisma }, random) => {
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
    (stage, random) =>
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
    async ({ pools }, random) => {
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
    async ({ pools }, random) => {
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
