// The ways in which writers move money, what they do to their own transactions, and what they note of each: that
// it was acknowledged, or rejected, or that nobody knows, which only isOutcomeUnknown may say.
import { setTimeout as sleep } from 'node:timers/promises'
import { isOutcomeUnknown, isUniqueViolation, retryTransaction } from 'prisma-pg-real-pool'
import { Prisma, type PrismaClient } from '../generated/prisma/client.js'
import {
  change,
  changesOf,
  drawTransfer,
  inOrder,
  type Transfer,
  transferInBatch,
  transferInOneStatement,
  transferInTransaction,
} from '../load/bank.js'
import { type Call, describe } from '../load/load.js'
import type { Choice, Random } from '../load/random.js'
import type { Round } from './round.js'

/** What a callback throws by itself. */
class Refusal extends Error {
  readonly code = 'refused by its callback'
}

/** One attempt to make a transfer. */
interface Attempt {
  readonly prisma: PrismaClient
  readonly transfer: Transfer
  readonly options: {
    readonly maxWait: number
    readonly timeout: number
    readonly isolationLevel: Prisma.TransactionIsolationLevel
  }
  /** What the callback of a transaction does before each of its steps, beside them. */
  readonly habits: Habits
}

interface Habits {
  readonly isInOrder: boolean
  readonly isParallel: boolean
  readonly takesAdvisoryLock: boolean
  /** Before which step it pauses, for how long; steps are 0 to 2, and 3 is the end. */
  readonly pause: { readonly at: number; readonly ms: number } | undefined
  readonly throwsAt: number | undefined
  /** Where it runs a statement that fails, and catches that. */
  readonly failsAt: number | undefined
  /** Where it does something in a nested transaction, which it undoes. */
  readonly repentsAt: number | undefined
}

function drawHabits(random: Random): Habits {
  const step = () => random.between(0, 3)
  return {
    isInOrder: random.percent(80),
    isParallel: random.percent(10),
    takesAdvisoryLock: random.percent(5),
    pause: random.percent(8) ? { at: step(), ms: random.between(5, 400) } : undefined,
    throwsAt: random.percent(4) ? step() : undefined,
    failsAt: random.percent(6) ? step() : undefined,
    repentsAt: random.percent(6) ? step() : undefined,
  }
}

function drawOptions(random: Random): Attempt['options'] {
  const { ReadCommitted, RepeatableRead, Serializable } = Prisma.TransactionIsolationLevel
  return {
    maxWait: random.percent(15) ? random.between(1, 100) : 3_000,
    timeout: random.percent(15) ? random.between(5, 300) : 3_000,
    isolationLevel: random.of(ReadCommitted, ReadCommitted, RepeatableRead, Serializable),
  }
}

async function inTransaction(tx: Prisma.TransactionClient, { transfer, habits }: Attempt): Promise<void> {
  const changes = habits.isInOrder ? inOrder(changesOf(transfer)) : changesOf(transfer)
  const steps = [
    ...changes.map((each) => () => change(tx, each)),
    () => tx.transfer.create({ data: transfer }),
  ]
  if (habits.takesAdvisoryLock) await tx.$executeRaw`SELECT pg_advisory_xact_lock(${transfer.sourceId}::int)`
  if (habits.isParallel) await Promise.all(steps.map((step) => step()))
  for (const [index, step] of steps.entries()) {
    await beside(tx, habits, index, transfer)
    if (!habits.isParallel) await step()
  }
  await beside(tx, habits, steps.length, transfer)
}

async function beside(
  tx: Prisma.TransactionClient,
  { pause, throwsAt, failsAt, repentsAt }: Habits,
  step: number,
  { sourceId }: Transfer,
): Promise<void> {
  if (pause?.at === step) await sleep(pause.ms)
  if (throwsAt === step) throw new Refusal()
  if (failsAt === step) await tx.$executeRaw`SELECT 1 / 0`.catch(() => {})
  if (repentsAt === step) {
    await tx
      .$transaction(async (nested) => {
        await change(nested, [sourceId, 1_000_000])
        throw new Refusal()
      })
      .catch((error: unknown) => {
        if (!(error instanceof Refusal)) throw error
      })
  }
}

interface Way {
  readonly transfer: (attempt: Attempt) => Promise<unknown>
  /** Whether the same again finds out that it was there already. */
  readonly isRepeatable: boolean
}

export const WAYS: readonly Choice<Way>[] = [
  [
    5,
    'transaction',
    {
      transfer: (attempt) => attempt.prisma.$transaction((tx) => inTransaction(tx, attempt), attempt.options),
      isRepeatable: true,
    },
  ],
  [
    4,
    'retryTransaction',
    {
      transfer: (attempt) =>
        retryTransaction(attempt.prisma, (tx) => inTransaction(tx, attempt), attempt.options),
      isRepeatable: true,
    },
  ],
  [
    3,
    'batch',
    {
      transfer: ({ prisma, transfer, options }) => transferInBatch(prisma, transfer, options),
      isRepeatable: true,
    },
  ],
  [
    4,
    'statement',
    { transfer: ({ prisma, transfer }) => transferInOneStatement(prisma, transfer), isRepeatable: true },
  ],
  [2, 'nested write', { transfer: nestedWrite, isRepeatable: false }],
]

/** In a transaction that Prisma makes by itself. */
async function nestedWrite({ prisma, transfer }: Attempt): Promise<void> {
  const { id, amount } = transfer
  await prisma.transfer.create({ data: { ...transfer, isMade: false } })
  await prisma.transfer.update({
    where: { id },
    data: {
      isMade: true,
      source: { update: { balance: { decrement: amount } } },
      target: { update: { balance: { increment: amount } } },
    },
  })
}

export function transferBy(name: string, { transfer: make, isRepeatable }: Way): Call<Round> {
  return async ({ journal, stories, clients, terms }, random) => {
    const transfer = drawTransfer(journal.begin(), random)
    const { id } = transfer
    const attempt = {
      prisma: random.of(...clients),
      transfer,
      options: drawOptions(random),
      habits: drawHabits(random),
    }
    const { options, habits } = attempt
    stories.begin(transfer, `by ${name}: ${JSON.stringify({ options, habits, terms })}`)
    try {
      await make(attempt)
      journal.end(id, 'acknowledged')
      stories.note(id, 'acknowledged')
    } catch (error) {
      const outcome = isOutcomeUnknown(error) ? 'unknown' : 'rejected'
      journal.end(id, outcome)
      stories.note(id, `${outcome}: ${describe(error)}`)
      if (outcome === 'unknown' && isRepeatable && random.percent(60)) {
        await sleep(random.between(0, 300))
        if (await repeat(attempt.prisma, transfer, (text) => stories.note(id, text))) {
          journal.end(id, 'acknowledged')
        }
      }
      throw error
    }
  }
}

const REPETITIONS = 3

/** As one does who must know: makes it again under the same key; resolves to whether it is there now. */
async function repeat(
  prisma: PrismaClient,
  transfer: Transfer,
  note: (text: string) => void,
): Promise<boolean> {
  for (let attempt = 1; attempt <= REPETITIONS; attempt++) {
    try {
      await prisma.$transaction((tx) => transferInTransaction(tx, transfer), { timeout: 1_000 })
      note('made again: acknowledged')
      return true
    } catch (error) {
      note(`made again: ${describe(error)}`)
      if (isUniqueViolation(error)) return true
    }
  }
  return false
}

/** Whatever else is thrown is no answer to somebody who moves money. */
export function isExpected(error: unknown): boolean {
  return typeof (error as { code?: unknown } | null)?.code === 'string'
}
