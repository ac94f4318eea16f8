// `pool.sessionReset`: what a function, DO or CALL leaves in the session does not reach the next lease.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { Client } from 'pg'
import type { PoolOptions } from 'prisma-pg-real-pool'
import { COUNT_LOCKS } from '../integration/support.js'
import type { PrismaClient } from '../generated/prisma/client.js'
import { BACKEND, type OtherOptions } from '../support/backends.js'
import { eventually } from '../support/eventually.js'
import { describeOrSkip } from '../support/or-skip.js'
import { WireTap } from '../support/wire-tap.js'
import {
  createWorld,
  errorOf,
  log,
  logged,
  openBehind,
  type Opened,
  PATIENT,
  pidOf,
  SUBJECT,
  type World,
} from './support.js'

const describeHere = describeOrSkip(
  BACKEND === 'native' ? undefined : `over ${BACKEND} the pool lends no session a second time`,
)

let world: World
let tappedUrl: string
const tap = new WireTap()

/** Leftovers of functions: how to make each, and a query that answers `true` in a session without it. */
const LEFTOVERS = {
  setting: [
    `PERFORM set_config('app.tenant', 'mine', false)`,
    `SELECT coalesce(current_setting('app.tenant', true), '') = ''`,
  ],
  isolation: [
    `PERFORM set_config('default_transaction_isolation', 'serializable', false)`,
    `SELECT current_setting('default_transaction_isolation') = 'read committed'`,
  ],
  role: [`EXECUTE 'SET ROLE pg_monitor'`, 'SELECT current_user = session_user'],
  user: [`EXECUTE 'SET SESSION AUTHORIZATION pg_monitor'`, `SELECT session_user <> 'pg_monitor'`],
  'temporary table': [
    'CREATE TEMP TABLE IF NOT EXISTS leftover (n int)',
    `SELECT to_regclass('pg_temp.leftover') IS NULL`,
  ],
  lock: ['PERFORM pg_advisory_lock(42)', `SELECT (${COUNT_LOCKS}) = 0`],
  subscription: [`EXECUTE 'LISTEN news'`, 'SELECT count(*) = 0 FROM pg_listening_channels()'],
  cursor: [
    `EXECUTE 'DECLARE leftover CURSOR WITH HOLD FOR SELECT 1'`,
    'SELECT count(*) = 0 FROM pg_cursors WHERE is_holdable',
  ],
} as const

type Leftover = keyof typeof LEFTOVERS

const SETTINGS: readonly Leftover[] = ['setting', 'isolation', 'role', 'user']
const ALL = Object.keys(LEFTOVERS) as Leftover[]
const CASES = [
  ...SETTINGS.map((leftover) => ['settings', leftover] as const),
  ...ALL.map((leftover) => ['all', leftover] as const),
]

const identifier = (leftover: Leftover) => leftover.replace(/\W/g, '_')
const CALL = (leftover: Leftover) => `SELECT leave_${identifier(leftover)}()::text`

beforeAll(async () => {
  world = await createWorld()
  for (const leftover of ALL) {
    const [body] = LEFTOVERS[leftover]
    const name = `leave_${identifier(leftover)}`
    await world.database.query(`
      CREATE FUNCTION ${name}() RETURNS int LANGUAGE plpgsql AS $$ BEGIN ${body}; RETURN 1; END $$;
      CREATE PROCEDURE call_${name}() LANGUAGE plpgsql AS $$ BEGIN ${body}; END $$`)
  }
  tappedUrl = await tap.inFrontOf(world.database.url)
})

afterAll(async () => {
  await world.close()
  tap.close()
})

beforeEach(() => world.empty())

afterEach(() => world.leave())

function open(pool: PoolOptions, options: OtherOptions = {}): Promise<Opened> {
  return openBehind(tap, world, pool, { ...options, connectionString: tappedUrl })
}

type Asker = Pick<PrismaClient, '$queryRawUnsafe'>

async function isClean(client: Asker, leftover: Leftover): Promise<boolean> {
  const [row] = await client.$queryRawUnsafe<object[]>(LEFTOVERS[leftover][1])
  return Object.values(row!)[0] as boolean
}

