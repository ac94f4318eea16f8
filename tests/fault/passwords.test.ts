// The password of the role changes while the pool lives, and back: what is connected stays so, what connects
// anew is refused until the passwords agree again.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { PoolOptions } from 'prisma-pg-real-pool'
import { eventually } from '../support/eventually.js'
import { createStage, expectWhole, failureOf, pidOf, pidsOf, type Stage, terminate } from './support.js'

const POOL: PoolOptions = { minSize: 2, maxSize: 2, timeout: '20s' }
const OURS = 'our-s3cret'

let stage: Stage
let user: string

beforeAll(async () => {
  stage = await createStage()
  user = stage.database.name
  await stage.database.query(`
    CREATE ROLE ${user} LOGIN;
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${user}`)
})

beforeEach(() => setPassword(OURS))

afterEach(() => stage.clear())

afterAll(async () => {
  await stage.database.query(`DROP OWNED BY ${user}; DROP ROLE ${user}`)
  await stage.close()
})

async function setPassword(password: string): Promise<void> {
  await stage.database.query(`ALTER ROLE ${user} PASSWORD '${password}'`)
}

test('connections that there are go on', async () => {
  const subject = await stage.open(POOL, { user, password: OURS })
  const before = await pidsOf(stage)
  await setPassword('other')
  const pids = await Promise.all(Array.from({ length: 10 }, () => subject.use(pidOf)))
  expect(new Set(pids)).toEqual(new Set(before))
  await expectWhole(stage, subject)
  expect(subject.pool.getStats().connectionsErrors).toBe(0)
})

test('while one connection lives, requests wait for it', async () => {
  const subject = await stage.open(POOL, { user, password: OURS })
  const [dead, alive] = (await pidsOf(stage)) as [number, number]
  await setPassword('other')
  await terminate(stage, `pid = ${dead}`)
  await eventually(() => expect(subject.pool.getStats().connectionsErrors).toBeGreaterThan(0))
  const pids = await Promise.all(Array.from({ length: 10 }, () => subject.use(pidOf)))
  expect(new Set(pids)).toEqual(new Set([alive]))
  await setPassword(OURS)
  await expectWhole(stage, subject)
})

test('with none left, requests are told at once, without the password; and served when it is right again', async () => {
  const subject = await stage.open(POOL, { user, password: OURS })
  await setPassword('other')
  await terminate(stage)
  const errors = await Promise.all(Array.from({ length: 5 }, () => failureOf(subject.acquire())))
  for (const error of errors) {
    expect(error).toMatchObject({ code: 'POOL_CONNECT', cause: { code: '28P01' } })
    expect(error.message).toContain('Check the user and the password')
    expect(error.message).not.toContain(OURS)
  }
  await setPassword(OURS)
  await expectWhole(stage, subject)
})

test('nobody need ask: the pool connects by itself when it is right again', async () => {
  const subject = await stage.open(POOL, { user, password: OURS })
  await setPassword('other')
  await terminate(stage)
  await eventually(() => expect(subject.pool.getStats().connectionsErrors).toBeGreaterThan(0))
  await setPassword(OURS)
  await eventually(() => expect(subject.pool.getStats()).toMatchObject({ poolSize: 2, poolAvailable: 2 }), {
    timeoutMs: 15_000,
  })
  await expectWhole(stage, subject)
})

test('in Prisma: P1000 while it is wrong', async () => {
  const { adapter, prisma } = await stage.openPrisma(POOL, { user, password: OURS })
  await setPassword('other')
  await terminate(stage)
  expect(await failureOf(prisma.user.count())).toMatchObject({ code: 'P1000' })
  expect(await failureOf(prisma.$transaction((tx) => tx.user.count()))).toMatchObject({ code: 'P1000' })
  await setPassword(OURS)
  await expectWhole(stage, adapter.pool)
  expect(await prisma.user.count()).toBe(0)
})

test('a function that gives the password of the moment: no request notices that it changed', async () => {
  let current = OURS
  const subject = await stage.open(POOL, { user, password: () => Promise.resolve(current) })
  await setPassword('other')
  current = 'other'
  const before = await pidsOf(stage)
  await terminate(stage)
  const pids = await Promise.all(Array.from({ length: 10 }, () => subject.use(pidOf)))
  expect(pids.filter((pid) => before.includes(pid))).toEqual([])
  expect(subject.pool.getStats()).toMatchObject({ connectionsErrors: 0, requestsErrors: 0 })
  await expectWhole(stage, subject)
})
