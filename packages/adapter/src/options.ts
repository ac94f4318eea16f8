/** Every option: its type, its meaning and its default, for users. What checks them is option-schema.ts. */
import type { SqlQuery, SqlQueryable } from '@prisma/driver-adapter-utils'
import type { Client, ClientConfig } from 'pg'
import type { RealPool } from './pg/real-pool.js'

/**
 * A length of time: a number of milliseconds, or a string with a unit. Bare numbers from 1 to 999 are
 * refused, because they are mostly seconds that somebody pasted: write `'10s'` or `'10ms'`.
 */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

/**
 * How the pool behaves. Every duration takes milliseconds or a string such as `'30s'`.
 *
 * @example
 * ```ts
 * import type { PoolOptions } from 'prisma-pg-real-pool'
 *
 * const pool: PoolOptions = { minSize: 2, maxSize: 10, timeout: '10s', maxLifetime: '1h', maxIdle: '10m' }
 * ```
 */
export interface PoolOptions {
  /**
   * Names the pool in errors, warnings, events and metrics; two that are open should not share one.
   * @defaultValue `pool-1`, `pool-2` …
   */
  name?: string | undefined
  /** Connections kept open, opened in the background when the pool opens. @defaultValue `2` */
  minSize?: number | undefined
  /** The most connections that exist at any time. @defaultValue `10` */
  maxSize?: number | undefined
  /**
   * How long a request waits for a connection, including the time behind the COMMIT of another transaction; `0`: not
   * at all. @defaultValue `'30s'`
   */
  timeout?: Duration | undefined
  /** How many requests may wait; one more is turned away at once. `0`: no cap. @defaultValue `0` */
  maxWaiting?: number | undefined
  /** How long a connection lives, less up to 5 %; then it is replaced. `0`: for ever. @defaultValue `'1h'` */
  maxLifetime?: Duration | undefined
  /**
   * The window after which the pool closes one connection that it could have done without all the while, down
   * to `minSize`. `0`: never. @defaultValue `'10m'`
   */
  maxIdle?: Duration | undefined
  /** How long one attempt to connect may take. `0`: as long as it takes. @defaultValue `'5s'` */
  connectTimeout?: Duration | undefined
  /**
   * How long the pool goes on trying, with growing delays, to replace a connection while the server is away;
   * after that it tries again when a request comes. @defaultValue `'5m'`
   */
  reconnectTimeout?: Duration | undefined
  /** How many connections are opened at the same time. @defaultValue `3` */
  numWorkers?: number | undefined
  /**
   * Tests an idle connection before it is lent: `true` asks the server for nothing, a function asks as it
   * likes and rejects when the connection is unfit. A connection that fails is replaced, and whoever wanted
   * it gets another. @defaultValue `false`
   */
  check?: boolean | ConnectionHook | undefined
  /** How long a connection may have been idle and still be lent without that test. @defaultValue `'1s'` */
  checkIdleAfter?: Duration | undefined
  /**
   * Runs on each new connection before its first lease, and again after the pool has reset its session. A failure
   * counts as one to connect.
   */
  configure?: ConnectionHook | undefined
  /** Runs on each connection that comes back, before the next gets it. A failure costs the connection. */
  reset?: ConnectionHook | undefined
  /**
   * How much of a session the pool undoes before the next lease. `'detected'`: what a statement visibly changed. With
   * the other two, also what a function, DO or CALL changed out of sight. `'settings'`: settings, role and user. `'all'`:
   * everything that DISCARD ALL undoes, except prepared statements. The reset follows the last answer of each lease,
   * and no caller waits for it, unless there is a `configure`, which runs again behind it. @defaultValue `'detected'`
   */
  sessionReset?: 'detected' | 'settings' | 'all' | undefined
  /** Told each time the pool gives up to open a connection, after `reconnectTimeout`. */
  onReconnectFailed?: ((pool: RealPool) => void) | undefined
  /**
   * Reports each connection that is lent for longer than this, a transaction's too: as a warning of the process
   * (`REAL_POOL_LEAK`) that tells its age, where it was acquired, and what `pool.report()` says at that moment; and
   * another when it comes back after all. `0`: none. @defaultValue `0`
   */
  leakDetectionThreshold?: Duration | undefined
  /**
   * Writes to the console what the pool does: `true`, when connections are opened, closed or lost, and requests that
   * get none; `'debug'`, each request and each loan, too. @defaultValue `false`
   */
  echo?: boolean | 'debug' | undefined
  /**
   * How many idle connections are kept: one that comes back beyond them is closed, unless somebody waits for
   * it. `0`: none is kept, each request has a fresh one. @defaultValue `Infinity`
   */
  maxIdleCount?: number | undefined
  /**
   * How many calls of the adapter outside of transactions may be in flight on one connection at the same time, each
   * with its own result and its own error. They share only once the pool has all its connections; a transaction has
   * its connection alone. `1`: every call has. @defaultValue `1`
   */
  pipelining?: number | undefined
  /**
   * How connections are made for requests that wait. `'gradual'`: one at a time, in the background, again and
   * again until it succeeds or they time out; a burst of short calls opens few. `'immediate'`: one for each, all
   * at the same time, and when it cannot be made the request fails at once. @defaultValue `'gradual'`
   */
  growth?: 'gradual' | 'immediate' | undefined
  /** By which fraction of it `maxLifetime` is shortened at random. @defaultValue `0.05` */
  maxLifetimeJitter?: number | undefined
  /**
   * When a connection whose lifetime is over is replaced: `'always'`, while it is idle, too; `'acquire'`, only
   * when it would be lent. @defaultValue `'always'`
   */
  enforceLifetimeOn?: 'always' | 'acquire' | undefined
  /**
   * Whether one connection that fails its `check` stands for all: those that exist are replaced, none of them
   * is lent again. Else each is tested by itself. @defaultValue `false`
   */
  invalidateOnLost?: boolean | undefined
}