const nothing = () => Promise.resolve()

/** Makes calls that wait for the one connection in this order, while a lease has it that does something first. */
async function inTurn<const C extends readonly (() => Promise<unknown>)[]>(
  { adapter: { pool } }: Opened,
  work: (client: Client) => Promise<unknown>,
  ...calls: C
): Promise<{ [K in keyof C]: Awaited<ReturnType<C[K]>> }> {
  const lease = await pool.acquire()
  await work(lease.client)
  const waiting: Promise<unknown>[] = []
  for (const call of calls) {
    // Prisma starts a call only when its promise is awaited.
    waiting.push(Promise.resolve(call()))
    await eventually(() => expect(pool.getStats().requestsWaiting).toBe(waiting.length))
  }
  tap.take()
  await lease.release()
  return (await Promise.all(waiting)) as { [K in keyof C]: Awaited<ReturnType<C[K]>> }
}

describeHere('the next lease finds no leftover', () => {
  test.each(CASES)(`with '%s': %s of a function`, async (sessionReset, leftover) => {
    const { prisma } = await open({ sessionReset })
    const pid = await pidOf(prisma)
    await prisma.$queryRawUnsafe(CALL(leftover))
    expect(await isClean(prisma, leftover)).toBe(true)
    expect(await pidOf(prisma)).toBe(pid)
  })

  test.each(CASES)(
    `with '%s': %s of a function, where the next waits already`,
    async (sessionReset, leftover) => {
      const opened = await open({ sessionReset })
      const { prisma } = opened
      const pid = await pidOf(prisma)
      const answers = await inTurn(
        opened,
        (client) => client.query(CALL(leftover)),
        () => isClean(prisma, leftover),
        () => prisma.$queryRawUnsafe(CALL(leftover)),
        () => prisma.$transaction((tx) => isClean(tx, leftover), PATIENT),
        () => prisma.$queryRawUnsafe(CALL(leftover)),
        () => isClean(prisma, leftover),
      )
      expect(answers.filter((answer) => typeof answer === 'boolean')).toEqual([true, true, true])
      expect(await pidOf(prisma)).toBe(pid)
    },
  )

  test.each(CASES)(`with '%s': %s of DO, in a transaction`, async (sessionReset, leftover) => {
    const opened = await open({ sessionReset })
    const { prisma } = opened
    const leave = () =>
      prisma.$transaction(async (tx) => {
        await log(tx, 'before')
        await tx.$executeRawUnsafe(`DO $$ BEGIN ${LEFTOVERS[leftover][0]}; END $$`)
      }, PATIENT)
    const [, ...answers] = await inTurn(
      opened,
      nothing,
      leave,
      () => isClean(prisma, leftover),
      () => prisma.$transaction((tx) => isClean(tx, leftover), PATIENT),
    )
    expect(answers).toEqual([true, true])
    expect(await logged(world)).toEqual(['before'])
  })

  test.each(CASES)(`with '%s': %s of CALL, for a lease of the pool`, async (sessionReset, leftover) => {
    const opened = await open({ sessionReset })
    const { adapter, prisma } = opened
    const [, ...answers] = await inTurn(
      opened,
      nothing,
      () => prisma.$executeRawUnsafe(`CALL call_leave_${identifier(leftover)}()`),
      () =>
        adapter.pool.use(async (client) => {
          const { rows } = await client.query<[boolean]>({ text: LEFTOVERS[leftover][1], rowMode: 'array' })
          await client.query(CALL(leftover))
          return rows[0]![0]
        }),
      () => isClean(prisma, leftover),
    )
    expect(answers).toEqual([true, true])
  })

  test('a transaction that rolls back does not bring back what the reset has undone', async () => {
    const opened = await open({ sessionReset: 'settings' })
    const { prisma } = opened
    const rollBack = () =>
      prisma.$transaction(async (tx) => {
        if (!(await isClean(tx, 'setting'))) return 'not clean'
        await log(tx, 'never saved')
        throw new Error('rolled back')
      }, PATIENT)
    const [error, isCleanNow] = await inTurn(
      opened,
      (client) => client.query(CALL('setting')),
      () => rollBack().catch((reason: Error) => reason.message),
      () => isClean(prisma, 'setting'),
    )
    expect([error, isCleanNow]).toEqual(['rolled back', true])
    expect(await logged(world)).toEqual([])
  })

  test("a raw script of several statements does not (rawScripts: 'allow')", async () => {
    const opened = await open({ sessionReset: 'settings' }, { rawScripts: 'allow' })
    const { prisma } = opened
    const [rows] = await inTurn(
      opened,
      (client) => client.query(CALL('setting')),
      () =>
        prisma.$queryRawUnsafe<{ tenant: string }[]>(
          `SELECT 1; SELECT current_setting('app.tenant', true) AS tenant`,
        ),
    )
    expect(rows).toEqual([{ tenant: '' }])
  })

  test('also where calls share connections', async () => {
    const opened = await open({ sessionReset: 'settings', pipelining: 8 })
    const { prisma } = opened
    const ask = () =>
      prisma.$queryRawUnsafe<{ tenant: string | null }[]>(
        `SELECT current_setting('app.tenant', true) AS tenant`,
      )
    const answers = await inTurn(
      opened,
      (client) => client.query(CALL('setting')),
      ...Array.from({ length: 20 }, () => ask),
    )
    expect([...new Set(answers.map(([row]) => row!.tenant ?? ''))]).toEqual([''])
  })
})

