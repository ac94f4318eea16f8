/** Notes what Prisma asks of an adapter, and what it answers. */
import type {
  IsolationLevel,
  SqlDriverAdapter,
  SqlDriverAdapterFactory,
  SqlQuery,
  SqlQueryable,
  SqlResultSet,
} from '@prisma/driver-adapter-utils'
import type { Target } from './contenders.js'
import type { Unique, Work } from './works.js'

export type Answer =
  { readonly rows: SqlResultSet } | { readonly affected: number } | { readonly error: unknown }

export type Step =
  | { readonly kind: 'begin'; readonly isolationLevel: IsolationLevel | undefined }
  | {
      readonly kind: 'statement'
      readonly method: 'queryRaw' | 'executeRaw'
      readonly query: SqlQuery
      readonly answer: Answer
    }
  | { readonly kind: 'end' }

/** One call of a work: what it asked for, in order, and the unique texts that it was given. */
export interface RecordedCall {
  readonly steps: readonly Step[]
  readonly uniques: readonly string[]
}

export interface Recording {
  /** What the work asks for before its first call. */
  readonly opening: readonly Step[]
  readonly calls: readonly RecordedCall[]
}

/** Does a work on adapter-pg, so many calls one after the other. */
export async function record(
  { directUrl, learnedCalls }: Target,
  work: Work,
  unique: Unique,
): Promise<Recording> {
  const { PrismaPg } = await import('@prisma/adapter-pg')
  let steps: Step[] = []
  let uniques: string[] = []
  const factory = recordFactory(new PrismaPg(directUrl), (step) => steps.push(step))
  const started = await work.start(factory, () => {
    const text = unique()
    uniques.push(text)
    return text
  })
  const opening = steps
  const calls: RecordedCall[] = []
  for (let index = 0; index < learnedCalls; index++) {
    steps = []
    uniques = []
    await started.call(index)
    calls.push({ steps, uniques })
  }
  await started.stop()
  return { opening, calls }
}

type Note = (step: Step) => void

function recordFactory(factory: SqlDriverAdapterFactory, note: Note): SqlDriverAdapterFactory {
  const { provider, adapterName } = factory
  return { provider, adapterName, connect: async () => recordAdapter(await factory.connect(), note) }
}

function recordAdapter(adapter: SqlDriverAdapter, note: Note): SqlDriverAdapter {
  return {
    ...recordQueries(adapter, note),
    executeScript: (script) => adapter.executeScript(script),
    getConnectionInfo: () => adapter.getConnectionInfo?.() ?? { supportsRelationJoins: true },
    dispose: () => adapter.dispose(),
    async startTransaction(isolationLevel) {
      const transaction = await adapter.startTransaction(isolationLevel)
      note({ kind: 'begin', isolationLevel })
      const { options } = transaction
      const end = (): void => note({ kind: 'end' })
      return {
        ...recordQueries(transaction, note),
        options,
        commit: () => transaction.commit().then(end),
        rollback: () => transaction.rollback().then(end),
      }
    },
  }
}

function recordQueries(queryable: SqlQueryable, note: Note): SqlQueryable {
  const { provider, adapterName } = queryable
  const noted = async <T>(
    method: 'queryRaw' | 'executeRaw',
    asked: SqlQuery,
    result: Promise<T>,
    answer: (value: T) => Answer,
  ): Promise<T> => {
    const query = { ...asked, args: [...asked.args] }
    try {
      const value = await result
      note({ kind: 'statement', method, query, answer: answer(value) })
      return value
    } catch (error) {
      note({ kind: 'statement', method, query, answer: { error } })
      throw error
    }
  }
  return {
    provider,
    adapterName,
    queryRaw: (query) => noted('queryRaw', query, queryable.queryRaw(query), (rows) => ({ rows })),
    executeRaw: (query) =>
      noted('executeRaw', query, queryable.executeRaw(query), (affected) => ({ affected })),
  }
}
