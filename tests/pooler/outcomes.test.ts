// Writes whose server connection dies behind PgBouncer. PgBouncer itself then answers with a FATAL error, both for
// statements that the server has run and committed and for statements that it has not.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { isOutcomeUnknown, isRetryable, type PoolOptions } from 'prisma-pg-real-pool'
import { createWorld, errorOf, logged, type Opened, slowCommits, type World } from '../prisma/support.js'
import type { BackendName, OtherOptions } from '../support/backends.js'
import { eventually } from '../support/eventually.js'
import { describeBehindPgBouncer, PgBouncer, type PgBouncerSettings } from '../support/pgbouncer.js'
import { Proxy } from '../support/proxy.js'

interface Way {
  readonly name: string
  readonly backend: BackendName
  readonly pool?: PoolOptions
  readonly options?: OtherOptions
  readonly bouncer?: PgBouncerSettings
}

const WAYS: readonly Way[] = [
  { name: "with pooler: 'transaction'", backend: 'native', options: { pooler: 'transaction' } },
  // Without named statements, which PgBouncer 1.18 cannot have in this mode.
  { name: 'that no option names', backend: 'native', options: { statementCacheSize: 0 } },
  { name: 'in session mode', backend: 'native', bouncer: { pool_mode: 'session' } },
  {
    name: 'in session mode, pipelined',
    backend: 'native',
    pool: { pipelining: 16 },
    bouncer: { pool_mode: 'session' },
  },
  { name: 'with pool: false', backend: 'null', options: { statementCacheSize: 0 } },
  { name: 'beneath a pg.Pool', backend: 'pg-pool', options: { statementCacheSize: 0 } },
]

describeBehindPgBouncer('a write whose server connection dies', () => {
  describe.each(WAYS)('behind PgBouncer $name', ({ backend, pool = {}, options = {}, bouncer = {} }) => {
    let world: World
    /** Between PgBouncer and the server. */
    let proxy: Proxy
    let pgBouncer: PgBouncer
    let opened: Opened

    beforeAll(async () => {
      world = await createWorld()
      await slowCommits(world, 'Log', 0.05)
      proxy = await Proxy.inFrontOf(world.database.url)
      const settings = {
        ignore_startup_parameters: 'extra_float_digits,options',
        query_timeout: 1,
        ...bouncer,
      }
      pgBouncer = await PgBouncer.inFrontOf(proxy.urlOf(world.database.url), settings)
    })

    beforeEach(async () => {
      await world.empty()
      opened = open()
      await opened.prisma.user.create({ data: { email: 'a@a', balance: 100 } })
    })

    afterEach(() => world.disconnect())

    afterAll(async () => {
      await world.close()
      await pgBouncer.close()
      proxy.close()
    })

    function open(others: OtherOptions = {}): Opened {
      const connectionString = pgBouncer.urlOf(world.database.url)
      return world.open(
        { minSize: 0, maxSize: 2, ...pool },
        { connectionString, ...options, ...others },
        backend,
      )
    }

    /** The server connection dies as soon as the server begins to answer, which it does behind the commit. */
    function cutInAnswer(): void {
      proxy.cutAfterBytes(1, 'toClient')
    }

    test('is saved once, and its outcome is unknown', async () => {
      cutInAnswer()
      const error = await errorOf(opened.prisma.user.updateMany({ data: { balance: { decrement: 10 } } }))
      expect(isOutcomeUnknown(error)).toBe(true)
      expect(isRetryable(error)).toBe(false)
      expect(await world.database.query('SELECT "balance" FROM "User"')).toEqual([{ balance: 90 }])
    })

    test('before it was sent to the server at all has an unknown outcome, too', async () => {
      proxy.cutAfterBytes(1, 'toServer')
      const error = await errorOf(opened.prisma.user.updateMany({ data: { balance: { decrement: 10 } } }))
      expect(isOutcomeUnknown(error)).toBe(true)
      expect(await world.database.query('SELECT "balance" FROM "User"')).toEqual([{ balance: 100 }])
    })

    test('in a COMMIT behind a failed statement, with autosave, has an unknown outcome', async () => {
      const { prisma } = open({ transaction: { autosave: 'always' } })
      const error = await errorOf(
        prisma.$transaction(async (tx) => {
          await tx.log.create({ data: { text: 'saved' } })
          await errorOf(tx.$queryRaw`SELECT 1 / 0`)
          cutInAnswer()
        }),
      )
      expect(isOutcomeUnknown(error)).toBe(true)
      // The server may still be in the COMMIT, whose answer has no way back.
      await eventually(async () => expect(await logged(world)).toEqual(['saved']))
    })

    test('by query_timeout of PgBouncer is not run again, and its outcome is unknown', async () => {
      const error = await errorOf(
        opened.prisma.$executeRaw`INSERT INTO "Log" ("text") SELECT 'once' FROM pg_sleep(2.5)`,
      )
      expect(isOutcomeUnknown(error)).toBe(true)
      await eventually(async () =>
        expect(
          await world.database.query(`SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'`),
        ).toEqual([]),
      )
      expect((await logged(world)).length).toBeLessThanOrEqual(1)
    })
  })
})