describeHere('what `configure` has set is there for the next lease behind', () => {
  const CONFIGURED = `SELECT current_setting('app.tenant') AS tenant`
  const UNDOING = ['RESET ALL', 'RESET app.tenant', 'SET app.tenant TO DEFAULT', 'RESET ROLE; RESET ALL']

  function openConfigured(pool: PoolOptions = {}): Promise<Opened> {
    return open({ ...pool, configure: (client) => client.query(`SET app.tenant = 'nobody'`) })
  }

  test.each([...UNDOING, 'DISCARD ALL'])('%s in a lease', async (text) => {
    const { adapter, prisma } = await openConfigured()
    await adapter.pool.use((client) => client.query(text))
    expect(await prisma.$queryRawUnsafe(CONFIGURED)).toEqual([{ tenant: 'nobody' }])
  })

  test.each([...UNDOING, 'DISCARD ALL'])('%s in a script', async (text) => {
    const { adapter, prisma } = await openConfigured()
    const migrations = await adapter.connect()
    await migrations.executeScript(`SELECT 1; ${text}`)
    expect(await prisma.$queryRawUnsafe(CONFIGURED)).toEqual([{ tenant: 'nobody' }])
    await migrations.dispose()
  })

  test.each(UNDOING.slice(0, 3))('%s in a call, and in a transaction', async (text) => {
    const { prisma } = await openConfigured()
    await prisma.$executeRawUnsafe(text)
    expect(await prisma.$queryRawUnsafe(CONFIGURED)).toEqual([{ tenant: 'nobody' }])
    await prisma.$transaction((tx) => tx.$executeRawUnsafe(text), PATIENT)
    expect(await prisma.$queryRawUnsafe(CONFIGURED)).toEqual([{ tenant: 'nobody' }])
  })

  test("RESET in a DO block, with 'settings'", async () => {
    const { prisma } = await openConfigured({ sessionReset: 'settings' })
    await prisma.$executeRawUnsafe(`DO $$ BEGIN RESET ALL; END $$`)
    expect(await prisma.$queryRawUnsafe(CONFIGURED)).toEqual([{ tenant: 'nobody' }])
  })
})

