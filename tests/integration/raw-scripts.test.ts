// Several statements in one raw call: refused by default, and with `rawScripts: 'allow'` sent as a script.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { DriverAdapterError, SqlDriverAdapter } from '@prisma/driver-adapter-utils'
import { isOutcomeUnknown, RealPoolAdapter, type RealPoolAdapterOptions } from 'prisma-pg-real-pool'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { errorOf, sql, SUBJECT } from './support.js'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})

afterAll(() => database.drop())

beforeEach(() => database.query('DROP TABLE IF EXISTS t; CREATE TABLE t (id int, text text)'))

async function withAdapter(
  options: RealPoolAdapterOptions,
  work: (adapter: SqlDriverAdapter) => Promise<void>,
): Promise<void> {
  const factory = new RealPoolAdapter({
    connectionString: database.url,
    application_name: SUBJECT,
    pool: { minSize: 1, maxSize: 2 },
    ...options,
  })
  const adapter = await factory.connect()
  await work(adapter)
  await adapter.dispose()
}

const rows = () => database.query('SELECT id FROM t ORDER BY id')

const TWO = `INSERT INTO t (id) VALUES (1); INSERT INTO t (id) VALUES (2), (3)`

describe('by default', () => {
  test('a call with two statements is refused and runs nothing, and the error names both ways out', async () => {
    await withAdapter({}, async (adapter) => {
      for (const call of [adapter.executeRaw(sql(TWO)), adapter.queryRaw(sql(TWO))]) {
        const error = await errorOf(call)
        expect((error as DriverAdapterError).cause).toMatchObject({ originalCode: '42601' })
        for (const text of [error.message, (error as DriverAdapterError).cause.originalMessage]) {
          expect(text).toContain('cannot insert multiple commands into a prepared statement')
          expect(text).toContain(`rawScripts: 'allow'`)
          expect(text).toContain('executeScript')
        }
      }
      expect(await rows()).toEqual([])
    })
  })

  test('an ordinary syntax error has no such advice', async () => {
    await withAdapter({}, async (adapter) => {
      expect((await errorOf(adapter.executeRaw(sql('SELEC 1')))).message).not.toContain('rawScripts')
    })
  })
})

const DDL = `
  CREATE TABLE made (id int PRIMARY KEY);
  CREATE INDEX made_id ON made (id);
  CREATE FUNCTION made_one() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$;
  COMMENT ON TABLE made IS 'a; b';
  ALTER TABLE made ADD COLUMN text text;
`

