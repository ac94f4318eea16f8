// Commit hand-over (`transaction.handOver`): the next borrower's first packet follows COMMIT on the wire. What becomes of
// the one concerns the other only where the connection itself ends.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { isOutcomeUnknown, isSilentRollback, type PoolOptions } from 'prisma-pg-real-pool'
import { BACKEND, type OtherOptions } from '../support/backends.js'
import { eventually } from '../support/eventually.js'
import { describeOrSkip } from '../support/or-skip.js'
import { WireTap } from '../support/wire-tap.js'
import {
  createWorld,
  errorOf,
  expectAtRest,
  knownErrorOf,
  log,
  logged,
  openBehind,
  type Opened,
  PATIENT,
  pidOf,
  sessionEnds,
  slowCommits,
  SUBJECT,
  type World,
} from './support.js'

const describeWhereHandedOver = describeOrSkip(
  BACKEND === 'native' ? undefined : `over ${BACKEND} connections are not handed over`,
)

/** What the row is called behind which COMMIT takes its time, and how much. */
const SLOW = 'slow'
const SLOW_S = 2

/** Who may follow. */
const FOLLOWERS = ['transaction', 'read'] as const

let world: World
let tappedUrl: string
const tap = new WireTap()

beforeAll(async () => {
  world = await createWorld()
  await slowCommits(world, 'Log', SLOW_S, `NEW."text" = '${SLOW}'`)
  tappedUrl = await tap.inFrontOf(world.database.url)
})

afterAll(async () => {
  await world.close()
  tap.close()
})

beforeEach(() => world.empty())

afterEach(() => world.leave())

function open(pool: PoolOptions = {}, options: OtherOptions = {}): Promise<Opened> {
  const connectionString = tappedUrl + (options.connectionString ?? '')
  return openBehind(tap, world, { timeout: '20s', ...pool }, { ...options, connectionString })
}

