// Statements that come up again are prepared by the session, once, and whatever happens to what it has prepared, no
// caller sees it.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { isRetryable } from 'prisma-pg-real-pool'
import type { PrismaClient } from '../generated/prisma/client.js'
import { BACKEND, type OtherOptions } from '../support/backends.js'
import { createWorld, errorOf, type World } from './support.js'

let world: World

beforeEach(async () => {
  world = await createWorld()
  await world.database.query(`CREATE TABLE shape (a int); INSERT INTO shape VALUES (1)`)
})

afterEach(() => world.close())

/** Whatever the whole run has: this is about what is prepared. And a session that is not kept has prepared nothing. */
function open(options: OtherOptions = {}): PrismaClient {
  const caching = { statementCacheSize: 256, ...options }
  return world.open({ minSize: 1, maxSize: 1 }, caching, BACKEND === 'null' ? 'native' : BACKEND).prisma
}

interface Row {
  readonly name: string
  readonly statement: string
}

/** What the one session has prepared, as it says itself. */
async function prepared(prisma: PrismaClient, like = '%'): Promise<Row[]> {
  return prisma.$queryRaw`
    SELECT name, statement FROM pg_prepared_statements
     WHERE statement NOT LIKE '%pg_prepared_statements%' AND statement LIKE ${like} ORDER BY prepare_time`
}

const COUNT = 'SELECT count(*)::int AS n FROM "Log"'
const count = (prisma: Pick<PrismaClient, '$queryRawUnsafe'>) =>
  prisma.$queryRawUnsafe<{ n: number }[]>(COUNT)
const shape = (prisma: Pick<PrismaClient, '$queryRawUnsafe'>) =>
  prisma.$queryRawUnsafe<unknown[]>('SELECT * FROM shape')

describe('a statement is prepared', () => {
  test('when it comes up for the second time, and only once', async () => {
    const prisma = open()
    await prisma.user.create({ data: { email: 'a@example.com' } })
    expect(await prepared(prisma, '%INSERT%')).toEqual([])
    for (const name of ['b', 'c', 'd']) await prisma.user.create({ data: { email: `${name}@example.com` } })
    expect(await prepared(prisma, '%INSERT%')).toHaveLength(1)
    expect((await prisma.user.findMany()).map(({ email }) => email)).toEqual(
      ['a', 'b', 'c', 'd'].map((name) => `${name}@example.com`),
    )
  })

  test('in each session under the same name', async () => {
    const names = []
    for (const prisma of [open(), open()]) {
      await count(prisma)
      await count(prisma)
      const [row] = await prepared(prisma, `%"Log"%`)
      names.push(row!.name)
    }
    expect(names[0]).toMatch(/^real_pool_[0-9a-f]{32}$/)
    expect(names[1]).toBe(names[0])
  })

  test('with other values each time, and the same result', async () => {
    const prisma = open()
    for (let index = 0; index < 4; index++) {
      await prisma.log.create({ data: { text: `text ${index}` } })
      expect(await prisma.log.findMany({ where: { text: `text ${index}` }, select: { text: true } })).toEqual(
        [{ text: `text ${index}` }],
      )
      expect(await prisma.log.findMany({ where: { text: 'none' } })).toEqual([])
    }
  })

  test('in a transaction too, and outlives its rollback', async () => {
    const prisma = open()
    for (let index = 0; index < 3; index++) {
      await errorOf(
        prisma.$transaction(async (tx) => {
          await tx.log.create({ data: { text: 'undone' } })
          throw new RangeError('mine')
        }),
      )
    }
    expect(await prepared(prisma, '%INSERT%')).toHaveLength(1)
    expect(await prisma.log.count()).toBe(0)
  })

  test('at once, where the application names it', async () => {
    const prisma = open({ statementNameGenerator: ({ sql }) => `mine ${sql.length}` })
    await count(prisma)
    expect(await prepared(prisma, '%"Log"%')).toEqual([{ name: `mine ${COUNT.length}`, statement: COUNT }])
    expect(await count(prisma)).toEqual([{ n: 0 }])
  })
})

