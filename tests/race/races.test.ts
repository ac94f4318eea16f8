// A transaction on the one connection of a pool, others that want the same connection, and somebody who ends it all
// at the wrong moment: every step of them, and every packet, in whatever order a scheduler finds. RACE_RUNS says how
// often; RACE_SEED and RACE_PATH repeat a failure, as far as the server's own timing lets it.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { SqlDriverAdapter, Transaction } from '@prisma/driver-adapter-utils'
import fc from 'fast-check'
import { isOutcomeUnknown, RealPoolAdapter } from 'prisma-pg-real-pool'
import { collectWarnings, sql, SUBJECT } from '../integration/support.js'
import { type Backend, backendFor, type BackendName, BACKENDS } from '../support/backends.js'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { SPOILED, SteppedWire } from './stepped-wire.js'

const { RACE_RUNS = '150', RACE_SEED, RACE_PATH } = process.env
const numRuns = Number(RACE_RUNS)

/** Of what others do to the transaction: what concerns nobody but whoever is hit by it. */
const HARMLESS: ReadonlySet<Disturbance['what']> = new Set(['rollback', 'commit', 'spoil'])

/** In which a server on the same machine answers. */
const ANSWER_MS = 1

/** Longer than the shortest `pool.timeout`. */
const STALL_MS = 80

/** Long enough for a run whose connection has to be given up twice. */
const RUN_MS = 20_000

interface Disturbance {
  readonly what: 'rollback' | 'commit' | 'spoil' | 'dispose' | 'kill' | 'cut'
  /** How many steps it lets others have first. */
  readonly after: number
}

interface Plan {
  /** Whether the server has time to answer between two steps; else most steps are over before it does. */
  readonly isSlow: boolean
  readonly backend: BackendName
  readonly acquire: 'start' | 'first-query'
  readonly autosave: 'never' | 'always'
  readonly handOver: boolean
  /** `pool.timeout`. If it is short, it may pass for each caller, also behind the COMMIT of another. */
  readonly timeout: '15s' | '60ms'
  /** Whether everything stands still for longer than that, once COMMIT was asked for. */
  readonly stalls: boolean
  readonly pipelining: number
  /** What the transaction runs, one after the other or all at once. */
  readonly statements: readonly ('insert' | 'fail' | 'savepoint' | 'undo')[]
  readonly isParallel: boolean
  readonly end: 'commit' | 'rollback'
  /** What others do to it meanwhile. */
  readonly disturbances: readonly Disturbance[]
  /** Who else wants the connection. */
  readonly rivals: readonly ('call' | 'read' | 'transaction' | 'undone' | 'abandoned' | 'aborted')[]
}

const disturbance: fc.Arbitrary<Disturbance> = fc.record({
  what: fc.constantFrom('rollback', 'commit', 'spoil', 'spoil', 'dispose', 'kill', 'cut', 'cut'),
  after: fc.nat(8),
})

// `size: 'max'`, because the shortest lists, which are else preferred, race least.
const plan: fc.Arbitrary<Plan> = fc.record({
  isSlow: fc.boolean(),
  backend: fc.constantFrom(...BACKENDS.filter((name) => name !== 'null')),
  acquire: fc.constantFrom('start', 'first-query'),
  autosave: fc.constantFrom('never', 'always'),
  handOver: fc.boolean(),
  timeout: fc.constant('15s'),
  stalls: fc.constant(false),
  pipelining: fc.constantFrom(1, 4),
  statements: fc.array(fc.constantFrom('insert', 'insert', 'insert', 'insert', 'fail', 'savepoint', 'undo'), {
    maxLength: 3,
    size: 'max',
  }),
  isParallel: fc.boolean(),
  end: fc.constantFrom('commit', 'commit', 'commit', 'rollback'),
  disturbances: fc.array(disturbance, { maxLength: 2, size: 'max' }),
  rivals: fc.array(fc.constantFrom('call', 'read', 'transaction', 'undone', 'abandoned', 'aborted'), {
    maxLength: 3,
  }),
})

