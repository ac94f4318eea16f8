// The facts of a statement's text: whether it reads, may share a connection, changes the session, ends a transaction.
import { describe, expect, test } from '@jest/globals'
import { factsOf } from '../../../../packages/adapter/src/pg/sql/facts.js'

describe('plainly a read:', () => {
  test.each([
    'SELECT 1',
    'SELECT 1;',
    '/* /* nested */ */ (select 1)',
    'VALUES (1), (2)',
    'TABLE a',
    'SHOW TimeZone',
    'EXPLAIN SELECT 1',
    'EXPLAIN (COSTS off, VERBOSE) SELECT count(*) FROM a',
    'EXPLAIN VERBOSE SELECT 1',
    'WITH a AS (SELECT 1), b AS MATERIALIZED (SELECT 2), c AS NOT MATERIALIZED (VALUES (3)) SELECT * FROM a, b, c',
    'WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 9) SELECT sum(n) FROM t',
    'SELECT count(*) FILTER (WHERE a > 1) OVER (PARTITION BY (b) ORDER BY (c)) FROM t',
    `SELECT "count"(*), pg_catalog.now(), "pg_catalog"."lower"('A') FROM t`,
    'SELECT a FROM t WHERE (a, b) IN (SELECT 1, 2) AND EXISTS (SELECT 1) AND a = ANY ($1) OR NOT (b)',
    `SELECT a::varchar(10), CAST(b AS numeric(10, 2)), c::character varying(3), d::timestamp(3) FROM t AS x (a, b, c, d)`,
    'SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a) FROM t GROUP BY GROUPING SETS ((a), (b))',
    'SELECT DISTINCT ON (a) a FROM t JOIN (SELECT 1 AS b) AS u USING (b) LEFT JOIN LATERAL (SELECT 2) AS v ON (true)',
    `SELECT a FROM t WHERE t.a LIKE ('%' || $1) OR "a"::text NOT ILIKE ($1 || '%') AND lower(a) ILIKE ($1) OR $1 NOT LIKE ($2)`,
    'SELECT a FROM t FOR UPDATE',
    'SELECT a FROM t FOR NO KEY UPDATE SKIP LOCKED',
    'SELECT t.update, t.into FROM t',
    `SELECT coalesce(max("a"), 0), extract(epoch FROM now()), ARRAY(SELECT 1), current_timestamp(3) FROM t`,
    `SELECT 'INSERT INTO a', $$nextval('b')$$, "delete" FROM t -- nextval('c')`,
    `SELECT random(), gen_random_uuid(), clock_timestamp(), pg_sleep(1)`,
    'SELECT 1; SELECT 2',
  ])('%s', (text) => {
    expect(factsOf(text)).toMatchObject({ isRead: true, changesSession: false })
  })
})

describe('not plainly a read:', () => {
  test.each([
    '',
    '-- only a remark',
    ';',
    'SELECT a INTO b FROM c',
    'SELECT 1INTO b',
    '(SELECT 1 INTO b)',
    'EXPLAIN ANALYZE INSERT INTO a VALUES (1)',
    'EXPLAIN ANALYZE SELECT 1',
    'EXPLAIN (BUFFERS, ANALYZE) SELECT 1',
    'EXPLAIN ("analyze") DELETE FROM a',
    `SELECT nextval('a')`,
    `SELECT pg_catalog . /* why */ nextval ('a')`,
    `SELECT setval('a', 1)`,
    'SELECT mine()',
    'SELECT public.now()',
    'SELECT db.pg_catalog.now()',
    'SELECT "In" (1)',
    'SELECT "in" (1)',
    'SELECT DISTINCT ON (a) mine(b) FROM t',
    'SELECT join(1)',
    'SELECT a AS b, join (1)',
    'SELECT NOT ilike(a, b) FROM t',
    'SELECT a FROM t ORDER BY join(a)',
    'SELECT a FROM t GROUP BY ilike(a, b)',
    'SELECT a FROM t JOIN u ON conflict(t.id)',
    'WITH RECURSIVE a AS (SELECT 1) SEARCH DEPTH FIRST BY b SET key UPDATE c SET d = 1',
    'SELECT a FROM t WHERE a AND ilike(b, c)',
    'SELECT U&"\\006eow"()',
    'SELECT * FROM mine()',
    'SELECT * FROM t WHERE a IN (SELECT mine(b))',
    'WITH a AS (INSERT INTO b VALUES (1) RETURNING c) SELECT * FROM a',
    'WITH a AS (/* */ DELETE FROM b RETURNING c) SELECT * FROM a',
    'WITH a AS (UPDATE b SET c = 1 RETURNING c) SELECT * FROM a',
    'WITH a AS (MERGE INTO b USING c ON (true) WHEN MATCHED THEN DELETE RETURNING *) TABLE a',
    'WITH a AS (SELECT 1) INSERT INTO b TABLE a',
    'INSERT INTO a VALUES (1)',
    'CALL a()',
    'DO $$ BEGIN END $$',
    'COPY a TO STDOUT',
    'SELECT 1; DELETE FROM a',
    'BEGIN',
    'selected',
  ])('%j', (text) => {
    expect(factsOf(text).isRead).toBe(false)
  })
})