describe('a name of the application', () => {
  /** Each call twice, and in transactions, where BEGIN goes before the statement in the same packet. */
  async function writeAndRead(prisma: PrismaClient): Promise<void> {
    for (let round = 1; round <= 3; round++) {
      await prisma.log.create({ data: { text: 'alone' } })
      await prisma.$transaction(async (tx) => {
        await tx.log.create({ data: { text: 'first' } })
        await tx.log.create({ data: { text: 'second' } })
      })
      expect(await prisma.log.count()).toBe(3 * round)
    }
    expect(await world.database.query(`SELECT "text" FROM "Log" ORDER BY "id"`)).toEqual(
      Array.from({ length: 3 }, () => ['alone', 'first', 'second'].map((text) => ({ text }))).flat(),
    )
  }

  test('that is empty leaves the statement unprepared, and the statement runs', async () => {
    const prisma = open({ statementNameGenerator: () => '' })
    await writeAndRead(prisma)
    expect(await prepared(prisma)).toEqual([])
  })

  test.each([undefined, null])('that is %s leaves the name to the adapter', async (name) => {
    const prisma = open({ statementNameGenerator: () => name as unknown as string })
    await writeAndRead(prisma)
    expect((await prepared(prisma, '%INSERT%')).map((row) => row.name)).toEqual([
      expect.stringMatching(/^real_pool_/),
    ])
  })

  test.each([
    ['has the character U+0000', 'a\0b', 'U+0000'],
    ['has 64 bytes', 'x'.repeat(64), '64 bytes'],
    ['has 64 bytes in fewer characters', 'é'.repeat(32), '64 bytes'],
    ['is a number', 7, 'number'],
    ['is a promise', Promise.resolve('a'), 'object'],
  ])(
    'that %s is refused before anything is sent, by an error that names the option',
    async (_, name, why) => {
      const good = open()
      const prisma = open({ statementNameGenerator: () => name as string })
      for (let round = 0; round < 2; round++) {
        const error = await errorOf(prisma.log.create({ data: { text: 'never' } }))
        expect(error.message).toContain('statementNameGenerator')
        expect(error.message).toContain(why)
        expect(
          (await errorOf(prisma.$executeRaw`INSERT INTO "Log" ("text") VALUES ('never')`)).message,
        ).toContain('statementNameGenerator')
      }
      await errorOf(prisma.$transaction((tx) => tx.log.create({ data: { text: 'never' } })))
      expect(await good.log.count()).toBe(0)
    },
  )

  test('that has 63 bytes is used as it is', async () => {
    const name = 'é'.repeat(31) + 'x'
    const prisma = open({ statementNameGenerator: ({ sql }) => (sql === COUNT ? name : '') })
    for (let round = 0; round < 3; round++) expect(await count(prisma)).toEqual([{ n: 0 }])
    expect(await prepared(prisma)).toEqual([{ name, statement: COUNT }])
  })
})

describe('a statement is not prepared', () => {
  test('where no statement is to be', async () => {
    const prisma = open({ statementCacheSize: 0 })
    for (let index = 0; index < 3; index++) await count(prisma)
    expect(await prepared(prisma)).toEqual([])
  })

  test('when its text is long, as that of an INSERT of many rows', async () => {
    const prisma = open()
    const long = `${COUNT} -- ${'x'.repeat(20_000)}`
    for (let index = 0; index < 3; index++) await prisma.$queryRawUnsafe(long)
    expect(await prepared(prisma)).toEqual([])
  })

  test('any more, when others took its place: the session gives it up with the next statement', async () => {
    const prisma = open({ statementCacheSize: 2 })
    const texts = [1, 2, 3, 4].map((n) => `SELECT ${n} AS n`)
    for (const text of texts) {
      await prisma.$queryRawUnsafe(text)
      await prisma.$queryRawUnsafe(text)
    }
    const statements = (await prepared(prisma)).map(({ statement }) => statement)
    expect(statements).toEqual(texts.slice(2))
    // The one given up first comes up again.
    expect(await prisma.$queryRawUnsafe(texts[0]!)).toEqual([{ n: 1 }])
    expect(await prisma.$queryRawUnsafe(texts[0]!)).toEqual([{ n: 1 }])
  })
})