/** Commits a row, which takes its time, while others wait for the connection; resolves when the server is at it. */
async function commitSlowly({ prisma, adapter }: Opened, others: () => Promise<unknown>[]) {
  let waiting: Promise<unknown>[] = []
  const committed = prisma.$transaction(async (tx) => {
    await log(tx, SLOW)
    waiting = others()
    await eventually(() => expect(adapter.pool.getStats().requestsWaiting).toBe(waiting.length))
    for (const each of waiting) each.catch(() => {})
  }, PATIENT)
  committed.catch(() => {})
  const pid = await eventually(async () => {
    const [row] = await world.database.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = '${SUBJECT}' AND query = 'COMMIT' AND wait_event = 'PgSleep'`,
    )
    expect(row).toBeDefined()
    return row!.pid
  })
  return { committed, waiting, pid }
}

/** What has been said on the wire behind COMMIT, while the server was still at that; waits for so many texts. */
async function saidBehindCommit(count = 1): Promise<string[]> {
  const texts: string[] = []
  const behind = () => texts.slice(texts.indexOf('COMMIT') + 1)
  await eventually(
    () => {
      texts.push(...tap.take().texts)
      expect(behind().length).toBeGreaterThanOrEqual(count)
    },
    { timeoutMs: SLOW_S * 400 },
  ).catch(() => {})
  const [row] = await world.database.query<{ query: string }>(
    `SELECT query FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = '${SUBJECT}'`,
  )
  expect(row?.query).toBe('COMMIT')
  return behind()
}

/** Prisma sends what it has been asked for only once somebody waits for it. */
const write = (prisma: Opened['prisma'], text: string) =>
  prisma.$executeRawUnsafe(insert(text)).then((count) => count)

const read = (prisma: Opened['prisma'], text: string) =>
  prisma.$queryRawUnsafe<{ text: string }[]>(select(text)).then((rows) => rows.map((row) => row.text))

const select = (text: string) => `SELECT '${text}' AS "text"`

const insert = (text: string) => `INSERT INTO "Log" ("text") VALUES ('${text}')`

describeWhereHandedOver('behind a COMMIT that is not answered yet', () => {
  test('the next transaction begins', async () => {
    const opened = await open()
    const { prisma, adapter } = opened
    const { committed, waiting } = await commitSlowly(opened, () => [
      prisma.$transaction(async (tx) => {
        await tx.$executeRawUnsafe(insert('next'))
        await tx.$executeRawUnsafe(insert('and more'))
      }, PATIENT),
    ])
    expect(await saidBehindCommit(2)).toEqual(['BEGIN', insert('next')])
    await Promise.all([committed, ...waiting])
    expect(await logged(world)).toEqual([SLOW, 'next', 'and more'])
    const ids = await world.database.query<{ id: string }>('SELECT DISTINCT xmin::text AS id FROM "Log"')
    expect(ids).toHaveLength(2)
    await expectAtRest(world, adapter, 1)
    expect(adapter.pool.getStats()).toMatchObject({ connectionsNum: 1, returnsBad: 0 })
  })

  test('a read is sent', async () => {
    const opened = await open({ pipelining: 1 })
    const { prisma, adapter } = opened
    const { committed, waiting } = await commitSlowly(opened, () => [
      read(prisma, 'next'),
      read(prisma, 'last'),
    ])
    // A connection is handed over to one holder only.
    expect(await saidBehindCommit(2)).toEqual([select('next')])
    await committed
    expect(await Promise.all(waiting)).toEqual([['next'], ['last']])
    await expectAtRest(world, adapter, 1)
  })

  test('reads that share a connection are sent, as many as may', async () => {
    const opened = await open({ pipelining: 4 })
    const { prisma, adapter } = opened
    const texts = ['one', 'two', 'three']
    const { committed, waiting } = await commitSlowly(opened, () => texts.map((text) => read(prisma, text)))
    expect(await saidBehindCommit(3)).toEqual(texts.map(select))
    await committed
    expect(await Promise.all(waiting)).toEqual([['one'], ['two'], ['three']])
    await expectAtRest(world, adapter, 1)
  })

  test.each([1, 4])('no write outside of a transaction is sent, with `pipelining` %i', async (pipelining) => {
    const opened = await open({ pipelining })
    const { prisma, adapter } = opened
    const { committed, waiting } = await commitSlowly(opened, () => [
      write(prisma, 'next'),
      write(prisma, 'last'),
    ])
    expect(await saidBehindCommit()).toEqual([])
    await committed
    expect(await Promise.all(waiting)).toEqual([1, 1])
    expect(await logged(world)).toEqual([SLOW, 'next', 'last'])
    await expectAtRest(world, adapter, 1)
  })

  test('no write is sent beside a read', async () => {
    const opened = await open({ pipelining: 4 })
    const { prisma, adapter } = opened
    const { committed, waiting } = await commitSlowly(opened, () => [
      read(prisma, 'next'),
      write(prisma, 'last'),
    ])
    expect(await saidBehindCommit(2)).toEqual([select('next')])
    await committed
    expect(await Promise.all(waiting)).toEqual([['next'], 1])
    await expectAtRest(world, adapter, 1)
  })

  test('a client that is lent to the application is not, nor is anything past it', async () => {
    const opened = await open()
    const { prisma, adapter } = opened
    const { committed, waiting } = await commitSlowly(opened, () => [
      adapter.pool.use((client) => client.query(insert('lent'))),
      read(prisma, 'next'),
    ])
    expect(await saidBehindCommit()).toEqual([])
    await Promise.all([committed, ...waiting])
    expect(await logged(world)).toEqual([SLOW, 'lent'])
  })

  test.each<[string, PoolOptions, OtherOptions]>([
    ['`handOver: false`', {}, { transaction: { handOver: false } }],
    ['`queryTimeout`', {}, { queryTimeout: '1m' }],
    ['`query_timeout`', { pipelining: 1 }, { query_timeout: 60_000 }],
    ['`query_timeout` in the URL', { pipelining: 1 }, { connectionString: '?query_timeout=60000' }],
    ['a `reset` hook', { reset: () => Promise.resolve() }, {}],
    ['`configure` beside `sessionReset`', { configure: () => {}, sessionReset: 'settings' }, {}],
  ])('nothing is sent with %s', async (_, pool, options) => {
    const opened = await open(pool, options)
    const { committed, waiting } = await commitSlowly(opened, () => [read(opened.prisma, 'next')])
    expect(await saidBehindCommit()).toEqual([])
    expect(await Promise.all([committed, ...waiting])).toEqual([undefined, ['next']])
  })

  test('nothing is sent on a session that was changed', async () => {
    const opened = await open()
    const { prisma } = opened
    let other: Promise<string[]> | undefined
    await prisma.$transaction(async (tx) => {
      await tx.$executeRaw`SELECT set_config('work_mem', '1234kB', false)`
      other = prisma.$queryRaw<{ work_mem: string }[]>`SHOW work_mem`.then((rows) =>
        rows.map(({ work_mem }) => work_mem),
      )
      await eventually(() => expect(opened.adapter.pool.getStats().requestsWaiting).toBe(1))
    }, PATIENT)
    expect(await other).not.toEqual(['1234kB'])
  })

  test('a transaction that is timed out leaves the COMMIT before it alone', async () => {
    const opened = await open()
    const { prisma, adapter } = opened
    const before = performance.now()
    const { committed, waiting, pid } = await commitSlowly(opened, () => [
      knownErrorOf(
        prisma.$transaction((tx) => tx.$executeRawUnsafe(insert('too late')), {
          maxWait: 20_000,
          timeout: 200,
        }),
      ),
    ])
    const [error] = await Promise.all(waiting)
    expect(error).toMatchObject({ code: 'P2028' })
    // Told while the server is still at the COMMIT.
    const [row] = await world.database.query<{ query: string }>(
      'SELECT query FROM pg_stat_activity WHERE pid = $1',
      [pid],
    )
    expect(row?.query).toBe('COMMIT')
    await committed
    expect(performance.now() - before).toBeGreaterThan(SLOW_S * 900)
    await eventually(() => expectAtRest(world, adapter, 1))
    expect(await logged(world)).toEqual([SLOW])
    expect(await pidOf(prisma)).toBe(pid)
  })
})

describeWhereHandedOver('a COMMIT', () => {
  /** A transaction that will fail as it commits, and two others that wait for its connection; returns its error. */
  async function failToCommit(
    { prisma, adapter }: Opened,
    breakIt: (tx: Parameters<typeof log>[0]) => Promise<unknown>,
    first: (typeof FOLLOWERS)[number],
  ) {
    const others: Promise<unknown>[] = []
    const begin = () =>
      prisma.$transaction(async (next) => {
        await log(next, 'next')
        await log(next, 'and more')
      }, PATIENT)
    const call = () => read(prisma, 'read')
    const error = await errorOf(
      prisma.$transaction(async (tx) => {
        await log(tx, 'not saved')
        await breakIt(tx)
        for (const start of first === 'transaction' ? [begin, call] : [call, begin]) {
          others.push(start())
          await eventually(() => expect(adapter.pool.getStats().requestsWaiting).toBe(others.length))
        }
      }, PATIENT),
    )
    const results = await Promise.all(others)
    expect(results[first === 'transaction' ? 1 : 0]).toEqual(['read'])
    expect(await logged(world)).toEqual(['next', 'and more'])
    await expectAtRest(world, adapter, 1)
    expect(adapter.pool.getStats()).toMatchObject({ connectionsNum: 1, returnsBad: 0 })
    return error
  }

  test.each(FOLLOWERS)('that fails does not concern a %s behind it', async (first) => {
    const breakIt = (tx: Parameters<typeof log>[0]) => tx.deferred.create({ data: { id: 1, userId: 4711 } })
    const error = await failToCommit(await open(), breakIt, first)
    expect(error).toMatchObject({ code: 'P2003' })
  })

  test.each(FOLLOWERS)('that is answered by ROLLBACK does not concern a %s behind it', async (first) => {
    const breakIt = (tx: Parameters<typeof log>[0]) => tx.$queryRaw`SELECT 1 / 0`.catch(() => {})
    const error = await failToCommit(await open(), breakIt, first)
    expect(isSilentRollback(error)).toBe(true)
  })

  test.each(FOLLOWERS.flatMap((first) => [1, 16].map((pipelining) => [first, pipelining] as const)))(
    'that leaves its transaction open lets no %s into that, with `pipelining` %i',
    async (first, pipelining) => {
      const breakIt = () => {
        tap.garble('COMMIT', 'COMMAT')
        return Promise.resolve()
      }
      const error = await failToCommit(await open({ pipelining }), breakIt, first)
      expect(error.message).toContain('syntax error at or near "COMMAT"')
    },
  )

  test('that leaves its transaction open fails no call that relies on what another one prepares', async () => {
    const { prisma, adapter } = await open({ pipelining: 16 })
    const read = () => prisma.$queryRaw`SELECT 'same' AS "text"`.then((rows) => rows)
    // A text is prepared when it comes up for the second time.
    await read()
    let others: Promise<unknown>[] = []
    const committed = prisma.$transaction(async (tx) => {
      await log(tx, 'not saved')
      tap.garble('COMMIT', 'COMMAT')
      others = [read(), read(), read()]
      await eventually(() => expect(adapter.pool.getStats().requestsWaiting).toBe(others.length))
    }, PATIENT)
    expect((await errorOf(committed)).message).toContain('syntax error at or near "COMMAT"')
    expect(await Promise.all(others)).toEqual(Array(3).fill([{ text: 'same' }]))
    expect(await logged(world)).toEqual([])
    await expectAtRest(world, adapter, 1)
  })
})

describeWhereHandedOver('when the connection ends during a COMMIT', () => {
  /** Ends it when the server is at the COMMIT, and has been sent those texts behind it. */
  async function lose(
    end: (pid: number) => Promise<unknown>,
    follow: (prisma: Opened['prisma']) => Promise<unknown>,
    texts: readonly unknown[],
  ) {
    const opened = await open()
    const { committed, waiting, pid } = await commitSlowly(opened, () => [follow(opened.prisma)])
    expect(await saidBehindCommit(texts.length)).toEqual(texts)
    await end(pid)
    return { committed, following: waiting[0]!, opened, pid }
  }

  const transact = (prisma: Opened['prisma']) =>
    prisma.$transaction(async (tx) => {
      await log(tx, 'next')
      await log(tx, 'and more')
    }, PATIENT)

  const call = (prisma: Opened['prisma']) => read(prisma, 'next')

  const kill = (pid: number) => world.database.query('SELECT pg_terminate_backend($1)', [pid])

  const cut = async (pid: number) => {
    tap.cut()
    await sessionEnds(world, pid)
  }

  test.each([
    ['by the server', kill],
    ['on the way', cut],
  ])('%s, the transaction behind it runs on another, once', async (_, end) => {
    const { committed, following, opened, pid } = await lose(end, transact, [
      'BEGIN',
      expect.stringContaining('INSERT'),
    ])
    expect(isOutcomeUnknown(await errorOf(committed))).toBe(true)
    await following
    expect((await logged(world)).filter((text) => text !== SLOW)).toEqual(['next', 'and more'])
    expect(await pidOf(opened.prisma)).not.toBe(pid)
    await expectAtRest(world, opened.adapter, 1)
  })

  test.each([
    ['by the server', kill],
    ['on the way', cut],
  ])('%s, the read behind it runs on another', async (_, end) => {
    const { committed, following } = await lose(end, call, [select('next')])
    expect(isOutcomeUnknown(await errorOf(committed))).toBe(true)
    expect(await following).toEqual(['next'])
  })
})
