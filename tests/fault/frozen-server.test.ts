// A server that hangs: SIGSTOP to all of its processes. The kernel still accepts connections and acknowledges
// what is sent; nothing answers, and nothing ends.
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { type LocalPostgres, startLocalPostgres } from 'local-postgres'
import type { PoolOptions } from 'prisma-pg-real-pool'
import { eventually } from '../support/eventually.js'
import { createStage, expectWhole, failureOf, pidOf, pidsOf, type Stage } from './support.js'

const POOL: PoolOptions = {
  minSize: 2,
  maxSize: 2,
  timeout: '20s',
  check: true,
  checkIdleAfter: 0,
  connectTimeout: '300ms',
}

let server: LocalPostgres
let stage: Stage

beforeAll(async () => {
  server = await startLocalPostgres()
  stage = await createStage(server.url)
})

afterEach(async () => {
  await server.signal('SIGCONT')
  await stage.clear()
})

afterAll(async () => {
  await stage.close()
  await server.stop()
})

test('statements that run are answered when it goes on, and their connections live', async () => {
  const subject = await stage.open(POOL)
  const before = await pidsOf(stage)
  const leases = [await subject.acquire(), await subject.acquire()]
  const waiting = Promise.all([subject.use(pidOf), subject.use(pidOf)])
  await server.signal('SIGSTOP')
  const answers = Promise.all(leases.map(({ client }) => pidOf(client)))
  await server.signal('SIGCONT')
  expect((await answers).sort()).toEqual([...before].sort())
  await Promise.all(leases.map((lease) => lease.release()))
  await waiting
  await expectWhole(stage, subject)
  expect(await pidsOf(stage)).toEqual(before)
})

test('requests whose check gets no answer wait for another connection, and are served in the end', async () => {
  const subject = await stage.open(POOL)
  const before = await pidsOf(stage)
  await server.signal('SIGSTOP')
  const waiting = Promise.all(Array.from({ length: 6 }, () => subject.use(pidOf)))
  const error = await failureOf(subject.acquire({ timeout: '200ms' }))
  expect(error).toMatchObject({ code: 'POOL_TIMEOUT' })
  await eventually(() => expect(subject.pool.getStats().connectionsLost).toBe(2), { timeoutMs: 10_000 })
  await eventually(() => expect(subject.pool.getStats().connectionsErrors).toBeGreaterThan(0), {
    timeoutMs: 15_000,
  })
  await server.signal('SIGCONT')
  expect((await waiting).filter((pid) => before.includes(pid))).toEqual([])
  await expectWhole(stage, subject)
})

test('calls of Prisma succeed once it goes on', async () => {
  const { adapter, prisma } = await stage.openPrisma(POOL)
  await server.signal('SIGSTOP')
  const calls = Promise.all(Array.from({ length: 10 }, () => prisma.log.count()))
  await eventually(() => expect(adapter.pool.getStats().connectionsLost).toBe(2), { timeoutMs: 10_000 })
  await server.signal('SIGCONT')
  expect(await calls).toEqual(Array(10).fill(0))
  await expectWhole(stage, adapter.pool)
})

test('a transaction of Prisma is told at its timeout, and nothing of it is saved', async () => {
  const { adapter, prisma } = await stage.openPrisma(POOL)
  const error = await failureOf(
    prisma.$transaction(
      async (tx) => {
        await tx.log.create({ data: { text: 'lost' } })
        await server.signal('SIGSTOP')
        await tx.log.create({ data: { text: 'never' } })
      },
      // In which the first statement has to come through.
      { timeout: 2_000 },
    ),
  )
  expect(error.message).toMatch(/Transaction already closed/)
  await server.signal('SIGCONT')
  await expectWhole(stage, adapter.pool)
  expect(await prisma.log.count()).toBe(0)
})

test('the pool closes all the same, with force also what is lent', async () => {
  const subject = await stage.open(POOL)
  const lease = await subject.acquire()
  await server.signal('SIGSTOP')
  const answer = failureOf(lease.client.query('SELECT 1'))
  await subject.pool.close({ timeout: 0, force: true })
  expect((await answer).message).toMatch(/Connection terminated/)
  await lease.release()
  await eventually(() => expect(subject.pool.getStats().poolSize).toBe(0), { timeoutMs: 10_000 })
})