describe('may share a connection:', () => {
  test.each([
    '  \n\tselect "temp" from "Log"',
    'INSERT INTO "Log" ("text", "b") VALUES ($1, DEFAULT), ($2, lower($3)) ON CONFLICT ("text") DO UPDATE SET "b" = $4 RETURNING "id"',
    'INSERT INTO "public"."Log" AS l ("text") SELECT $1',
    'update "Log" set text = $1',
    'DELETE FROM "Log"',
    'WITH a AS (INSERT INTO "Log" DEFAULT VALUES RETURNING id) SELECT * FROM a',
    'VALUES (1)',
    '-- a remark\n/* a * /* comment */ */ SELECT 1',
    'SELECT 1;',
    'SELECT pg_advisory_xact_lock(1)',
    "SELECT set_config('a.b', 'c', true)",
    "SELECT nextval('a')",
  ])('%s', (text) => {
    expect(factsOf(text)).toMatchObject({ mayShare: true, changesSession: false })
  })
})

describe('must not share a connection:', () => {
  test.each([
    '',
    'BEGIN',
    'CALL a()',
    'DO $$ BEGIN END $$',
    'EXPLAIN ANALYZE SELECT 1',
    'TABLE a',
    'selected',
    'SELECT mine()',
    'UPDATE a SET b = mine()',
    'INSERT INTO a SELECT b FROM c JOIN d ON conflict(c.id)',
    'SELECT public.nextval($1)',
    'SELECT U&"a"',
    'SELECT lastval()',
    'SELECT 1; SELECT 2',
    '-- only a remark',
  ])('%j', (text) => {
    expect(factsOf(text).mayShare).toBe(false)
  })
})

