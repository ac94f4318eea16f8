/** What adapters that know all answers by heart have in common: their memory, and the form that Prisma asks for. */
import type {
  SqlDriverAdapter,
  SqlDriverAdapterFactory,
  SqlQuery,
  SqlQueryable,
} from '@prisma/driver-adapter-utils'
import type { Session, Target } from './contenders.js'
import { type Answer, record, type Step } from './recording.js'
import type { Unique, Work } from './works.js'

/** Does a work once it has learned all that the work asks for; `sourceOf` makes the answers out of that. */
export async function connectLearned(
  adapterName: string,
  sourceOf: (steps: readonly Step[]) => Source | Promise<Source>,
  target: Target,
  work: Work,
  unique: Unique,
): Promise<Session> {
  const { opening, calls } = await record(target, work, unique)
  const source = await sourceOf([...opening, ...calls.flatMap(({ steps }) => steps)])
  const started = await work.start(new MemoryAdapterFactory(adapterName, source), unique)
  return { call: (index) => started.call(index % calls.length), stop: () => started.stop() }
}

/** An answer for each statement with its arguments; for other arguments, one that the statement once had. */
export class Memory {
  readonly #exact = new Map<string, Answer>()
  readonly #bySql = new Map<string, Answer>()

  constructor(steps: readonly Step[]) {
    for (const step of steps) {
      if (step.kind !== 'statement') continue
      const { query, answer } = step
      this.#exact.set(keyOf(query.sql, query.args), answer)
      if (!('error' in answer)) this.#bySql.set(query.sql, answer)
    }
  }

  answer({ sql, args }: SqlQuery): Answer {
    const answer = this.#exact.get(keyOf(sql, args)) ?? this.#bySql.get(sql)
    if (answer === undefined) throw new Error(`bug: nobody has asked before: ${sql}`)
    if ('error' in answer) throw answer.error
    return answer
  }
}

export function keyOf(sql: string, args: readonly unknown[]): string {
  return args.length === 0 ? sql : `${sql}\0${args.join('\0')}`
}

/** Where an adapter has its answers from. */
export interface Source {
  ask(query: SqlQuery): Answer | Promise<Answer>
  begin(): Promise<TransactionSource>
  close(): Promise<void>
}

export interface TransactionSource extends Pick<Source, 'ask'> {
  /** After COMMIT or ROLLBACK, which Prisma says itself, as with adapter-pg. */
  end(): void
}

class MemoryAdapterFactory implements SqlDriverAdapterFactory {
  readonly provider = 'postgres'
  readonly adapterName: string
  readonly #source: Source

  constructor(adapterName: string, source: Source) {
    this.adapterName = adapterName
    this.#source = source
  }

  connect(): Promise<SqlDriverAdapter> {
    const source = this.#source
    return Promise.resolve({
      ...this.#queriesOf(source),
      executeScript: () => Promise.resolve(),
      startTransaction: async () => {
        const transaction = await source.begin()
        // eslint-disable-next-line @typescript-eslint/require-await
        const end = async (): Promise<void> => transaction.end()
        const options = { usePhantomQuery: false }
        return { ...this.#queriesOf(transaction), options, commit: end, rollback: end }
      },
      getConnectionInfo: () => ({ supportsRelationJoins: true }),
      dispose: () => source.close(),
    })
  }

  #queriesOf(source: Pick<Source, 'ask'>): SqlQueryable {
    return {
      provider: this.provider,
      adapterName: this.adapterName,
      async queryRaw(query) {
        const answer = await source.ask(query)
        return 'rows' in answer ? answer.rows : { columnNames: [], columnTypes: [], rows: [] }
      },
      async executeRaw(query) {
        const answer = await source.ask(query)
        return 'affected' in answer ? answer.affected : 0
      },
    }
  }
}