/** Code of yours that runs on a connection while nobody has borrowed it. It must end what it begins. */
export type ConnectionHook = (client: Client) => Promise<unknown> | void

/** The connection fields of node-postgres, in its meaning; those given win over the URL. */
export type ConnectionOptions = { [K in ConnectionKey]?: ClientConfig[K] | undefined }

export type ConnectionKey =
  | 'connectionString'
  | 'host'
  | 'port'
  | 'database'
  | 'user'
  | 'password'
  | 'ssl'
  | 'sslnegotiation'
  | 'enableChannelBinding'
  | 'application_name'
  | 'fallback_application_name'
  | 'options'
  | 'statement_timeout'
  | 'lock_timeout'
  | 'idle_in_transaction_session_timeout'
  | 'query_timeout'
  | 'client_encoding'
  | 'keepAlive'
  | 'keepAliveInitialDelayMillis'
  | 'stream'

/** Says where the next connection goes: a URL, or connection fields. May take its time. */
export type ConnectionProvider = () => string | ConnectionOptions | Promise<string | ConnectionOptions>

/** What `new RealPool(…)` takes. */
export interface RealPoolOptions extends ConnectionOptions {
  /**
   * Instead of `connectionString`: called for each new connection, for addresses and passwords that change. The
   * fields beside it win over a URL that it returns, and lose against fields that it returns.
   */
  connection?: ConnectionProvider | undefined
  /**
   * How long `connection`, and `password` where it is a function, may take together for one connection. A failure
   * is told at once to whoever waits. `0`: as long as it takes. @defaultValue `'10s'`
   */
  credentialsTimeout?: Duration | undefined
  /**
   * `'transaction'`: between us and the server stands PgBouncer or its like in transaction mode. Nothing is asked
   * of a session that it would refuse. @defaultValue `'none'`, or `'transaction'` by `?pgbouncer=true` of the URL
   */
  pooler?: 'none' | 'transaction' | undefined
  /**
   * The schema that raw queries and generated ones use: it becomes the session's `search_path`.
   * @defaultValue `?schema=` of the URL, else the server's own `search_path`
   */
  schema?: string | undefined
  /**
   * Where connections come from. `true`: a pool with the defaults. An object: a pool with these options.
   * `false`: no pool; each call makes a connection and closes it, up to ten at a time. A `pg.Pool`: that one,
   * which stays the caller's to configure and to end. @defaultValue `true`
   */
  pool?: boolean | PoolOptions | PgPool | undefined
}

/** What is needed of a `pg.Pool`; one of any copy of `pg` will do. */
export interface PgPool {
  readonly totalCount: number
  readonly idleCount: number
  readonly waitingCount: number
  readonly options: {
    readonly max?: number
    readonly connectionTimeoutMillis?: number | undefined
    readonly binary?: boolean | undefined
  }
  /** The class of its clients. */
  readonly Client?: { readonly prototype: object }
  /** Whether its owner has ended it. */
  readonly ending?: boolean
  connect(): Promise<Client & { readonly release: (error?: Error | boolean) => void }>
  query(text: string): Promise<unknown>
  end(): Promise<void>
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'acquire', listener: (client: Client) => void): unknown
  on(event: 'remove', listener: () => void): unknown
}

