// A network that says nothing at all: no connection ends, no answer comes. Only time limits help.
import { Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { isOutcomeUnknown, type PoolOptions } from 'prisma-pg-real-pool'
import { eventually } from '../support/eventually.js'
import { createStage, failureOf, expectWhole, knownErrorOf, pidOf, pidsOf, type Stage } from './support.js'

const CHECKED: PoolOptions = {
  minSize: 2,
  maxSize: 2,
  timeout: '20s',
  check: true,
  checkIdleAfter: 0,
  connectTimeout: '300ms',
}

let stage: Stage

beforeAll(async () => {
  stage = await createStage()
})

afterEach(async () => {
  await stage.clear()
  await stage.empty()
})

afterAll(() => stage.close())

describe('idle connections that a firewall has forgotten', () => {
  test('are found by their check: borrowers get new ones', async () => {
    const subject = await stage.open(CHECKED)
    const before = await pidsOf(stage)
    stage.proxy.forget()
    const pids = await Promise.all(Array.from({ length: 6 }, () => subject.use(pidOf)))
    expect(pids.filter((pid) => before.includes(pid))).toEqual([])
    expect(subject.pool.getStats()).toMatchObject({ connectionsLost: 2, requestsErrors: 0 })
    // Only now does the server hear that they are closed.
    stage.proxy.resume()
    await expectWhole(stage, subject)
  })

  test('are found by pool.check(), before anybody wants one', async () => {
    const subject = await stage.open({ ...CHECKED, check: false })
    const before = await pidsOf(stage)
    stage.proxy.forget()
    await subject.pool.check()
    const pids = await Promise.all(Array.from({ length: 6 }, () => subject.use(pidOf)))
    expect(pids.filter((pid) => before.includes(pid))).toEqual([])
    stage.proxy.resume()
    await expectWhole(stage, subject)
  })

  test('do not hold up the close of the pool', async () => {
    const subject = await stage.open(CHECKED)
    stage.proxy.forget()
    await subject.pool.close()
    expect(subject.pool.getStats().poolSize).toBe(0)
  })

  test('fail no call of Prisma', async () => {
    const { adapter, prisma } = await stage.openPrisma(CHECKED)
    stage.proxy.forget()
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => prisma.user.count()))
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([])
    stage.proxy.resume()
    await expectWhole(stage, adapter.pool)
  })
})