describe('nobody sees', () => {
  async function prepareShape(prisma: PrismaClient): Promise<void> {
    for (let index = 0; index < 3; index++) expect(await shape(prisma)).toEqual([{ a: 1 }])
    expect(await prepared(prisma, '%shape%')).toHaveLength(1)
  }

  const alter = () => world.database.query('ALTER TABLE shape ADD COLUMN b text')

  test('that what a statement returns has changed', async () => {
    const prisma = open()
    await prepareShape(prisma)
    await alter()
    expect(await shape(prisma)).toEqual([{ a: 1, b: null }])
    expect(await shape(prisma)).toEqual([{ a: 1, b: null }])
    expect(await prepared(prisma, '%shape%')).toHaveLength(1)
  })

  test('it at the beginning of a transaction, which begins anew', async () => {
    const prisma = open()
    await prepareShape(prisma)
    await alter()
    await prisma.$transaction(async (tx) => {
      expect(await shape(tx)).toEqual([{ a: 1, b: null }])
      await tx.log.create({ data: { text: 'saved' } })
    })
    expect(await prisma.log.count()).toBe(1)
  })

  test('it in the middle of one, but by an error that does not come back', async () => {
    const prisma = open()
    await prepareShape(prisma)
    const work = prisma.$transaction(async (tx) => {
      await tx.log.create({ data: { text: 'undone' } })
      await alter()
      await shape(tx)
    })
    const error = await errorOf(work)
    expect(error.message).toContain('0A000')
    expect(isRetryable(error)).toBe(true)
    expect(await shape(prisma)).toEqual([{ a: 1, b: null }])
    expect(await prisma.log.count()).toBe(0)
  })

  test.each(['DEALLOCATE ALL', 'DISCARD ALL'])('that somebody has sent %s', async (text) => {
    const prisma = open()
    await prepareShape(prisma)
    await prisma.$executeRawUnsafe(text)
    expect(await shape(prisma)).toEqual([{ a: 1 }])
    expect(await shape(prisma)).toEqual([{ a: 1 }])
    expect(await prepared(prisma, '%shape%')).toHaveLength(1)
  })

  test('that somebody has given up that very statement', async () => {
    const prisma = open()
    await prepareShape(prisma)
    const [row] = await prepared(prisma, '%shape%')
    await prisma.$executeRawUnsafe(`DEALLOCATE "${row!.name}"`)
    expect(await shape(prisma)).toEqual([{ a: 1 }])
    expect(await prepared(prisma, '%shape%')).toHaveLength(1)
  })

  test('that its table was another for a while, by another search_path', async () => {
    const prisma = open()
    await prepareShape(prisma)
    await world.database.query(
      `CREATE SCHEMA other; CREATE TABLE other.shape (c text); INSERT INTO other.shape VALUES ('x')`,
    )
    await prisma.$transaction(async (tx) => {
      await tx.$executeRaw`SET LOCAL search_path = other`
      expect(await tx.$queryRaw`SELECT c FROM shape`).toEqual([{ c: 'x' }])
      expect(await shape(tx)).toEqual([{ c: 'x' }])
    })
    expect(await shape(prisma)).toEqual([{ a: 1 }])
  })

  test('that its parameters have other types', async () => {
    const prisma = open()
    const set = (value: string) => prisma.$executeRawUnsafe('UPDATE shape SET a = $1', value)
    const find = (value: string) => prisma.$queryRawUnsafe('SELECT 1 AS n FROM shape WHERE a = $1', value)
    for (let index = 0; index < 3; index++) expect([await set('1'), await find('1')]).toEqual([1, [{ n: 1 }]])
    await world.database.query('ALTER TABLE shape ALTER COLUMN a TYPE bigint')
    expect(await set('3000000000')).toBe(1)
    await world.database.query('ALTER TABLE shape ALTER COLUMN a TYPE text')
    expect(
      await prisma.$transaction((tx) => tx.$queryRawUnsafe('SELECT 1 AS n FROM shape WHERE a = $1', '?')),
    ).toEqual([])
    expect(await set('?')).toBe(1)
    expect(await find('?')).toEqual([{ n: 1 }])
    await world.database.query(
      `CREATE TYPE mood AS ENUM ('a'); ALTER TABLE shape ALTER COLUMN a TYPE mood USING 'a'`,
    )
    for (let index = 0; index < 3; index++) expect(await set('a')).toBe(1)
    await world.database.query(`ALTER TABLE shape ALTER COLUMN a TYPE text; DROP TYPE mood`)
    expect(await set('b')).toBe(1)
  })

  test('that another statement was given its name', async () => {
    const prisma = open({ statementNameGenerator: () => 'the same' })
    for (let index = 0; index < 3; index++) {
      expect(await prisma.$queryRaw`SELECT 1 AS a`).toEqual([{ a: 1 }])
      expect(await prisma.$queryRaw`SELECT 2 AS b`).toEqual([{ b: 2 }])
    }
  })

  test('that a statement could not be prepared at first', async () => {
    const prisma = open()
    const later = () => prisma.$queryRawUnsafe('SELECT * FROM later')
    for (let index = 0; index < 3; index++) {
      expect((await errorOf(later())).message).toMatch(/later.* does not exist/)
    }
    await world.database.query('CREATE TABLE later AS SELECT 7 AS n')
    for (let index = 0; index < 3; index++) expect(await later()).toEqual([{ n: 7 }])
  })

  test('an error of a prepared statement in the next run of it', async () => {
    const prisma = open()
    const divide = (by: number) => prisma.$queryRaw`SELECT 1 / ${by}::int AS n`
    for (let index = 0; index < 3; index++) {
      expect(await divide(1)).toEqual([{ n: 1 }])
      expect((await errorOf(divide(0))).message).toContain('22012')
    }
  })
})

