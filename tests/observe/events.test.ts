// What a pool publishes, held against what the server says.
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { errorOf, SUBJECT } from '../integration/support.js'
import { gate, pidOf, type World } from '../prisma/support.js'
import { eventually } from '../support/eventually.js'
import { createPoolWorld, noteEvents, type Notes } from './support.js'

let world: World
let notes: Notes | undefined

beforeAll(async () => {
  world = await createPoolWorld()
})

afterEach(async () => {
  notes?.stop()
  await world.disconnect()
  await world.empty()
})

afterAll(() => world.close())

test('connections are named by the process that the server has for them, from their opening to their close', async () => {
  notes = noteEvents('named', ['open', 'close', 'acquire', 'release'])
  const { prisma, adapter } = world.open({ name: 'named', minSize: 1, maxSize: 1 }, {}, 'native')
  const pid = await pidOf(prisma)
  const backends = await world.database.backends(SUBJECT)
  expect(backends.map((backend) => backend.pid)).toEqual([pid])
  expect(notes.messages.map(([event, message]) => [event, 'pid' in message && message.pid])).toEqual([
    ['open', pid],
    ['acquire', pid],
    ['release', pid],
  ])
  await adapter.pool.close()
  expect(notes.messages.at(-1)).toEqual([
    'close',
    { pool: 'named', pid, reason: 'poolClosed', ageMs: expect.any(Number) },
  ])
})

test('a connection that the server ends is told as lost, with the error, and closed as broken', async () => {
  const { prisma } = world.open({ name: 'killed', minSize: 1, maxSize: 1 }, {}, 'native')
  const pid = await pidOf(prisma)
  const heard = (notes = noteEvents('killed', ['lost', 'close', 'open']))
  await world.database.query('SELECT pg_terminate_backend($1)', [pid])
  await eventually(() => expect(heard.of('open')).toHaveLength(1))
  expect(heard.messages).toMatchObject([
    ['lost', { pid, wasIdle: true, error: { code: '57P01' } }],
    ['close', { pid, reason: 'broken' }],
    ['open', { pid: await pidOf(prisma) }],
  ])
})

test('a transaction is told from when it has its connection to its end, on the connection that the server saw', async () => {
  const { prisma } = world.open({ name: 'tx', minSize: 1, maxSize: 1 }, {}, 'native')
  notes = noteEvents('tx', ['acquire', 'transaction:begin', 'transaction:end', 'release'])
  const pid = await prisma.$transaction((tx) => pidOf(tx))
  await errorOf(
    prisma.$transaction(async (tx) => {
      await tx.user.count()
      throw new Error('no')
    }),
  )
  await errorOf(
    prisma.$transaction(async (tx) => {
      await errorOf(tx.$executeRaw`SELECT 1 / 0`)
    }),
  )
  const [first, second, third] = notes.of('transaction:begin').map(({ transaction }) => transaction)
  expect(new Set([first, second, third]).size).toBe(3)
  const lent = ['acquire', { pid }]
  const back = ['release', { pid }]
  const heldMs = expect.any(Number)
  expect(notes.messages).toMatchObject([
    lent,
    ['transaction:begin', { pool: 'tx', pid, transaction: first }],
    ['transaction:end', { pool: 'tx', pid, transaction: first, outcome: 'committed', heldMs }],
    back,
    lent,
    ['transaction:begin', { transaction: second }],
    ['transaction:end', { transaction: second, outcome: 'rolledBack' }],
    back,
    lent,
    ['transaction:begin', { transaction: third }],
    ['transaction:end', { transaction: third, outcome: 'failed' }],
    back,
  ])
})

test('a transaction that takes no connection is not told of', async () => {
  const { prisma } = world.open({ name: 'none' }, { transaction: { acquire: 'first-query' } }, 'native')
  notes = noteEvents('none', ['acquire', 'transaction:begin', 'transaction:end'])
  await prisma.$transaction(() => Promise.resolve())
  expect(notes.messages).toEqual([])
})

test('a transaction that begins anew on another connection says so', async () => {
  const { prisma, adapter } = world.open({ name: 'anew', minSize: 2, maxSize: 2 }, {}, 'native')
  await adapter.pool.open({ wait: true })
  notes = noteEvents('anew', ['transaction:begin', 'transaction:end'])
  const pid = await prisma.$transaction(async (tx) => {
    const [begun] = notes!.of('transaction:begin')
    await world.database.query('SELECT pg_terminate_backend($1)', [begun!.pid])
    return pidOf(tx)
  })
  const [one, other] = notes.of('transaction:begin')
  expect(one?.pid).not.toBe(pid)
  expect(other).toEqual({ pool: 'anew', pid, transaction: one?.transaction })
  expect(notes.of('transaction:end')).toMatchObject([{ pid, outcome: 'committed' }])
})

test('a leak is told with its connection, its age and where it was acquired', async () => {
  const { prisma } = world.open(
    { name: 'leaky', minSize: 1, maxSize: 1, leakDetectionThreshold: '50ms' },
    {},
    'native',
  )
  await prisma.$connect()
  const heard = (notes = noteEvents('leaky', ['leak']))
  const end = gate()
  const holdLong = async () => {
    return await prisma.$transaction(async (tx) => {
      const pid = await pidOf(tx)
      await end.opened
      return pid
    })
  }
  const held = holdLong()
  await eventually(() => expect(heard.of('leak')).toHaveLength(1))
  end.open()
  const [leak] = heard.of('leak')
  expect(leak).toMatchObject({ pool: 'leaky', pid: await held })
  expect(leak!.heldMs).toBeGreaterThanOrEqual(49)
  expect(leak!.stack).toContain('at holdLong')
})

test('the counters from the beginning are not set back with the others, and the two add up', async () => {
  const { prisma, adapter } = world.open({ name: 'popped', minSize: 1, maxSize: 1 }, {}, 'native')
  await prisma.user.count()
  const first = adapter.pool.popStats()
  await Promise.all([prisma.user.count(), prisma.user.count()])
  const second = adapter.pool.getStats()
  const totals = adapter.pool.getTotals()
  expect([first.requestsNum, second.requestsNum, totals.requestsNum]).toEqual([1, 2, 3])
  expect([first.useTimes.count, second.useTimes.count, totals.useTimes.count]).toEqual([1, 2, 3])
  expect(totals.connectionsNum).toBe(first.connectionsNum + second.connectionsNum)
  expect(totals.longestWaitMs).toBe(Math.max(first.longestWaitMs, second.longestWaitMs))
  expect(totals.useTimes.sumMs).toBeCloseTo(first.useTimes.sumMs + second.useTimes.sumMs)
})