describe(`with rawScripts: 'allow'`, () => {
  test('five DDL statements run in one call', async () => {
    await withAdapter({ rawScripts: 'allow' }, async (adapter) => {
      expect(await adapter.executeRaw(sql(DDL))).toBe(0)
      expect(await database.query('SELECT id, text, made_one() FROM made')).toEqual([])
      await adapter.executeRaw(sql('DROP FUNCTION made_one(); DROP TABLE made'))
    })
  })

  test('the result is that of the last statement', async () => {
    await withAdapter({ rawScripts: 'allow' }, async (adapter) => {
      expect(await adapter.executeRaw(sql(TWO))).toBe(2)
      const { columnNames, rows } = await adapter.queryRaw(
        sql(
          `SELECT 'x' AS first; SELECT id::int8 AS id, NULL AS none, '{a,"b,c"}'::text[] AS list FROM t ORDER BY id`,
        ),
      )
      expect(columnNames).toEqual(['id', 'none', 'list'])
      expect(rows).toEqual([1, 2, 3].map((id) => [String(id), null, ['a', 'b,c']]))
      const none = await adapter.queryRaw(sql('SELECT 1 AS first; DELETE FROM t'))
      expect(none).toMatchObject({ columnNames: [], rows: [] })
    })
  })

  test('a statement that fails undoes the whole call, and says so to its caller', async () => {
    await withAdapter({ rawScripts: 'allow' }, async (adapter) => {
      expect((await errorOf(adapter.executeRaw(sql(`${TWO}; SELECT 1/0`)))).message).toContain(
        'division by zero',
      )
      expect(await rows()).toEqual([])
    })
  })

  test('a call with arguments is refused as before', async () => {
    await withAdapter({ rawScripts: 'allow' }, async (adapter) => {
      const error = await errorOf(adapter.executeRaw(sql(`INSERT INTO t (id) VALUES ($1); SELECT 1`, 1)))
      expect((error as DriverAdapterError).cause.originalCode).toBe('42601')
      expect(await rows()).toEqual([])
    })
  })

  test('one statement stays a prepared one, whatever semicolons are in it', async () => {
    await withAdapter({ rawScripts: 'allow', pool: { minSize: 1, maxSize: 1 } }, async (adapter) => {
      const one = sql(`SELECT 'a; b' AS "c;d" /* ; */ WHERE $$;$$ <> ''; -- ;`)
      for (let call = 0; call < 3; call++) expect((await adapter.queryRaw(one)).rows).toEqual([['a; b']])
      const prepared = await adapter.queryRaw(
        sql('SELECT count(*)::int FROM pg_prepared_statements WHERE statement = $1', one.sql),
      )
      expect(prepared.rows).toEqual([[1]])
    })
  })

  test('what a script sets does not reach the next caller', async () => {
    await withAdapter(
      { rawScripts: 'allow', pool: { minSize: 1, maxSize: 1, pipelining: 4 } },
      async (adapter) => {
        const calls = [
          adapter.executeRaw(sql(`SELECT 1; SET work_mem = '77MB'`)),
          ...Array.from({ length: 4 }, () => adapter.queryRaw(sql('SHOW work_mem'))),
        ]
        const results = await Promise.all(calls)
        for (const result of results.slice(1)) expect(result).not.toMatchObject({ rows: [['77MB']] })
      },
    )
  })

  test('a transaction that a script leaves open is rolled back, and the call rejects', async () => {
    await withAdapter({ rawScripts: 'allow' }, async (adapter) => {
      const error = await errorOf(adapter.executeRaw(sql('BEGIN; INSERT INTO t (id) VALUES (1)')))
      expect(error.message).toContain('began a transaction that it did not end')
      expect(await rows()).toEqual([])
    })
  })

  test('a script that loses its connection does not run again', async () => {
    await withAdapter({ rawScripts: 'allow' }, async (adapter) => {
      const text = `INSERT INTO t (id) VALUES (1); COMMIT; SELECT pg_terminate_backend(pg_backend_pid())`
      expect(isOutcomeUnknown(await errorOf(adapter.executeRaw(sql(text))))).toBe(true)
      expect(await rows()).toEqual([{ id: 1 }])

      const tx = await adapter.startTransaction()
      expect(isOutcomeUnknown(await errorOf(tx.executeRaw(sql(text))))).toBe(true)
      await errorOf(tx.rollback())
      expect(await rows()).toEqual([{ id: 1 }, { id: 1 }])
    })
  })
})