/** Others wait for the connection of a transaction, and its COMMIT takes longer than they may wait. */
const stalledPlan: fc.Arbitrary<Plan> = fc
  .record({
    plan,
    rivals: fc.array(fc.constantFrom('read', 'read', 'transaction', 'call'), { minLength: 1, maxLength: 3 }),
  })
  .map(({ plan, rivals }) => ({
    ...plan,
    isSlow: false,
    backend: 'native',
    handOver: true,
    timeout: '60ms',
    stalls: true,
    statements: ['insert'],
    end: 'commit',
    rivals,
    disturbances: plan.disturbances.slice(1),
  }))

let database: TestDatabase
const wire = new SteppedWire()
let url: string
const watch = collectWarnings()

beforeAll(async () => {
  database = await createTestDatabase()
  await database.query('CREATE TABLE log (who text NOT NULL, n int NOT NULL)')
  url = await wire.inFrontOf(database.url)
})

afterAll(async () => {
  watch.stop()
  wire.close()
  await database.drop()
})

type Outcome = 'done' | 'unknown' | Error

/** Never rejects; so that no failure is unhandled, whoever looks at it when. */
function outcomeOf(promise: Promise<unknown>): Promise<Outcome> {
  return promise.then(
    () => 'done',
    (error: unknown) => (isOutcomeUnknown(error) ? 'unknown' : (error as Error)),
  )
}

class Race {
  readonly factory: RealPoolAdapter
  readonly #backend: Backend
  readonly #plan: Plan
  readonly #scheduler: fc.Scheduler
  #tx: Transaction | undefined
  readonly #adapters: SqlDriverAdapter[] = []
  /** What became of each write of its own, by name. */
  readonly writes = new Map<string, Outcome>()
  /** The rows that the transaction was told it has written, less those that it has undone since. */
  readonly written: number[] = []
  readonly commits: Outcome[] = []
  readonly rivalFailures: string[] = []
  /** One at a time: whoever observes has one connection. */
  #killing = Promise.resolve()

  constructor(plan: Plan, scheduler: fc.Scheduler) {
    this.#plan = plan
    this.#scheduler = scheduler
    const { backend, acquire, autosave, handOver, pipelining, timeout } = plan
    this.#backend = backendFor(
      backend,
      url,
      { minSize: 1, maxSize: 1, timeout, pipelining },
      { application_name: SUBJECT, transaction: { acquire, autosave, handOver } },
    )
    this.factory = new RealPoolAdapter(this.#backend.options)
  }

