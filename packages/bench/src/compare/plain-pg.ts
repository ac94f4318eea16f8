/**
 * The statements that Prisma makes of a work, sent by `pg` alone, prepared, with nobody above it: what the driver
 * and the server cost.
 */
import { createHash } from 'node:crypto'
import { Pool, type PoolClient } from 'pg'
import type { Session, Target } from './contenders.js'
import { record, type RecordedCall, type Step } from './recording.js'
import type { Unique, Work } from './works.js'

interface Statement {
  readonly name: string
  readonly text: string
  readonly values: readonly unknown[]
  readonly isToFail: boolean
}

interface Replay {
  readonly isTransaction: boolean
  readonly statements: readonly Statement[]
  readonly uniques: readonly string[]
}

type Queryable = Pick<Pool | PoolClient, 'query'>

export async function connectPlainPg(target: Target, work: Work, unique: Unique): Promise<Session> {
  const replays = (await record(target, work, unique)).calls.map(replayOf)
  const pool = new Pool({ connectionString: target.url, max: target.poolSize })
  return {
    async call(index) {
      const replay = replays[index % replays.length] as Replay
      // What was unique once has to be so again.
      const fresh = new Map<unknown, string>(replay.uniques.map((text) => [text, unique()]))
      if (!replay.isTransaction) return run(pool, replay.statements, fresh)
      const client = await pool.connect()
      try {
        await run(client, replay.statements, fresh)
      } finally {
        client.release()
      }
    },
    stop: () => pool.end(),
  }
}

async function run(
  to: Queryable,
  statements: readonly Statement[],
  fresh: ReadonlyMap<unknown, string>,
): Promise<void> {
  for (const { name, text, values, isToFail } of statements) {
    const given = fresh.size === 0 ? [...values] : values.map((value) => fresh.get(value) ?? value)
    const query = to.query({ name, text, values: given, rowMode: 'array' })
    await (isToFail ? query.catch(() => undefined) : query)
  }
}

function replayOf({ steps, uniques }: RecordedCall): Replay {
  return {
    isTransaction: steps.some(({ kind }) => kind === 'begin'),
    statements: steps.flatMap(statementsOf),
    uniques,
  }
}

function statementsOf(step: Step): Statement[] {
  if (step.kind === 'statement') {
    return [{ ...named(step.query.sql, step.query.args), isToFail: 'error' in step.answer }]
  }
  if (step.kind === 'end') return []
  const level = step.isolationLevel
  const texts = ['BEGIN', ...(level === undefined ? [] : [`SET TRANSACTION ISOLATION LEVEL ${level}`])]
  return texts.map((text) => ({ ...named(text, []), isToFail: false }))
}

function named(text: string, values: readonly unknown[]): Omit<Statement, 'isToFail'> {
  return { name: createHash('md5').update(text).digest('hex'), text, values }
}
