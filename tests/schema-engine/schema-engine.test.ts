// `prisma db push`, `db pull`, `migrate dev`, `migrate deploy`, `migrate reset` and `migrate diff`, by Prisma's own
// schema engine over our adapter.
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { SchemaEngine } from '@prisma/schema-engine-wasm'
import { RealPoolAdapter } from 'prisma-pg-real-pool'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { migrationsOf, NO_FILTERS, schemaOf, startEngine } from './engine.js'

let database: TestDatabase
let factory: RealPoolAdapter
let engine: SchemaEngine

beforeEach(async () => {
  database = await createTestDatabase()
  factory = new RealPoolAdapter(database.url)
  engine = await startEngine(factory)
})

afterEach(async () => {
  // The engine disposes of no adapter, and a panic leaves its own connection in use.
  await factory.pool.close({ force: true })
  await database.drop()
})

/** The schema that the tests of the adapter work on: relations, enums, lists, every native type of Prisma's. */
const readSchema = async () =>
  schemaOf(await readFile(path.join(__dirname, '../prisma/schema.prisma'), 'utf8'))

const DATASOURCE = 'datasource db {\n  provider = "postgresql"\n}\n'
const ONE_TABLE = `${DATASOURCE}
model Owner {
  id   Int    @id @default(autoincrement())
  name String @unique
}
`
const TWO_TABLES = `${DATASOURCE}
enum Kind {
  CAT
  DOG
}

model Owner {
  id   Int    @id @default(autoincrement())
  name String @unique
  Pet  Pet[]
}

model Pet {
  id      Int      @id
  kind    Kind     @default(CAT)
  born    DateTime @db.Date
  ownerId Int
  Owner   Owner    @relation(fields: [ownerId], references: [id], onDelete: Cascade)

  @@index([ownerId, born])
}
`

const push = async (schema: string) =>
  engine.schemaPush({ schema: schemaOf(schema), force: false, filters: NO_FILTERS })

const introspect = () =>
  engine.introspect({
    schema: schemaOf(DATASOURCE),
    baseDirectoryPath: '/',
    force: false,
    compositeTypeDepth: -1,
    namespaces: null,
  })