describeHere('a lock of the session', () => {
  const locks = async () => (await world.database.query<{ count: number }>(COUNT_LOCKS))[0]!.count

  test('is released soon, also where the next holder sends nothing yet', async () => {
    const opened = await open({ sessionReset: 'all' })
    const { prisma } = opened
    const answers = await inTurn(
      opened,
      (client) => client.query(CALL('lock')),
      () =>
        prisma.$transaction(async (tx) => {
          await eventually(async () => expect(await locks()).toBe(0))
          return tx.user.count()
        }, PATIENT),
    )
    expect(answers).toEqual([0])
  })

  test('is released while the connection is idle', async () => {
    const { prisma } = await open({ sessionReset: 'all' })
    await prisma.$queryRawUnsafe(CALL('lock'))
    await eventually(async () => expect(await locks()).toBe(0))
  })
})

describeHere('a reset', () => {
  test('travels in the packet of a caller who waits, and alone where no caller does', async () => {
    const opened = await open({ sessionReset: 'settings' })
    const { prisma } = opened
    await inTurn(
      opened,
      nothing,
      () => prisma.$queryRawUnsafe('SELECT 1'),
      () => prisma.$queryRawUnsafe('SELECT 2'),
    )
    const reset = [
      'BEGIN ISOLATION LEVEL READ COMMITTED',
      'RESET SESSION AUTHORIZATION',
      'RESET ALL',
      'COMMIT',
    ]
    await eventually(async () =>
      expect((await world.database.backends(SUBJECT))[0]!.query).toBe(reset.join('; ')),
    )
    expect(tap.take()).toEqual({
      roundTrips: 3,
      texts: [...reset, 'SELECT 1', ...reset, 'SELECT 2', reset.join('; ')],
    })
  })

  test('is not sent with `detected`, nor behind a new connection', async () => {
    const { prisma } = await open({ sessionReset: 'detected' })
    await prisma.$queryRawUnsafe('SELECT 1')
    expect(tap.take()).toEqual({ roundTrips: 1, texts: ['SELECT 1'] })
    const { prisma: other } = await open({ sessionReset: 'all' })
    expect(tap.take().texts).toEqual([])
    await other.$queryRawUnsafe('SELECT 1')
    expect(tap.take().texts[0]).toBe('SELECT 1')
  })

  test('does not commit a transaction whose first statement query_timeout gave up', async () => {
    const opened = await open({ sessionReset: 'settings' }, { query_timeout: 400 })
    const { prisma } = opened
    const [error] = await inTurn(opened, nothing, () =>
      errorOf(
        prisma.$transaction(async (tx) => {
          await errorOf(tx.$executeRaw`INSERT INTO "Log" ("text") SELECT 'first' FROM pg_sleep(0.8)`)
          await log(tx, 'second')
          throw new RangeError('rolled back')
        }, PATIENT),
      ),
    )
    expect(error).toBeInstanceOf(RangeError)
    expect(await logged(world)).toEqual([])
  })

  test('leaves what the startup packet asked for, and prepared statements', async () => {
    const { prisma } = await open(
      { sessionReset: 'all' },
      {
        schema: 'pg_catalog',
        statement_timeout: 12_345,
        statementCacheSize: 256,
        options: '-c role=pg_monitor -c app.tenant=nobody',
      },
    )
    const settings = `SELECT current_user::text AS "user", current_setting('app.tenant') AS tenant,
      current_setting('search_path') AS path, current_setting('statement_timeout') AS timeout,
      (SELECT count(*)::int FROM pg_prepared_statements WHERE name LIKE 'real_pool_%') AS prepared`
    for (let use = 0; use < 3; use++) await prisma.$queryRawUnsafe(settings)
    expect(await prisma.$queryRawUnsafe(settings)).toEqual([
      { user: 'pg_monitor', tenant: 'nobody', path: '"pg_catalog"', timeout: '12345ms', prepared: 1 },
    ])
  })

  test('goes behind the COMMIT of a transaction, whose lease is handed over', async () => {
    const opened = await open({ sessionReset: 'settings' })
    const { prisma } = opened
    const [, answer] = await inTurn(
      opened,
      nothing,
      () => prisma.$transaction((tx) => tx.$queryRawUnsafe(CALL('setting')), PATIENT),
      () => isClean(prisma, 'setting'),
    )
    expect(answer).toBe(true)
    const { texts } = tap.take()
    expect(texts.slice(texts.indexOf(CALL('setting')) + 1).slice(0, 3)).toEqual([
      'COMMIT',
      'BEGIN ISOLATION LEVEL READ COMMITTED',
      'RESET SESSION AUTHORIZATION',
    ])
  })

  test('lets `configure` run again, whose settings it undoes', async () => {
    const opened = await open({
      sessionReset: 'settings',
      configure: (client) => client.query(`SET app.tenant = 'nobody'`),
    })
    const { prisma, adapter } = opened
    const text = `SELECT current_setting('app.tenant') AS tenant`
    const answers = await inTurn(
      opened,
      (client) => client.query(CALL('setting')),
      () => prisma.$queryRawUnsafe(text),
      () => prisma.$transaction((tx) => tx.$queryRawUnsafe(text), PATIENT),
      () => adapter.pool.use(async (client) => (await client.query<object>(text)).rows),
    )
    expect(answers).toEqual(Array(3).fill([{ tenant: 'nobody' }]))
  })
})