describe('may change the session:', () => {
  test.each([
    'SET search_path TO a',
    `/* */ SET -- why\n SESSION work_mem = '1MB'`,
    'SET/**/ROLE a',
    'SET "role" TO a',
    'SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY',
    'SET SESSION AUTHORIZATION a',
    `SET TIME ZONE 'UTC'`,
    'SET local.tenant = 1',
    'SET local TO 1',
    'SET transaction.a = 1',
    'SET work_mem TO DEFAULT',
    'RESET ROLE',
    'RESET ALL',
    'reset work_mem',
    'DISCARD ALL',
    'DISCARD PLANS',
    'LISTEN a',
    'UNLISTEN *',
    'PREPARE a AS SELECT 1',
    'EXECUTE a',
    'EXPLAIN ANALYZE EXECUTE a',
    'EXPLAIN (ANALYZE, COSTS off) EXECUTE a',
    'CREATE TABLE a AS EXECUTE b',
    'DEALLOCATE a',
    `LOAD 'a'`,
    'DECLARE a CURSOR WITH HOLD FOR SELECT 1',
    'declare a binary no scroll cursor with /* */ hold for select 1',
    'CREATE TEMP TABLE a (b int)',
    'CREATE TEMPORARY TABLE a AS SELECT 1',
    'CREATE /* */ LOCAL -- \n TEMP TABLE a AS VALUES (1)',
    'CREATE GLOBAL TEMPORARY TABLE a ()',
    'CREATE OR REPLACE TEMP VIEW a AS SELECT 1',
    'CREATE TEMP SEQUENCE a',
    'EXPLAIN ANALYZE CREATE TEMP TABLE a AS SELECT 1',
    'CREATE TABLE pg_temp.a (b int)',
    'CREATE TABLE "pg_temp" . a AS SELECT 1',
    'CREATE TABLE PG_TEMP.a AS SELECT 1',
    'CREATE FUNCTION pg_temp.a() RETURNS int LANGUAGE sql AS $$SELECT 1$$',
    'INSERT INTO pg_temp_3.a VALUES (1)',
    'CREATE TABLE U&"pg\\005ftemp".a (b int)',
    'SELECT 1 INTO TEMP a',
    'SELECT 1 INTO LOCAL TEMPORARY a',
    'SELECT 1 INTO/**/GLOBAL/**/TEMP TABLE a',
    'SELECT 1 INTO pg_temp.a',
    'WITH b AS (SELECT 1) SELECT * INTO TEMP a FROM b',
    `SELECT set_config('a', 'b', false)`,
    `SELECT set_config('a', 'b', $1)`,
    `SELECT set_config('a', 'b, true)', false)`,
    `SELECT set_config('a', b(1, true), false)`,
    `SELECT set_config('a', b(1, true) || 'c', c AND true)`,
    `SELECT set_config('a', 'b', "true")`,
    `SELECT set_config('a', set_config('c', 'd', false), true)`,
    `SELECT set_config('c', 'd', true), set_config('a', 'b', false)`,
    `SELECT "set_config"('a', 'b', false)`,
    `SELECT pg_catalog . set_config /* */ ('a', 'b', false)`,
    `SELECT U&"\\0073et_config"('a', 'b', false)`,
    `SELECT set_config(setting_name => 'a', new_value => 'b', is_local => true)`,
    `INSERT INTO a SELECT set_config('a', 'b', false)`,
    `UPDATE a SET b = set_config('a', b, false)`,
    `DELETE FROM a WHERE b = set_config('a', b, false)`,
    `MERGE INTO a USING b ON (pg_try_advisory_lock(1)) WHEN MATCHED THEN DELETE`,
    `EXPLAIN ANALYZE SELECT pg_advisory_lock(1)`,
    `CALL a(set_config('a', 'b', false))`,
    `COPY (SELECT pg_advisory_lock(1)) TO STDOUT`,
    'VALUES (pg_advisory_lock(1))',
    'WITH a AS (SELECT pg_try_advisory_lock_shared(1)) SELECT * FROM a',
    'SELECT setseed(0.5)',
    `SELECT dblink_connect('a', 'b')`,
    `SELECT public."dblink_connect"('a', 'b')`,
    'SELECT 1; SET ROLE a; SELECT 2',
    `BEGIN; SET work_mem = '1MB'; COMMIT`,
    `SET LOCAL search_path = a, 'pg_temp'`,
    `SET LOCAL search_path TO 'PG_TEMP', a`,
    `SET LOCAL search_path TO U&'pg!005ftemp' UESCAPE '!'`,
    `SELECT set_config('search_path', 'a, pg_temp', true)`,
    `SELECT set_config('search_path', E'pg\\137temp', true)`,
    `UPDATE pg_settings SET setting = 'b' WHERE name = 'a'`,
    `WITH a AS (UPDATE ONLY pg_catalog."pg_settings" AS s SET setting = 'b' RETURNING 1) SELECT * FROM a`,
    `SELECT query_to_xml('SELECT set_config(''a'', ''b'', false)', true, true, '')`,
    `SELECT * FROM ts_stat('SELECT pg_advisory_lock(1)')`,
    'SELECT set_limit(0.9)',
    'CREATE VIEW a AS SELECT begin, atomic FROM b; SET ROLE c',
    'CREATE TABLE a (begin, atomic) AS VALUES (1, 2); SET ROLE c',
  ])('%s', (text) => {
    expect(factsOf(text)).toMatchObject({ changesSession: true, mayShare: false })
  })
})

test.each([
  [`LOAD 'a'`, true],
  ['SELECT setseed(0.5)', true],
  [`SELECT 1; SELECT public."dblink_connect"('a', 'b')`, true],
  [`SELECT pg_create_physical_replication_slot('a', true, true)`, true],
  ['SELECT pg_advisory_lock(1)', false],
  ['SET ROLE a', false],
])('%s: %s that it outlasts DISCARD ALL', (text, outlastsDiscard) => {
  expect(factsOf(text)).toMatchObject({ changesSession: true, outlastsDiscard })
})