const tables = async () => {
  const rows = await database.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1`,
  )
  return rows.map(({ name }) => name)
}

/**
 * The SQL that leads from migrations to a schema, as `migrate dev --create-only` asks for it: `createMigration` reads
 * what `devDiagnostic` has found in the shadow database.
 */
async function scriptFor(schema: string, migrations: Record<string, string>): Promise<string> {
  const migrationsList = migrationsOf(migrations)
  await engine.devDiagnostic({ migrationsList, filters: NO_FILTERS })
  const { migrationScript } = await engine.createMigration({
    draft: false,
    migrationName: 'next',
    migrationsList,
    schema: schemaOf(schema),
    filters: NO_FILTERS,
  })
  return migrationScript ?? ''
}

test('push creates every table of a schema, and a second push finds nothing to do', async () => {
  const schema = await readSchema()
  const first = await engine.schemaPush({ schema, force: false, filters: NO_FILTERS })
  expect(first).toMatchObject({ unexecutable: [], warnings: [] })
  expect(first.executedSteps).toBeGreaterThan(0)
  expect(await tables()).toEqual(expect.arrayContaining(['User', 'Profile', 'Post', 'Scalars', 'Lists']))
  const second = await engine.schemaPush({ schema, force: false, filters: NO_FILTERS })
  expect(second).toMatchObject({ executedSteps: 0, unexecutable: [], warnings: [] })
})

test('push changes existing tables, and warns of steps that would lose rows', async () => {
  await push(TWO_TABLES)
  await database.query(`INSERT INTO "Owner" (name) VALUES ('Ada')`)
  await database.query(`INSERT INTO "Pet" (id, born, "ownerId") VALUES (1, '2024-02-29', 1)`)
  const { executedSteps, warnings } = await push(ONE_TABLE)
  expect(executedSteps).toBe(0)
  expect(warnings).toEqual([expect.stringContaining('`Pet` table')])
  expect(await tables()).toEqual(['Owner', 'Pet'])
})

test('introspect gives back the schema that was pushed', async () => {
  await push(TWO_TABLES)
  const { schema, warnings } = await introspect()
  expect(warnings).toBeNull()
  expect(modelsIn(schema.files[0]!.content)).toEqual(modelsIn(TWO_TABLES))
})

test('introspect reads a database that Prisma did not make', async () => {
  await database.query(`
    CREATE DOMAIN mail AS text CHECK (VALUE LIKE '%@%');
    CREATE TYPE pair AS (a int, b int);
    CREATE TABLE kept (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      twice int GENERATED ALWAYS AS (part * 2) STORED,
      part int NOT NULL CHECK (part > 0),
      address mail,
      pairs pair,
      flag "char",
      at tstzrange,
      EXCLUDE USING gist (at WITH &&)
    );
    CREATE UNIQUE INDEX partial ON kept (part) WHERE part > 10;
    CREATE INDEX expression ON kept (lower(address) text_pattern_ops);
    CREATE INDEX brin ON kept USING brin (part);
    CREATE TABLE parts (id int, day date) PARTITION BY RANGE (day);
    CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    CREATE VIEW seen AS SELECT id FROM kept;
    ALTER TABLE kept ENABLE ROW LEVEL SECURITY;
    COMMENT ON TABLE kept IS 'no "quotes"';
  `)
  const { schema, warnings } = await introspect()
  expect(schema.files[0]!.content).toMatch(/model kept \{/)
  expect(schema.files[0]!.content).toMatch(/flag +String\? +@db\.Char/)
  expect(warnings).toContain('parts')
})

/** The lines of all blocks, without the alignment of their columns. */
function modelsIn(schema: string): string[] {
  const lines = schema.split('\n').map((line) => line.trim().replaceAll(/ +/g, ' '))
  return lines.filter((line) => line !== '').sort()
}

test('diff says what separates migrations from a schema, by way of a shadow database', async () => {
  const init = await scriptFor(ONE_TABLE, {})
  const { stdout, exitCode } = await engine.diff({
    from: { tag: 'migrations', ...migrationsOf({ '20260101000000_init': init }) },
    to: { tag: 'schemaDatamodel', ...schemaOf(TWO_TABLES) },
    script: true,
    exitCode: true,
    filters: NO_FILTERS,
  })
  expect(exitCode).toBe(2)
  expect(stdout).toContain('CREATE TABLE "Pet"')
  expect(stdout).not.toContain('CREATE TABLE "Owner"')
})

test('migrate applies each migration once, and finds a migration that is missing from the folder', async () => {
  const init = await scriptFor(ONE_TABLE, {})
  const first = { '20260101000000_init': init }
  const apply = (migrations: Record<string, string>) =>
    engine.applyMigrations({ migrationsList: migrationsOf(migrations), filters: NO_FILTERS })

  expect(await apply(first)).toEqual({ appliedMigrationNames: Object.keys(first) })
  const second = { ...first, '20260102000000_next': await scriptFor(TWO_TABLES, first) }
  expect(await apply(second)).toEqual({ appliedMigrationNames: ['20260102000000_next'] })
  expect(await apply(second)).toEqual({ appliedMigrationNames: [] })
  expect(await tables()).toEqual(['Owner', 'Pet', '_prisma_migrations'])
  expect(
    await database.query('SELECT migration_name AS name, logs FROM _prisma_migrations ORDER BY 1'),
  ).toEqual(Object.keys(second).map((name) => ({ name, logs: null })))

  const history = (migrations: Record<string, string>) =>
    engine.diagnoseMigrationHistory({
      migrationsList: migrationsOf(migrations),
      optInToShadowDatabase: true,
      filters: NO_FILTERS,
    })
  expect(await history(second)).toMatchObject({ history: null, failedMigrationNames: [] })
  expect(await history(first)).toMatchObject({ history: { diagnostic: 'migrationsDirectoryIsBehind' } })
})

test('a migration that fails is recorded with what the server said, and can be marked as rolled back', async () => {
  const migrationsList = migrationsOf({
    '20260101000000_bad': 'CREATE TABLE kept (id int);\nCREATE TABLE bad (id nothing);',
  })
  await expect(engine.applyMigrations({ migrationsList, filters: NO_FILTERS })).rejects.toThrow(
    'type "nothing" does not exist',
  )
  await expect(engine.applyMigrations({ migrationsList, filters: NO_FILTERS })).rejects.toThrow(
    'The `20260101000000_bad` migration started at',
  )
  await engine.markMigrationRolledBack({ migrationName: '20260101000000_bad' })
  await engine.markMigrationApplied({ migrationsList, migrationName: '20260101000000_bad' })
  expect(await engine.applyMigrations({ migrationsList, filters: NO_FILTERS })).toEqual({
    appliedMigrationNames: [],
  })
})

test('migrate dev asks for a reset after a table was changed by hand, and for nothing before', async () => {
  const init = await scriptFor(ONE_TABLE, {})
  const migrationsList = migrationsOf({ '20260101000000_init': init })
  await engine.applyMigrations({ migrationsList, filters: NO_FILTERS })
  expect(await engine.devDiagnostic({ migrationsList, filters: NO_FILTERS })).toEqual({
    action: { tag: 'createMigration' },
  })
  await database.query('ALTER TABLE "Owner" ADD COLUMN extra int')
  expect(await engine.devDiagnostic({ migrationsList, filters: NO_FILTERS })).toEqual({
    action: { tag: 'reset', reason: expect.stringContaining('extra') as unknown },
  })
})

test('migrate dev warns of rows that a change would lose', async () => {
  const scripts = { '20260101000000_init': await scriptFor(TWO_TABLES, {}) }
  const migrationsList = migrationsOf(scripts)
  await engine.applyMigrations({ migrationsList, filters: NO_FILTERS })
  await database.query(`INSERT INTO "Owner" (name) VALUES ('Ada')`)
  await database.query(`INSERT INTO "Pet" (id, born, "ownerId") VALUES (1, '2024-02-29', 1)`)
  await engine.devDiagnostic({ migrationsList, filters: NO_FILTERS })
  const loss = await engine.evaluateDataLoss({
    migrationsList,
    schema: schemaOf(ONE_TABLE),
    filters: NO_FILTERS,
  })
  expect(loss.warnings).toEqual([
    expect.objectContaining({ message: expect.stringContaining('`Pet` table') as unknown }),
  ])
})

test('reset leaves an empty database', async () => {
  await push(TWO_TABLES)
  await engine.reset({ filter: NO_FILTERS })
  expect(await tables()).toEqual([])
  expect(await push(TWO_TABLES)).toMatchObject({ executedSteps: expect.any(Number) as unknown })
  expect(await tables()).toEqual(['Owner', 'Pet'])
})
