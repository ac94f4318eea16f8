/**
 * What Prisma asks of an adapter in a work, asked again with nobody above it: what the adapter costs by itself, its
 * pool and its driver included.
 */
import type { SqlDriverAdapterFactory, SqlQueryable, Transaction } from '@prisma/driver-adapter-utils'
import type { Session, Target } from './contenders.js'
import { record, type RecordedCall, type Step } from './recording.js'
import type { Unique, Work } from './works.js'

export async function connectAlone(
  factory: SqlDriverAdapterFactory,
  target: Target,
  work: Work,
  unique: Unique,
): Promise<Session> {
  const { calls } = await record(target, work, unique)
  const adapter = await factory.connect()
  return {
    async call(index) {
      const { steps, uniques } = calls[index % calls.length] as RecordedCall
      // What was unique once has to be so again.
      const fresh = new Map<unknown, string>(uniques.map((text) => [text, unique()]))
      let transaction: Transaction | undefined
      for (const step of steps) {
        if (step.kind === 'begin') transaction = await adapter.startTransaction(step.isolationLevel)
        else if (step.kind === 'statement') await ask(transaction ?? adapter, step, fresh)
        else {
          await transaction?.commit()
          transaction = undefined
        }
      }
    },
    stop: () => adapter.dispose(),
  }
}

type Statement = Extract<Step, { readonly kind: 'statement' }>

async function ask(
  to: SqlQueryable | Transaction,
  { method, query, answer }: Statement,
  fresh: ReadonlyMap<unknown, string>,
): Promise<void> {
  // Those that end a transaction by themselves are not asked to (driver-adapter-utils, TransactionOptions).
  if ('commit' in to && to.options.usePhantomQuery && query.sql === 'COMMIT') return
  const args = fresh.size === 0 ? query.args : query.args.map((value) => fresh.get(value) ?? value)
  const asked = to[method]({ ...query, args })
  await ('error' in answer ? asked.catch(() => undefined) : asked)
}