describe('leaves the session as it is:', () => {
  test.each([
    'SELECT 1',
    `SET LOCAL work_mem = '1MB'`,
    `SET LOCAL "a"."b" = '1'`,
    'SET LOCAL ROLE a',
    'SET LOCAL SESSION CHARACTERISTICS AS TRANSACTION READ ONLY',
    'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE',
    'SET CONSTRAINTS ALL DEFERRED',
    'SET CONSTRAINTS "a" IMMEDIATE',
    `SELECT set_config('a', 'b', true), pg_catalog.set_config('a', b(1, false), TRUE)`,
    `SELECT set_config('a', set_config('c', 'd', true), true)`,
    'SELECT pg_advisory_xact_lock(1), pg_try_advisory_xact_lock(1), pg_advisory_unlock(1)',
    'DECLARE a CURSOR WITHOUT HOLD FOR SELECT 1',
    'DECLARE hold CURSOR FOR SELECT 1',
    'CREATE TABLE plain (temp int)',
    'SELECT temp FROM plain',
    'INSERT INTO temp VALUES (1)',
    'UPDATE a SET b = 1',
    'SELECT setting FROM pg_settings',
    `SELECT to_regclass('pg_temp.a')`,
    `SET LOCAL search_path = 'a'`,
    `SELECT set_config('search_path', $1, true), set_config('search_path', 'a', true)`,
    `SELECT 'SET ROLE a', "set_config" FROM t`,
    '-- SET ROLE a\nSELECT 1',
    'PREPARE TRANSACTION $$a$$',
    'ALTER ROLE a SET work_mem = 4096',
    'BEGIN; SAVEPOINT a; RELEASE a; COMMIT',
    'CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2)',
  ])('%s', (text) => {
    expect(factsOf(text).changesSession).toBe(false)
  })
})

describe('transaction control:', () => {
  test.each([
    ['BEGIN', { kind: 'begin' }],
    ['begin isolation level serializable;', { kind: 'begin' }],
    ['START TRANSACTION READ ONLY', { kind: 'begin' }],
    ['COMMIT', { kind: 'commit', chains: false }],
    ['-- the end\nEND WORK', { kind: 'commit', chains: false }],
    ['COMMIT AND NO CHAIN', { kind: 'commit', chains: false }],
    ['commit transaction and /* */ chain', { kind: 'commit', chains: true }],
    ['/* /* */ */ ROLLBACK AND CHAIN', { kind: 'rollback', chains: true }],
    ['ABORT', { kind: 'rollback', chains: false }],
    ['SAVEPOINT a', { kind: 'savepoint', name: 'a' }],
    ['SAVEPOINT "A ""b"""', { kind: 'savepoint', name: 'A "b"' }],
    ['RELEASE Aa', { kind: 'release', name: 'aa' }],
    ['RELEASE SAVEPOINT a', { kind: 'release', name: 'a' }],
    ['RELEASE savepoint', { kind: 'release', name: 'savepoint' }],
    ['ROLLBACK TO a', { kind: 'rollback to', name: 'a' }],
    ['ROLLBACK WORK TO SAVEPOINT "a"', { kind: 'rollback to', name: 'a' }],
    [`PREPARE TRANSACTION 'a'`, { kind: 'prepare transaction' }],
    ['SET TRANSACTION ISOLATION LEVEL SERIALIZABLE', { kind: 'set transaction' }],
    ['SET LOCAL transaction_isolation = serializable', { kind: 'set transaction' }],
    [`COMMIT PREPARED 'a'`, undefined],
    [`ROLLBACK PREPARED 'a'`, undefined],
    ['SET LOCAL work_mem = 4096', undefined],
    ['SELECT 1', undefined],
    ['', undefined],
  ])('%s', (text, control) => {
    const facts = factsOf(text)
    expect(facts.control).toEqual(control)
    expect(facts.controls).toEqual(control === undefined ? [] : [control])
    const isCommit = control?.kind === 'commit' || control?.kind === 'prepare transaction'
    expect(facts.commits).toBe(isCommit)
    expect(facts.chains).toBe(control !== undefined && 'chains' in control && control.chains === true)
  })

  test('a text of several statements is no single one, and each of them counts', () => {
    const facts = factsOf('SAVEPOINT a; SELECT 1; COMMIT AND CHAIN; SELECT 2')
    expect(facts).toMatchObject({ control: undefined, commits: true, chains: true })
    expect(facts.controls.map(({ kind }) => kind)).toEqual(['savepoint', 'commit'])
  })

  test('the END of a function, and the one of CASE, commit nothing', () => {
    const body = 'BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END'
    expect(factsOf(`CREATE FUNCTION f() RETURNS int ${body}; SELECT 3`)).toMatchObject({ controls: [] })
    expect(factsOf(`CREATE FUNCTION f() RETURNS int ${body}; END`)).toMatchObject({ commits: true })
  })
})