describe('later statements of a transaction are not prepared ones, and give the right rows, after', () => {
  /** Prepares what the transaction is going to run again. */
  async function prepareAll(prisma: PrismaClient): Promise<void> {
    for (let index = 0; index < 3; index++) {
      await shape(prisma)
      await count(prisma)
    }
    expect(await prepared(prisma, '%shape%')).toHaveLength(1)
  }

  const run = (tx: Pick<PrismaClient, '$executeRawUnsafe'>, text: string) => tx.$executeRawUnsafe(text)

  test('ALTER TABLE, first and last statement included', async () => {
    const prisma = open()
    await prepareAll(prisma)
    await prisma.$transaction(async (tx) => {
      await run(tx, 'ALTER TABLE shape ADD COLUMN b int DEFAULT 2')
      expect(await shape(tx)).toEqual([{ a: 1, b: 2 }])
      await run(tx, 'ALTER TABLE shape DROP COLUMN a')
      expect(await shape(tx)).toEqual([{ b: 2 }])
      await tx.log.create({ data: { text: 'saved' } })
    })
    // The next transaction on that connection does not meet the old plan either.
    await prisma.$transaction(async (tx) => {
      expect(await count(tx)).toEqual([{ n: 1 }])
      expect(await shape(tx)).toEqual([{ b: 2 }])
    })
  })

  test('ALTER TABLE that ROLLBACK TO SAVEPOINT has undone', async () => {
    const prisma = open()
    await prepareAll(prisma)
    await prisma.$transaction(async (tx) => {
      await run(tx, 'SAVEPOINT mine')
      await run(tx, 'ALTER TABLE shape ADD COLUMN b int DEFAULT 2')
      for (let round = 0; round < 3; round++) expect(await shape(tx)).toEqual([{ a: 1, b: 2 }])
      await run(tx, 'ROLLBACK TO SAVEPOINT mine')
      for (let round = 0; round < 3; round++) expect(await shape(tx)).toEqual([{ a: 1 }])
    })
    expect(await shape(prisma)).toEqual([{ a: 1 }])
  })

  test.each([
    ['CREATE TABLE', 'CREATE TABLE front.shape AS SELECT 9 AS a'],
    ['SELECT INTO', 'SELECT 9 AS a INTO front.shape'],
    ['a function that creates a table', 'SELECT make()'],
    ['a procedure that creates a table', 'CALL makes()'],
    ['DO that creates a table', 'DO $$ BEGIN CREATE TABLE front.shape AS SELECT 9 AS a; END $$'],
  ])('%s, which hides the table of before', async (_name, text) => {
    await world.database.query(`
      CREATE SCHEMA front;
      CREATE FUNCTION make() RETURNS int LANGUAGE plpgsql AS $$
        BEGIN CREATE TABLE front.shape AS SELECT 9 AS a; RETURN 1; END $$;
      CREATE PROCEDURE makes() LANGUAGE sql AS 'SELECT make()'`)
    const prisma = open({ options: '-c search_path=front,public' })
    await prepareAll(prisma)
    await prisma.$transaction(async (tx) => {
      await run(tx, text)
      expect(await shape(tx)).toEqual([{ a: 9 }])
      expect(await shape(tx)).toEqual([{ a: 9 }])
    })
  })

  test('a hidden DEALLOCATE ALL', async () => {
    await world.database.query(
      `CREATE FUNCTION forget() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DEALLOCATE ALL; RETURN 1; END $$`,
    )
    for (const text of ['DO $$ BEGIN DEALLOCATE ALL; END $$', 'SELECT forget()']) {
      const prisma = open()
      await prepareAll(prisma)
      await prisma.$transaction(async (tx) => {
        await run(tx, text)
        expect(await shape(tx)).toEqual([{ a: 1 }])
        expect(await count(tx)).toEqual([{ n: 0 }])
      })
      // All of them are gone: the first of the next transaction finds that out for the others, too.
      await prisma.$transaction(async (tx) => {
        expect(await shape(tx)).toEqual([{ a: 1 }])
        expect(await count(tx)).toEqual([{ n: 0 }])
      })
    }
  })

  test('a hidden DEALLOCATE ALL in a statement that fails and is undone', async () => {
    const prisma = open({ transaction: { autosave: 'always' } })
    await prepareAll(prisma)
    await prisma.$transaction(async (tx) => {
      await errorOf(run(tx, `DO $$ BEGIN DEALLOCATE ALL; RAISE 'no'; END $$`))
      expect(await shape(tx)).toEqual([{ a: 1 }])
      expect(await count(tx)).toEqual([{ n: 0 }])
    })
  })
})

