// The same calls through @prisma/adapter-pg and through ours, on the same database: alike, but for a list of
// differences that are seen to be there, and that docs/differences-from-adapter-pg.md explains.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { read } from '../docs/markdown.js'
import { CALLS } from './calls.js'
import { DIFFERENCES } from './differences.js'
import { adapters as adaptersOf, createStage, type Stage } from './stage.js'

let stage: Stage

beforeAll(async () => {
  stage = await createStage(`ALTER DATABASE % SET timezone TO 'America/New_York'`)
})

afterAll(() => stage.close())

test.each(CALLS)('both adapters answer alike: $name', async ({ name, run }) => {
  const { theirs, ours } = await stage.outcomesOf(({ prisma }) => run(prisma))
  expect(ours).toEqual(theirs)
  expect(Object.hasOwn(Object(ours) as object, 'rejected')).toBe(name.startsWith('error: '))
})

test('both adapters give each built-in type that adapter-pg reads the same column type', async () => {
  const types = await stage.outcomesOf(async ({ database, connect }) => {
    const names = await database.query<{ name: string }>(
      `SELECT format_type(oid, NULL) AS name FROM pg_type WHERE typtype IN ('b', 'r', 'm') AND oid < 16384 ORDER BY oid`,
    )
    const adapter = await connect()
    const found: Record<string, unknown> = {}
    for (const { name } of names) {
      const query = { sql: `SELECT NULL::${name} AS value`, args: [], argTypes: [] }
      found[name] = await adapter.queryRaw(query).then(
        ({ columnTypes: [type] }) => type,
        () => undefined,
      )
    }
    await adapter.dispose()
    return found
  })
  const [theirs, ours] = [types.theirs, types.ours] as Record<string, unknown>[]
  const read = Object.entries(theirs!).filter(([, type]) => type !== undefined)
  expect(read.length).toBeGreaterThan(40)
  expect(Object.entries(ours!).filter(([name]) => theirs![name] !== undefined)).toEqual(read)
})

/** Such calls may leave their pools in a state that no other should meet. */
const ofFour = adaptersOf(4)

const differences = DIFFERENCES.map((difference) => {
  const { name, detail } = difference
  return { title: detail === undefined ? name : `${name} (${detail})`, ...difference }
})

test.each(differences)('they differ as we say: $title', async ({ run, adapters = ofFour, ...expected }) => {
  const { theirs, ours } = await stage.outcomesOf(run, adapters)
  expect({ theirs, ours }).toEqual({ theirs: expected.theirs, ours: expected.ours })
  expect(ours).not.toEqual(theirs)
})

test('docs/differences-from-adapter-pg.md explains each of them, and no other', () => {
  const headings = [...read('docs/differences-from-adapter-pg.md').matchAll(/^### (.+)$/gm)]
  const names = new Set(DIFFERENCES.map(({ name }) => name))
  expect(headings.map(([, heading]) => heading).sort()).toEqual([...names].sort())
})
