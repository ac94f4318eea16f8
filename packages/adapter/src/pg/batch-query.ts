/**
 * A statement that travels together with commands before it, in one packet and under one Sync, so that the first
 * that fails skips all behind it (PostgreSQL manual 54.2.3, extended query): a BEGIN that fails never lets the
 * statement run by itself.
 */
import type { Client, QueryArrayConfig, QueryArrayResult } from 'pg'

/** A statement, in the extended protocol where that is asked for (`@types/pg` does not know the field). */
export interface StatementConfig extends QueryArrayConfig {
  readonly queryMode?: 'extended'
}

type Callback = (error: Error | null, result: QueryArrayResult) => void

/** What is used here of node-postgres' own `Query` and `Connection` (pg 8.23). */
interface Wire {
  parse(statement: { text: string; name: string; types: undefined }): void
  bind(values: { portal: string; statement: string; values: []; binary: false }): void
  execute(portal: { portal: string; rows: number }): void
}
interface PgQuery {
  prepare(wire: Wire): void
  handleDataRow(message: unknown): void
  handleCommandComplete(message: unknown, wire: Wire): void
}
type PgQueryClass = new (config: StatementConfig, callback: Callback) => PgQuery
export type BatchQuery = PgQuery & { submit(): void }
type BatchQueryClass = new (
  config: StatementConfig,
  before: readonly string[],
  callback: Callback,
) => BatchQuery

/** By the client's own class of queries: the application's copy of `pg` may be another than ours. */
const classes = new WeakMap<PgQueryClass, BatchQueryClass>()

/** A query for `client.query` to run. Rows of the commands before it are nobody's. */
export function batchQuery(
  client: Client,
  config: StatementConfig,
  before: readonly string[],
  callback: Callback,
): BatchQuery {
  const { Query } = client.constructor as unknown as { Query: PgQueryClass }
  let Batch = classes.get(Query)
  if (Batch === undefined) {
    Batch = extend(Query)
    classes.set(Query, Batch)
  }
  return new Batch(config, before, callback)
}

function extend(Query: PgQueryClass): BatchQueryClass {
  class Batch extends Query {
    readonly #before: readonly string[]
    #unanswered: number

    constructor(config: StatementConfig, before: readonly string[], callback: Callback) {
      super({ ...config, queryMode: 'extended' }, callback)
      this.#before = before
      this.#unanswered = before.length
    }

    /** Called by node-postgres, which corks the socket around it and sends the Sync behind it. */
    override prepare(wire: Wire): void {
      for (const text of this.#before) {
        wire.parse({ text, name: '', types: undefined })
        wire.bind({ portal: '', statement: '', values: [], binary: false })
        wire.execute({ portal: '', rows: 0 })
      }
      super.prepare(wire)
    }

    override handleDataRow(message: unknown): void {
      if (this.#unanswered === 0) super.handleDataRow(message)
    }

    override handleCommandComplete(message: unknown, wire: Wire): void {
      if (this.#unanswered > 0) this.#unanswered--
      else super.handleCommandComplete(message, wire)
    }
  }
  return Batch as unknown as BatchQueryClass
}
