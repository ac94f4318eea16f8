// The run: rounds over adapters that differ, each with writers and faults, and after each the audit. It ends with
// the first round in which anything does not hold, with the story of every transfer that is not as it should be.
import os from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { auditPool, untilNone } from '../load/audit.js'
import { auditMoney, type Bank } from '../load/bank.js'
import { Faults } from '../load/faults.js'
import { Journal } from '../load/journal.js'
import { count, Load } from '../load/load.js'
import { Random } from '../load/random.js'
import { list, section } from '../load/text.js'
import { calm, FAULTS } from './faults.js'
import { type Backend, drawTerms, openRound, type Round } from './round.js'
import { Stories } from './stories.js'
import { isExpected, transferBy, WAYS } from './transfers.js'

const ROUNDS = 12
const SHORTEST_ROUND_MS = 2_500
const LONGEST_ROUND_MS = 10_000
/** In each round, after its faults. */
const CALM_MS = 200

/** How much is wanted; 0 is nothing. */
export interface Limits {
  readonly durationMs: number
  readonly transfers: number
  readonly faults: number
}

export class Run {
  readonly #bank: Bank
  readonly #seed: number
  readonly #limits: Limits
  readonly #random: Random
  readonly #journal = new Journal()
  readonly #stories = new Stories()
  readonly #faults: Faults<Round>
  readonly #outcomes = new Map<string, Map<string, number>>()
  readonly #startedAt = performance.now()
  #rounds = 0

  constructor(bank: Bank, seed: number, limits: Limits) {
    this.#limits = limits
    this.#bank = bank
    this.#seed = seed
    this.#random = new Random(seed, 1_000)
    this.#faults = new Faults({
      faults: FAULTS,
      random: new Random(seed),
      pauseMs: (random) => (this.#hasFaultsEnough ? random.between(500, 2_000) : random.between(10, 250)),
    })
  }

  async all(backends: readonly Backend[], violations: string[]): Promise<void> {
    const { durationMs } = this.#limits
    const wantedMs = durationMs === 0 ? Infinity : durationMs / ROUNDS
    const roundMs = Math.min(Math.max(wantedMs, SHORTEST_ROUND_MS), LONGEST_ROUND_MS)
    while (violations.length === 0 && !this.#isEnough) {
      const backend = backends[this.#rounds % backends.length]!
      this.#rounds++
      violations.push(...(await this.#round(backend, roundMs)))
      const { total } = this.#faults
      console.log(
        `  after round ${this.#rounds} (${backend}): ${this.#journal.last} transfers, ${total} faults`,
      )
    }
  }

  get #isEnough(): boolean {
    const { durationMs, transfers, faults } = this.#limits
    return this.#elapsedMs >= durationMs && this.#journal.last >= transfers && this.#faults.total >= faults
  }

  /** As many of the faults that are wanted as of the transfers; then these need some peace. */
  get #hasFaultsEnough(): boolean {
    const { transfers, faults } = this.#limits
    return this.#faults.total * transfers > this.#journal.last * faults
  }

  get #elapsedMs(): number {
    return performance.now() - this.#startedAt
  }

  async #round(backend: Backend, roundMs: number): Promise<string[]> {
    const terms = drawTerms(backend, this.#random)
    const round = await openRound(this.#bank, terms, { journal: this.#journal, stories: this.#stories })
    try {
      return await this.#play(round, roundMs)
    } catch (error) {
      await round.close()
      throw new Error(`round ${this.#rounds}: ${JSON.stringify(terms)}`, { cause: error })
    }
  }

  async #play(round: Round, roundMs: number): Promise<string[]> {
    const { terms } = round
    const load = new Load(round, {
      calls: WAYS.map(([weight, name, way]) => [weight, name, transferBy(name, way)] as const),
      isExpected,
      seed: this.#seed + this.#rounds,
      workers: terms.writers,
    })
    load.start()
    this.#faults.start(round)
    await sleep(roundMs)
    await this.#faults.stop()
    await calm(round)
    await sleep(CALM_MS)
    await load.rest()
    for (const [name, counts] of load.outcomes) {
      const all = this.#outcomes.get(name) ?? new Map<string, number>()
      for (const [outcome, times] of counts) count(all, outcome, times)
      this.#outcomes.set(name, all)
    }
    const problems = [
      ...load.violations,
      ...(await auditSessions(round)),
      ...(await auditPool(round.pooler ? undefined : round.database, round.name, round.adapter.pool)),
    ]
    await round.close()
    problems.push(...(await untilNone(() => sessionsLeft(round))))
    for (const { text, transfer, change } of await auditMoney(round, this.#journal)) {
      const about = transfer === undefined ? [] : [transfer]
      const suspects = change === undefined ? [] : this.#stories.suspects(change)
      const stories = [...about, ...suspects].map((id) => this.#stories.tell(id, this.#faults.incidents))
      problems.push([text, ...stories].join('\n  '))
    }
    return problems.map((problem) => `round ${this.#rounds} (${terms.backend}): ${problem}`)
  }

  async report(): Promise<string> {
    const [saved] = await this.#bank.database.query<{ unknown: number; version: string }>(
      `SELECT count(*)::int AS unknown, current_setting('server_version') AS version
         FROM "Transfer" WHERE "isMade" AND "id" = ANY ($1)`,
      [this.#journal.all('unknown')],
    )
    const { unknown, version } = saved!
    return [
      section(
        'Calls',
        [...this.#outcomes].sort().map(([name, counts]) => [name, list(counts)]),
      ),
      section(
        `Faults: ${this.#faults.total}`,
        [...this.#faults.counts].sort().map(([name, times]) => [name, String(times)]),
      ),
      section('Transfers', [['', `${this.#journal.summary()} (of which ${unknown} were saved)`]]),
      section('Run', [
        ['', `${Math.round(this.#elapsedMs / 1_000)} s, ${this.#rounds} rounds`],
        [
          '',
          `PostgreSQL ${version}, Node ${process.versions.node}, ${os.cpus().length} × ${os.cpus()[0]?.model ?? '?'}`,
        ],
      ]),
    ].join('\n')
  }
}

/** At rest no session of ours does anything, is in a transaction or holds a lock. */
function auditSessions({ database, name }: Round): Promise<string[]> {
  return untilNone(async () => {
    const rows = await database.query<{ pid: number; state: string; query: string; locks: string }>(
      `SELECT pid, state, query, coalesce(string_agg(locktype || ' ' || mode, ', '), '') AS locks
         FROM pg_stat_activity LEFT JOIN pg_locks USING (pid)
        WHERE application_name = '${name}' GROUP BY pid, state, query
       HAVING state <> 'idle' OR count(locktype) > 0`,
    )
    return rows.map(({ pid, state, query, locks }) => `session ${pid} at rest: ${state}, ${locks}, ${query}`)
  })
}

async function sessionsLeft({ database, name }: Round): Promise<string[]> {
  const left = await database.backends(name)
  return left.map(({ pid, state, query }) => `session ${pid} after the end: ${state ?? ''}, ${query}`)
}