/** How transactions hold connections, and what an error inside them means. */
export interface TransactionOptions {
  /**
   * When a transaction takes its connection. `'start'`: before its callback runs, so that Prisma's `maxWait`
   * bounds the wait. `'first-query'`: with its first statement, so that what the callback does before holds none;
   * the wait then counts against Prisma's `timeout`. @defaultValue `'start'`
   */
  acquire?: 'start' | 'first-query' | undefined
  /**
   * `'always'`: a savepoint around each statement, in the same packet, so that an error which the callback catches
   * leaves the transaction usable. It costs the server two small commands for each statement.
   * @defaultValue `'never'`
   */
  autosave?: 'never' | 'always' | undefined
  /**
   * Whether the connection goes to the next transaction or read that waits as soon as COMMIT is written: its first
   * statement follows on the wire, and the transaction still waits for its own answer. It saves a round trip.
   * Without effect with `queryTimeout`, `query_timeout`, `pool.reset`, `pool.configure` beside `pool.sessionReset`,
   * `pooler: 'transaction'` and a `pg.Pool`. @defaultValue `true`
   */
  handOver?: boolean | undefined
  /**
   * How long a transaction may do nothing, by the server's clock (`idle_in_transaction_session_timeout`). Then the
   * server ends the session, and with it its locks, even where this process is frozen; the next call of the
   * transaction fails with P1017 and says why. `0`: what the server is set to. @defaultValue `0`
   */
  idleTimeout?: Duration | undefined
  /**
   * How long a transaction may take from its first statement to its end, by the server's clock
   * (`transaction_timeout`; PostgreSQL 17 and later, others know no such limit). Then the server ends the session.
   * `0`: what the server is set to. @defaultValue `0`
   */
  maxDuration?: Duration | undefined
}

/** What `new RealPoolAdapter(…)` takes. */
export interface RealPoolAdapterOptions extends RealPoolOptions {
  /**
   * How long one statement may take. Then it is cancelled, and fails with P1008. If the server does not answer to
   * that within a second, its connection is closed and replaced, and the outcome of a write is unknown (P1017). `0`: as
   * long as it takes. @defaultValue `0`
   */
  queryTimeout?: Duration | undefined
  /**
   * How many statements each connection keeps prepared; the one that was not used for longest gives way to the next.
   * A text is prepared when it comes up for the second time. `0`: none is prepared. @defaultValue `256`
   */
  statementCacheSize?: number | undefined
  /**
   * A name for the prepared statement of a query, instead of ours; then it is prepared at once. At most 63 bytes;
   * `''`: the statement is not prepared.
   */
  statementNameGenerator?: ((query: SqlQuery) => string) | undefined
  /**
   * Several statements in one raw call. PostgreSQL refuses them where it is to prepare the text, as it does for every
   * call. `'allow'`: a call without arguments is sent as a script, as `@prisma/adapter-pg` does; it returns the result
   * of its last statement. Keep `'refuse'` if texts contain input of users. @defaultValue `'refuse'`
   */
  rawScripts?: 'refuse' | 'allow' | undefined
  /** How transactions behave. */
  transaction?: TransactionOptions | undefined
  /**
   * Reads values of types that are not PostgreSQL's own: enums, composite types, those of extensions, and arrays of
   * these. Without it they are text.
   */
  userDefinedTypeParser?: UserDefinedTypeParser | undefined
  /** Told of every idle connection that is lost. The pool replaces it by itself. */
  onPoolError?: ((error: Error) => void) | undefined
  /** Told of every connection that is lost while a query or a transaction uses it, or destroyed for a reason. */
  onConnectionError?: ((error: Error) => void) | undefined
}

/**
 * Called for each value of such a type, NULL included, one after the other.
 *
 * @param oid - The type's OID, which is another in each database: `SELECT 'hstore'::regtype::oid`.
 * @param value - The text that the server sent, or `null`.
 * @param queryable - To ask the database for more: the transaction, or the adapter outside of one.
 */
export type UserDefinedTypeParser = (oid: number, value: unknown, queryable: SqlQueryable) => Promise<unknown>
