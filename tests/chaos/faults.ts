// What goes wrong while money moves: with the network and the server, with backends at chosen moments, with
// locks, with this process, and with those who look after the pool.
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { ACCOUNTS, type Bank } from '../load/bank.js'
import { calm as calmNetwork, freeze, NETWORK_FAULTS, resizeForAWhile } from '../load/bank-faults.js'
import type { Fault } from '../load/faults.js'
import type { Choice, Random } from '../load/random.js'
import { eventually } from '../support/eventually.js'
import type { Pooler } from './poolers.js'
import type { Round } from './round.js'

const BACK_WITHIN_MS = 20_000
/** How long to look out for a backend in the moment that is wanted. */
const LOOK_MS = 400

/** By the server's own account of itself. */
const MOMENTS = {
  idle: `state = 'idle'`,
  'in a statement': `state = 'active' AND query NOT IN ('COMMIT', 'ROLLBACK')`,
  'in a transaction': `state LIKE 'idle in transaction%'`,
  'in COMMIT': `state = 'active' AND query = 'COMMIT'`,
  // It waits for a standby.
  'in COMMIT that has saved': `wait_event = 'SyncRep'`,
}
type Moment = keyof typeof MOMENTS

/** The server may be away, and with it the connection that asks. */
function ask(bank: Bank, sql: string): Promise<{ pid: number }[]> {
  return eventually(() => bank.database.query<{ pid: number }>(sql), { timeoutMs: BACK_WITHIN_MS })
}

/** A function of the server for when a backend is only to be found. */
const DO_NOTHING = 'abs'

/** Does something to one backend in that moment; resolves to its pid, or to `false` where there was none. */
async function strike(
  round: Round,
  moment: Moment,
  action: 'pg_terminate_backend' | 'pg_cancel_backend' | typeof DO_NOTHING,
): Promise<number | false> {
  const deadline = performance.now() + LOOK_MS
  do {
    const [row] = await ask(
      round,
      `SELECT pid, ${action}(pid) FROM (SELECT pid FROM pg_stat_activity
        WHERE application_name = '${round.name}' AND ${MOMENTS[moment]} ORDER BY random() LIMIT 1) AS victim`,
    )
    if (row !== undefined) return row.pid
    await sleep(5)
  } while (performance.now() < deadline)
  return false
}

/** The server takes the death of a backend for a corruption: it ends all others, and recovers. */
async function murder(round: Round, moment: Moment): Promise<boolean> {
  const pid = await strike(round, moment, DO_NOTHING)
  if (pid === false) return false
  process.kill(pid, 'SIGKILL')
  await sleep(100)
  await ask(round, 'SELECT 1 AS pid')
  return true
}

async function restart({ server }: Bank, mode: 'fast' | 'immediate', random: Random): Promise<void> {
  await server.shutdown(mode)
  await sleep(random.between(0, 700))
  await server.restart()
}

/** COMMITs write their record, and are not answered: they wait for a standby that does not exist. */
async function withoutStandby<T>(bank: Bank, work: () => Promise<T>): Promise<T> {
  await ask(bank, `ALTER SYSTEM SET synchronous_standby_names = 'nobody'`)
  await ask(bank, 'SELECT pg_reload_conf()')
  try {
    return await work()
  } finally {
    await withStandby(bank)
  }
}

async function withStandby(bank: Bank): Promise<void> {
  await ask(bank, 'ALTER SYSTEM RESET synchronous_standby_names')
  await ask(bank, 'SELECT pg_reload_conf()')
}

async function lock({ database }: Bank, sql: string, ms: number): Promise<void> {
  const client = new pg.Client({ connectionString: database.url })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query('BEGIN')
    await client.query(`SET LOCAL lock_timeout = '1s'`)
    await client.query(sql)
    await sleep(ms)
  } catch (error) {
    // In a deadlock with those whom it is to hold up, or too late for its lock.
    if (!/^(40P01|55P03)$/.test((error as { code?: string }).code ?? '')) throw error
  } finally {
    await client.end()
  }
}