  get mayFailAnyone(): boolean {
    if (this.#plan.timeout !== '15s') return true
    return this.#plan.disturbances.some(({ what }) => !HARMLESS.has(what))
  }

  /** How many connections there must be afterwards, where that is ours to say. */
  get size(): number | undefined {
    if (this.#plan.backend !== 'native') return undefined
    return this.#plan.disturbances.some(({ what }) => what === 'dispose') ? 0 : 1
  }

  async run(): Promise<void> {
    const adapter = await this.factory.connect()
    this.#adapters.push(adapter)
    await this.factory.pool.wait()
    wire.scheduler = this.#scheduler
    try {
      await this.#scheduler.waitFor(
        Promise.all([
          this.#transact(adapter),
          ...this.#plan.rivals.map((what, n) => this.#rival(adapter, what, n)),
        ]),
        async (step) => {
          await step()
          if (this.#plan.isSlow) await sleep(ANSWER_MS)
        },
      )
    } finally {
      wire.scheduler = undefined
      wire.spare()
      // What was on its way arrives.
      await this.#scheduler.waitIdle()
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.#adapters.map((adapter) => adapter.dispose()))
    await this.#backend.end()
  }

  #step(label: string): Promise<void> {
    return this.#scheduler.schedule(Promise.resolve(), label)
  }

  async #transact(adapter: SqlDriverAdapter): Promise<void> {
    const during = this.#plan.disturbances.map((disturbance) => this.#disturb(disturbance, adapter))
    // Somebody may dispose of the adapter, or end its only connection, before there is one.
    this.#tx = await adapter.startTransaction().catch(() => undefined)
    if (this.#tx !== undefined) await this.#work(this.#tx)
    await Promise.all(during)
  }

  async #work(tx: Transaction): Promise<void> {
    const running: Promise<unknown>[] = []
    let saved = 0
    let isSaved = false
    for (const [n, what] of this.#plan.statements.entries()) {
      await this.#step(what)
      if (what === 'insert') running.push(this.#insert(tx, n))
      if (what === 'fail') running.push(outcomeOf(tx.queryRaw(sql('SELECT 1 / 0'))))
      // The order of the calls is that of the statements, so that what is written before a savepoint is known.
      if (what === 'savepoint' || what === 'undo') await Promise.all(running)
      if (what === 'savepoint' && !isSaved) {
        isSaved = (await outcomeOf(tx.createSavepoint!('s'))) === 'done'
        saved = this.written.length
      }
      if (what === 'undo' && isSaved) {
        if ((await outcomeOf(tx.rollbackToSavepoint!('s'))) === 'done') this.written.length = saved
      }
      if (!this.#plan.isParallel) await Promise.all(running)
    }
    await this.#step(this.#plan.end)
    await (this.#plan.end === 'commit' ? this.#commit(tx) : outcomeOf(tx.rollback()))
    await Promise.all(running)
  }

  async #insert(tx: Transaction, n: number): Promise<void> {
    const outcome = await outcomeOf(tx.executeRaw(sql(`INSERT INTO log VALUES ('tx', $1)`, n)))
    if (outcome === 'done') this.written.push(n)
  }

  async #commit(tx: Transaction): Promise<void> {
    const committed = outcomeOf(tx.commit())
    if (this.#plan.stalls) await this.#scheduler.scheduleFunction(() => sleep(STALL_MS))()
    this.commits.push(await committed)
  }

  async #disturb({ what, after }: Disturbance, adapter: SqlDriverAdapter): Promise<void> {
    for (let step = 0; step < after; step++) await this.#step(`${what}, later`)
    await this.#step(`${what}, from outside`)
    if (what === 'dispose') await adapter.dispose()
    if (what === 'cut') wire.cut()
    if (what === 'spoil') wire.spoilCommit()
    if (what === 'kill') {
      this.#killing = this.#killing.then(killAll)
      await this.#killing
    }
    // Whoever ends a transaction has one.
    if (this.#tx === undefined) return
    if (what === 'rollback') await outcomeOf(this.#tx.rollback())
    if (what === 'commit') await this.#commit(this.#tx)
  }

  async #rival(adapter: SqlDriverAdapter, what: Plan['rivals'][number], n: number): Promise<void> {
    await this.#step(what)
    const outcome = await outcomeOf(this.#want(adapter, what, n))
    const isOwn = what === 'transaction' && String(outcome).includes(SPOILED)
    if (outcome !== 'done' && !isOwn) this.rivalFailures.push(`${what}: ${String(outcome)}`)
  }

  async #want(adapter: SqlDriverAdapter, what: Plan['rivals'][number], n: number): Promise<void> {
    const insert = sql('INSERT INTO log VALUES ($1, 0)', `rival ${n}`)
    if (what === 'call') await this.#write(`rival ${n}`, adapter.executeRaw(insert))
    if (what === 'read') {
      const { rows } = await adapter.queryRaw(sql('SELECT $1::int', n))
      if (rows[0]?.[0] !== n) throw new Error(`the answer of another: ${JSON.stringify(rows)}`)
    }
    if (what === 'transaction') {
      const tx = await adapter.startTransaction()
      const ran = await outcomeOf(tx.executeRaw(insert))
      await this.#write(
        `rival ${n}`,
        tx.commit().then(() => ran === 'done' || Promise.reject(ran as Error)),
      )
    }
    if (what === 'undone') {
      const tx = await adapter.startTransaction()
      const ran = outcomeOf(tx.executeRaw(insert))
      await this.#step('undo')
      this.writes.set(`rival ${n}`, new Error('undone'))
      await tx.rollback()
      await ran
    }
    if (what === 'abandoned') await (await adapter.startTransaction()).rollback()
    if (what === 'aborted') {
      const abort = new AbortController()
      const lease = this.factory.pool.acquire({ signal: abort.signal })
      await Promise.all([
        lease.then(
          (granted) => granted.release(),
          () => {},
        ),
        this.#step('abort').then(() => abort.abort()),
      ])
    }
  }

  async #write(who: string, promise: Promise<unknown>): Promise<void> {
    const outcome = await outcomeOf(promise)
    this.writes.set(who, outcome)
    if (outcome !== 'done') throw outcome === 'unknown' ? new Error('unknown') : outcome
  }
}

async function killAll(): Promise<void> {
  await database.query(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND datname = $2',
    [SUBJECT, database.name],
  )
}

async function rowsOf(who: string): Promise<number[]> {
  const rows = await database.query<{ n: number }>('SELECT n FROM log WHERE who = $1 ORDER BY n', [who])
  return rows.map(({ n }) => n)
}

async function expectWhatWasTold(race: Race): Promise<void> {
  const saved = await rowsOf('tx')
  const all = [...race.written].sort()
  if (race.commits.includes('done')) expect(saved).toEqual(all)
  else if (race.commits.includes('unknown')) expect([[], all]).toContainEqual(saved)
  else expect(saved).toEqual([])
  for (const [who, outcome] of race.writes) {
    const rows = await rowsOf(who)
    if (outcome === 'done') expect(rows).toEqual([0])
    else if (outcome === 'unknown') expect([[], [0]]).toContainEqual(rows)
    else expect(rows).toEqual([])
  }
}

/** As the server sees it: nothing runs, is open or locked; and the pool has all that it ever had. */
async function expectNothingLeft(race: Race): Promise<void> {
  await eventually(async () => {
    const states = (await database.backends(SUBJECT)).map(({ state }) => state)
    const { poolSize, poolAvailable, requestsWaiting } = race.factory.pool.getStats()
    expect({ states, poolSize, poolAvailable, requestsWaiting }).toEqual({
      states: Array(race.size ?? states.length).fill('idle'),
      poolSize: states.length,
      poolAvailable: states.length,
      requestsWaiting: 0,
    })
    expect(
      await database.query(
        `SELECT l.* FROM pg_locks l JOIN pg_stat_activity a USING (pid)
          WHERE a.datname = current_database() AND a.application_name = $1`,
        [SUBJECT],
      ),
    ).toEqual([])
  })
}

test.each([
  ['whatever ends when', plan],
  ['whoever is told behind the COMMIT of another that it takes too long', stalledPlan],
])(
  '%s, everybody is told the truth, and nothing is left behind',
  async (_, plan) => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), plan, async (scheduler, plan) => {
        await database.query('TRUNCATE log')
        const race = new Race(plan, scheduler)
        try {
          await race.run()
          const wrong = race.rivalFailures.filter((failure) => failure.includes('the answer of another'))
          expect(race.mayFailAnyone ? wrong : race.rivalFailures).toEqual([])
          await expectNothingLeft(race)
          await expectWhatWasTold(race)
          // Of node-postgres too, which would say that two statements were sent at once.
          expect(watch.warnings).toEqual([])
        } finally {
          await race.end()
        }
      }),
      {
        numRuns,
        timeout: RUN_MS,
        // To run it again changes when things arrive; what is reported is what failed first.
        endOnFailure: true,
        ...(RACE_SEED === undefined ? {} : { seed: Number(RACE_SEED) }),
        ...(RACE_PATH === undefined ? {} : { path: RACE_PATH }),
      },
    )
  },
  30_000 + numRuns * RUN_MS,
)