describe(`in a transaction, with rawScripts: 'allow'`, () => {
  test.each(['never', 'always'] as const)('a script is part of it (autosave: %s)', async (autosave) => {
    await withAdapter({ rawScripts: 'allow', transaction: { autosave } }, async (adapter) => {
      const tx = await adapter.startTransaction()
      expect(await tx.executeRaw(sql(TWO))).toBe(2)
      expect(await rows()).toEqual([])
      expect((await tx.queryRaw(sql('SELECT 1; SELECT count(*)::int FROM t'))).rows).toEqual([[3]])
      await tx.commit()
      expect(await rows()).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }])

      const other = await adapter.startTransaction()
      await other.executeRaw(sql(TWO))
      await other.rollback()
      expect(await rows()).toHaveLength(3)
    })
  })

  test('a script that fails fails its transaction', async () => {
    await withAdapter({ rawScripts: 'allow' }, async (adapter) => {
      const tx = await adapter.startTransaction()
      await errorOf(tx.executeRaw(sql(`${TWO}; SELECT 1/0`)))
      expect((await errorOf(tx.commit())).message).toContain('division by zero')
      expect(await rows()).toEqual([])
    })
  })

  test.each(['COMMIT; BEGIN', 'ROLLBACK; BEGIN; INSERT INTO t (id) VALUES (9)', 'COMMIT; BEGIN; SELECT 1/0'])(
    'a script that ends it is the last of it: %s',
    async (ending) => {
      await withAdapter({ rawScripts: 'allow' }, async (adapter) => {
        const tx = await adapter.startTransaction()
        await tx.executeRaw(sql('INSERT INTO t (id) VALUES (1)'))
        await tx.executeRaw(sql(ending)).catch(() => {})
        const error = await errorOf(tx.executeRaw(sql('INSERT INTO t (id) VALUES (2)')))
        expect(error.message).toContain('ended by hand')
        await errorOf(tx.rollback())
        expect(await rows()).toEqual(ending.startsWith('COMMIT') ? [{ id: 1 }] : [])
      })
    },
  )

  test.each(['never', 'always'] as const)(
    'a script moves savepoints, and costs no statement that has succeeded (autosave: %s)',
    async (autosave) => {
      await withAdapter({ rawScripts: 'allow', transaction: { autosave } }, async (adapter) => {
        const tx = await adapter.startTransaction()
        await tx.executeRaw(sql('INSERT INTO t (id) VALUES (1); SAVEPOINT a'))
        await tx.executeRaw(sql('INSERT INTO t (id) VALUES (0)'))
        await errorOf(tx.executeRaw(sql('ROLLBACK TO a; SELECT 1/0')))
        await tx.executeRaw(sql('ROLLBACK TO a'))
        await tx.executeRaw(sql('SAVEPOINT b; INSERT INTO t (id) VALUES (2)'))
        await tx.executeRaw(sql('INSERT INTO t (id) VALUES (0)'))
        await tx.executeRaw(sql('ROLLBACK TO b; INSERT INTO t (id) VALUES (3)'))
        await tx.executeRaw(sql('INSERT INTO t (id) VALUES (4)'))
        await tx.executeRaw(sql('RELEASE b; RELEASE a'))
        await tx.commit()
        expect(await rows()).toEqual([{ id: 1 }, { id: 3 }, { id: 4 }])
      })
    },
  )

  test('what failed before a savepoint that a script makes is not forgotten', async () => {
    await withAdapter({ rawScripts: 'allow' }, async (adapter) => {
      const tx = await adapter.startTransaction()
      // The server has carried it out, the row cannot be read.
      await errorOf(tx.queryRaw(sql(`INSERT INTO t (id) VALUES (1) RETURNING '294276-01-01'::timestamptz`)))
      await tx.executeRaw(sql('SAVEPOINT a; ROLLBACK TO a'))
      await errorOf(tx.commit())
      expect(await rows()).toEqual([])
    })
  })

  test('the statements behind a script meet the tables that it has made', async () => {
    const pool = { minSize: 1, maxSize: 1 }
    await withAdapter({ rawScripts: 'allow', pool }, async (adapter) => {
      const read = sql('SELECT text FROM t')
      for (let call = 0; call < 3; call++) await adapter.queryRaw(read)
      const tx = await adapter.startTransaction()
      await tx.executeRaw(sql('SELECT 1 AS n INTO TEMP other; SELECT 1'))
      await tx.queryRaw(read)
      await tx.executeRaw(sql(`SELECT 'hidden' AS text INTO TEMP t; SELECT 1`))
      expect((await tx.queryRaw(read)).rows).toEqual([['hidden']])
      await tx.rollback()
    })
  })
})