describeHere('a reset that fails', () => {
  async function leaveSettingAndSpoilReset(client: Client): Promise<void> {
    await client.query(CALL('setting'))
    tap.garble('RESET ALL', 'RESET ALX')
  }

  test('skips the statement behind it, which runs once on another connection', async () => {
    const opened = await open({ sessionReset: 'settings' })
    const { prisma } = opened
    const pid = await pidOf(prisma)
    const answers = await inTurn(
      opened,
      leaveSettingAndSpoilReset,
      () => log(prisma, 'once'),
      () => isClean(prisma, 'setting'),
    )
    expect(answers[1]).toBe(true)
    expect(await pidOf(prisma)).not.toBe(pid)
    expect(await logged(world)).toEqual(['once'])
  })

  test('lets a transaction begin on another connection', async () => {
    const opened = await open({ sessionReset: 'settings' })
    const { prisma } = opened
    const answers = await inTurn(opened, leaveSettingAndSpoilReset, () =>
      prisma.$transaction(async (tx) => {
        await log(tx, 'first')
        const answer = await isClean(tx, 'setting')
        await log(tx, 'second')
        return answer
      }, PATIENT),
    )
    expect(answers).toEqual([true])
    expect(await logged(world)).toEqual(['first', 'second'])
  })

  test('gives a lease of the pool another connection', async () => {
    const opened = await open({ sessionReset: 'settings' })
    const { rows } = await inTurn(opened, leaveSettingAndSpoilReset, () =>
      opened.adapter.pool.use((client) =>
        client.query<{ answer: boolean }>(`${LEFTOVERS.setting[1]} AS answer`),
      ),
    ).then(([result]) => result)
    expect(rows).toEqual([{ answer: true }])
  })

  test('spares the calls that share the connection with it', async () => {
    const opened = await open({ sessionReset: 'settings', pipelining: 8 })
    const { prisma } = opened
    const answers = await inTurn(
      opened,
      leaveSettingAndSpoilReset,
      ...Array.from({ length: 8 }, (_, index) => () => log(prisma, `${index}`)),
      () => isClean(prisma, 'setting'),
    )
    expect(answers.at(-1)).toBe(true)
    expect((await logged(world)).sort()).toEqual(['0', '1', '2', '3', '4', '5', '6', '7'])
  })

  test('costs an idle connection, and no caller notices', async () => {
    const { prisma, adapter } = await open({ sessionReset: 'settings' })
    const pid = await adapter.pool.use(async (client) => {
      await leaveSettingAndSpoilReset(client)
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      return rows[0]!.pid
    })
    await eventually(() =>
      expect(adapter.pool.getStats()).toMatchObject({ connectionsLost: 1, poolAvailable: 1 }),
    )
    expect(await isClean(prisma, 'setting')).toBe(true)
    expect(await pidOf(prisma)).not.toBe(pid)
  })
})

test("with 'detected', the next lease finds what a function left behind", async () => {
  const { prisma } = world.open({ maxSize: 1 })
  await prisma.$queryRawUnsafe(CALL('setting'))
  expect(await isClean(prisma, 'setting')).toBe(BACKEND === 'null')
})
