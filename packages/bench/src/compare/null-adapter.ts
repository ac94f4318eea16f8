/** An adapter that answers from memory what it has seen adapter-pg answer: whatever a call costs is Prisma's own. */
import type {
  SqlDriverAdapter,
  SqlDriverAdapterFactory,
  SqlQuery,
  SqlQueryable,
} from '@prisma/driver-adapter-utils'
import type { Session, Target } from './contenders.js'
import { type Answer, record, type Step } from './recording.js'
import type { Unique, Work } from './works.js'

export async function connectNull(target: Target, work: Work, unique: Unique): Promise<Session> {
  const { opening, calls } = await record(target, work, unique)
  const memory = new Memory([...opening, ...calls.flatMap(({ steps }) => steps)])
  const started = await work.start(new NullAdapterFactory(memory), unique)
  return { call: (index) => started.call(index % calls.length), stop: () => started.stop() }
}

/** An answer for each statement with its arguments; for other arguments, one that the statement once had. */
class Memory {
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

function keyOf(sql: string, args: readonly unknown[]): string {
  return args.length === 0 ? sql : `${sql}\0${args.join('\0')}`
}

const NAMES = { provider: 'postgres', adapterName: 'null' } as const

class NullAdapterFactory implements SqlDriverAdapterFactory {
  readonly provider = NAMES.provider
  readonly adapterName = NAMES.adapterName
  readonly #memory: Memory

  constructor(memory: Memory) {
    this.#memory = memory
  }

  connect(): Promise<SqlDriverAdapter> {
    const queries = queriesOf(this.#memory)
    const done = (): Promise<void> => Promise.resolve()
    // As adapter-pg has it: Prisma says COMMIT itself.
    const transaction = { ...queries, options: { usePhantomQuery: false }, commit: done, rollback: done }
    return Promise.resolve({
      ...queries,
      executeScript: done,
      startTransaction: () => Promise.resolve({ ...transaction }),
      getConnectionInfo: () => ({ supportsRelationJoins: true }),
      dispose: done,
    })
  }
}

function queriesOf(memory: Memory): SqlQueryable {
  return {
    ...NAMES,
    // Async, so that what they throw is a rejection.
    // eslint-disable-next-line @typescript-eslint/require-await
    async queryRaw(query) {
      const answer = memory.answer(query)
      return 'rows' in answer ? answer.rows : { columnNames: [], columnTypes: [], rows: [] }
    },
    // eslint-disable-next-line @typescript-eslint/require-await
    async executeRaw(query) {
      const answer = memory.answer(query)
      return 'affected' in answer ? answer.affected : 0
    },
  }
}