test('a table that another session creates earlier on the search_path is read once PostgreSQL analyzes the statement anew', async () => {
  await world.database.query('CREATE SCHEMA front')
  const prisma = open({ options: '-c search_path=front,public' })
  for (let index = 0; index < 3; index++) expect(await shape(prisma)).toEqual([{ a: 1 }])
  await world.database.query('CREATE TABLE front.shape AS SELECT 9 AS a')
  // PostgreSQL itself: the new table changes nothing that the prepared statement uses.
  expect(await shape(prisma)).toEqual([{ a: 1 }])
  await world.database.query('ANALYZE public.shape')
  expect(await shape(prisma)).toEqual([{ a: 9 }])
})

test('a transaction goes on using prepared statements after `set_config(…, true)` and writes', async () => {
  const prisma = open()
  const names = (tx: Pick<PrismaClient, '$queryRawUnsafe'>) =>
    tx.$queryRawUnsafe<Row[]>(
      `SELECT count(*)::int AS n FROM pg_prepared_statements WHERE statement LIKE '%/* x */'`,
    )
  await prisma.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT set_config('app.tenant', ${'a'}, true)`
    await tx.$executeRaw`SET LOCAL app.other = 1`
    await tx.$executeRaw`SAVEPOINT mine`
    await tx.log.create({ data: { text: 'a' } })
    for (let round = 0; round < 3; round++) await tx.$queryRawUnsafe(`SELECT 1 /* x */`)
    expect(await names(tx)).toEqual([{ n: 1 }])
  })
})

test('a statement that ran, and failed with the code of one that is not prepared, does not run again', async () => {
  const prisma = open()
  await world.database.query(`
    CREATE PROCEDURE half() LANGUAGE plpgsql AS $$
      BEGIN INSERT INTO "Log" ("text") VALUES ('once'); COMMIT; EXECUTE 'EXECUTE missing'; END $$`)
  for (let count = 1; count <= 3; count++) {
    expect((await errorOf(prisma.$executeRaw`CALL half()`)).message).toContain('26000')
    expect(await prisma.log.count()).toBe(count)
  }
})