test('the facts of a text are found once', () => {
  const text = () => `SELECT ${'a, '.repeat(100)}b`
  expect(factsOf(text())).toBe(factsOf(text()))
})

test('the facts of long texts are found each time, because they would only fill memory', () => {
  const text = () => `SELECT '${'a'.repeat(20_000)}'`
  expect(factsOf(text())).not.toBe(factsOf(text()))
  expect(factsOf(text())).toEqual(factsOf(text()))
})

test.each<[string, string, boolean]>([
  ['comments', `${' /**/'.repeat(4_000_000)}BEGIN`, false],
  ['statements', 'SELECT 1;\n'.repeat(1_000_000), true],
  ['open calls', 'SELECT set_config('.repeat(1_000_000), false],
  ['parentheses', `SELECT ${'('.repeat(4_000_000)}1${')'.repeat(4_000_000)}`, true],
  ['names', `SELECT ${'a.'.repeat(4_000_000)}b`, true],
  ['one name', `SELECT "${'a'.repeat(16_000_000)}"`, true],
])('of a text of many %s, too', (_, text, isRead) => {
  expect(factsOf(text).isRead).toBe(isRead)
})

describe('prepared statements plainly are as they were after', () => {
  test.each([
    'SELECT * FROM t WHERE a = $1 FOR UPDATE',
    'INSERT INTO t (a) VALUES ($1) RETURNING a',
    'WITH a AS (DELETE FROM t RETURNING *) UPDATE u SET b = lower(c) WHERE d = ANY ($1)',
    'MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE',
    'SELECT count(*), max(a) FROM t',
    `SELECT pg_advisory_lock(1), pg_advisory_xact_lock(2), nextval('s')`,
    `SELECT set_config('app.tenant', $1, true)`,
    `SELECT pg_catalog.set_config('Statement_Timeout', '1s', false), set_config('a.b', lower($1), true)`,
    'SET LOCAL app.tenant = 1',
    'SET local.tenant = 1',
    'SET LOCAL ROLE someone',
    'SET SESSION statement_timeout = 1',
    'SET TRANSACTION READ ONLY',
    'SET CONSTRAINTS ALL DEFERRED',
    'SAVEPOINT a',
    'ROLLBACK TO a',
    'LOCK TABLE t',
    'DECLARE a CURSOR FOR SELECT 1',
    `SELECT 'DEALLOCATE ALL'`,
    'SELECT t.into FROM t',
  ])('%s', (text) => {
    expect(factsOf(text).keepsPrepared).toBe(true)
  })
})

describe('prepared statements may be gone, or mean something else, after', () => {
  test.each([
    'CREATE TABLE a (b int)',
    'CREATE TEMP TABLE a AS SELECT 1',
    'SELECT 1 AS b INTO a',
    'WITH b AS (SELECT 1) SELECT * INTO a FROM b',
    'ALTER TABLE a ADD COLUMN b int',
    'DROP TABLE a',
    'DO $$ BEGIN END $$',
    'CALL mine()',
    'EXECUTE mine',
    'PREPARE a AS SELECT 1',
    'DEALLOCATE ALL',
    'DISCARD ALL',
    'DISCARD PLANS',
    'RESET search_path',
    'RESET ALL',
    'SET search_path = a',
    'SET LOCAL "search_path" TO a',
    `SET SCHEMA 'a'`,
    `SET LOCAL TIME ZONE 'UTC'`,
    'SET LOCAL timezone = 1',
    `SET SESSION AUTHORIZATION someone`,
    `SELECT set_config('search_path', 'a', true)`,
    `SELECT set_config('SEARCH_PATH', 'a', true)`,
    `SELECT set_config(E'app.tenant', 'a', true)`,
    `SELECT set_config('app' || '.tenant', 'a', true)`,
    `SELECT set_config($1, 'a', true)`,
    `SELECT set_config(lower('app.tenant'), 'a', true)`,
    'SELECT mine()',
    'SELECT public.lower(a) FROM t',
    'INSERT INTO t (a) VALUES (mine())',
    'EXPLAIN ANALYZE CREATE TABLE a AS SELECT 1',
    'SELECT 1; DROP TABLE a',
    'SELECT U&"\\006eow"()',
    'no SQL at all',
  ])('%s', (text) => {
    expect(factsOf(text).keepsPrepared).toBe(false)
  })
})