function freezeProcess(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

/** A fault of the way between PgBouncer and the server, or of PgBouncer itself; nothing in rounds without it. */
function behind(fault: (pooler: Pooler, random: Random) => unknown): Fault<Round> {
  return ({ pooler }, random) => (pooler === undefined ? false : fault(pooler, random))
}

const POOLER_FAULTS: readonly Choice<Fault<Round>>[] = [
  [8, 'cut behind PgBouncer', behind(({ far }) => far.cut())],
  [
    12,
    'cut within a message behind PgBouncer',
    behind(({ far }, random) =>
      far.cutAfterBytes(random.between(1, 300), random.of('toServer', 'toClient', 'toClient')),
    ),
  ],
  [
    4,
    'stall behind PgBouncer, then cut',
    behind(async ({ far }, random) => {
      far.stall()
      await sleep(random.between(5, 300))
      far.cut()
      far.resume()
    }),
  ],
  // Longer than its `query_timeout`.
  [
    1,
    'stall behind PgBouncer',
    behind(async ({ far }) => {
      far.stall()
      await sleep(1_500)
      far.resume()
    }),
  ],
  [
    1,
    'PgBouncer restarted',
    behind(async ({ bouncer }, random) => {
      await bouncer.stop()
      await sleep(random.between(0, 300))
      await bouncer.start()
    }),
  ],
]

export const FAULTS: readonly Choice<Fault<Round>>[] = [
  ...NETWORK_FAULTS,
  ...POOLER_FAULTS,
  [
    6,
    'stall, then cut',
    async ({ proxy }, random) => {
      proxy.stall()
      await sleep(random.between(5, 300))
      proxy.cut()
      proxy.resume()
    },
  ],
  ...(['idle', 'in a statement', 'in a transaction', 'in COMMIT'] as const).map(
    (moment): Choice<Fault<Round>> => [
      4,
      `backend ended, ${moment}`,
      (round) => strike(round, moment, 'pg_terminate_backend'),
    ],
  ),
  ...(['in a statement', 'in COMMIT'] as const).map((moment): Choice<Fault<Round>> => [
    4,
    `statement cancelled, ${moment}`,
    (round) => strike(round, moment, 'pg_cancel_backend'),
  ]),
  [
    2,
    'backend ended, in COMMIT that has saved',
    (round) => withoutStandby(round, () => strike(round, 'in COMMIT that has saved', 'pg_terminate_backend')),
  ],
  [
    2,
    'statement cancelled, in COMMIT that has saved',
    (round) => withoutStandby(round, () => strike(round, 'in COMMIT that has saved', 'pg_cancel_backend')),
  ],
  [
    2,
    'network cut, in COMMITs that have saved',
    (round) =>
      withoutStandby(round, async () => {
        const pid = await strike(round, 'in COMMIT that has saved', DO_NOTHING)
        round.proxy.cut()
        return pid
      }),
  ],
  [
    2,
    'all backends ended',
    (round) =>
      ask(
        round,
        `SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '${round.name}'`,
      ),
  ],
  [1, 'backend killed (SIGKILL), in a statement', (round) => murder(round, 'in a statement')],
  [1, 'backend killed (SIGKILL), in COMMIT', (round) => murder(round, 'in COMMIT')],
  [1, 'server restarted (fast)', (round, random) => restart(round, 'fast', random)],
  [1, 'server restarted (immediate)', (round, random) => restart(round, 'immediate', random)],
  [2, 'server frozen', freeze],
  [2, 'this process frozen', (_, random) => freezeProcess(random.between(50, 600))],
  [
    3,
    'account locked',
    (round, random) =>
      lock(
        round,
        `SELECT FROM "User" WHERE "id" = ${random.between(1, ACCOUNTS)} FOR UPDATE`,
        random.between(100, 700),
      ),
  ],
  [
    2,
    'all accounts locked',
    (round, random) => lock(round, 'LOCK TABLE "User" IN EXCLUSIVE MODE', random.between(50, 400)),
  ],
  [3, 'client disconnected', ({ clients }, random) => random.of(...clients).$disconnect()],
  [1, 'pool drained', ({ adapter }) => adapter.pool.drain()],
  [1, 'pool checked', ({ adapter }) => adapter.pool.check()],
  [
    1,
    'pool resized',
    ({ adapter, terms }, random) => terms.backend === 'native' && resizeForAWhile(adapter.pool, random),
  ],
]

/** As it was before the faults. */
export async function calm(round: Round): Promise<void> {
  calmNetwork(round)
  if (round.pooler !== undefined) calmNetwork({ proxy: round.pooler.far })
  await withStandby(round)
}