describe('a black hole', () => {
  test('over idle connections: those who ask wait for its end, and are served', async () => {
    const subject = await stage.open(CHECKED)
    stage.proxy.stall()
    const waiting = Promise.all(Array.from({ length: 6 }, () => subject.use(pidOf)))
    const error = await failureOf(subject.acquire({ timeout: '200ms' }))
    expect(error).toMatchObject({ code: 'POOL_TIMEOUT' })
    await eventually(() => expect(subject.pool.getStats().connectionsLost).toBe(2))
    await eventually(() => expect(subject.pool.getStats().connectionsErrors).toBeGreaterThan(0), {
      timeoutMs: 15_000,
    })
    stage.proxy.resume()
    await waiting
    await expectWhole(stage, subject)
  })

  test('over queries: when it ends in time, they are answered, on the connections that there were', async () => {
    const subject = await stage.open(CHECKED)
    const before = await pidsOf(stage)
    const leases = [await subject.acquire(), await subject.acquire()]
    stage.proxy.stall()
    const answers = Promise.all(leases.map(({ client }) => pidOf(client)))
    const hasAnswered = await Promise.race([
      answers.then(() => true),
      // As long as a call to the server beside it takes.
      pidsOf(stage).then(() => false),
    ])
    expect(hasAnswered).toBe(false)
    stage.proxy.resume()
    expect((await answers).sort()).toEqual([...before].sort())
    await Promise.all(leases.map((lease) => lease.release()))
    await expectWhole(stage, subject)
    expect(await pidsOf(stage)).toEqual(before)
  })

  test.each(['stall', 'deafen'] as const)(
    'while connecting (%s): each attempt ends, and the next succeeds',
    async (how) => {
      const subject = await stage.open({ ...CHECKED, minSize: 0 })
      stage.proxy[how]()
      const error = await failureOf(subject.acquire({ timeout: '1s' }))
      expect(error).toMatchObject({
        code: 'POOL_TIMEOUT',
        message: expect.stringContaining('no connection within 300 ms (connectTimeout)'),
        cause: { code: 'ETIMEDOUT' },
      })
      const waiting = subject.use(pidOf)
      stage.proxy.hear()
      stage.proxy.resume()
      await waiting
      await expectWhole(stage, subject)
    },
  )

  test('until the kernel gives up: a read runs again, and the outcome of a write is unknown', async () => {
    const sockets: Socket[] = []
    const stream = () => sockets[sockets.push(new Socket()) - 1]
    const { adapter, prisma } = await stage.openPrisma(
      { ...CHECKED, check: false, minSize: 1, maxSize: 1, connectTimeout: '5s' },
      { stream },
    )
    /** Ends a call in silence as Node does when the kernel gives up, which would take 15 minutes. */
    const inSilence = async <T>(call: () => Promise<T>): Promise<T> => {
      stage.proxy.forget()
      const result = call()
      result.catch(() => {})
      await eventually(() => expect(adapter.pool.getStats().connectionsUsed).toBe(1))
      const error = new Error('read ETIMEDOUT')
      sockets.at(-1)?.destroy(Object.assign(error, { code: 'ETIMEDOUT', syscall: 'read' }))
      return result
    }
    expect(await inSilence(() => prisma.log.count())).toBe(0)
    const error = await knownErrorOf(inSilence(() => prisma.log.create({ data: { text: 'late' } })))
    expect(error.code).toBe('P1017')
    expect(isOutcomeUnknown(error)).toBe(true)
    stage.proxy.resume()
    await expectWhole(stage, adapter.pool)
  })

  test('while the pool asks the server why it refused a write: the connection is replaced', async () => {
    const options = { options: '-c default_transaction_read_only=on' }
    const subject = await stage.open({ ...CHECKED, minSize: 1, maxSize: 1 }, options)
    const lease = await subject.acquire()
    expect(await failureOf(lease.client.query('CREATE TABLE refused ()'))).toMatchObject({ code: '25006' })
    const before = await pidOf(lease.client)
    stage.proxy.forget()
    await lease.release()
    expect(await subject.use(pidOf)).not.toBe(before)
    stage.proxy.resume()
    await expectWhole(stage, subject)
  })

  test('over a transaction of Prisma: it is told at its timeout, and its connection is given up', async () => {
    const sizes = { minSize: 1, maxSize: 1, connectTimeout: '20s' } as const
    const { adapter, prisma } = await stage.openPrisma({ ...CHECKED, ...sizes })
    const { accepted } = stage.proxy
    const error = await knownErrorOf(
      prisma.$transaction(
        async (tx) => {
          await tx.log.create({ data: { text: 'lost' } })
          stage.proxy.forget()
          await tx.log.create({ data: { text: 'never' } })
        },
        // In which the first statement has to come through.
        { timeout: 2_000 },
      ),
    )
    expect(error.message).toMatch(/Transaction already closed: .* rolled back while it ran/)
    expect(await prisma.log.count()).toBe(0)
    await eventually(() => expect(adapter.pool.getStats().poolAvailable).toBe(1))
    // One to cancel the statement, which may take a while and is not tried twice, and one to replace it.
    expect(stage.proxy.accepted).toBe(accepted + 2)
    stage.proxy.resume()
    await expectWhole(stage, adapter.pool)
  })
})

test('a slow network costs time, and nothing else', async () => {
  const { adapter, prisma } = await stage.openPrisma({ ...CHECKED, connectTimeout: '5s' })
  stage.proxy.delay(10)
  const results = await Promise.all(
    Array.from({ length: 20 }, () =>
      prisma.$transaction(async (tx) => {
        await tx.log.create({ data: { text: 'slow' } })
        return tx.log.count()
      }),
    ),
  )
  expect(results).toHaveLength(20)
  expect(adapter.pool.getStats()).toMatchObject({ connectionsLost: 0, connectionsErrors: 0, returnsBad: 0 })
  await expectWhole(stage, adapter.pool)
})
