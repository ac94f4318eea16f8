// Prisma's own spans with our adapter, and the waits for a connection among them.
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { context, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { PrismaInstrumentation } from '@prisma/instrumentation'
import { registerPool } from 'prisma-pg-real-pool/opentelemetry'
import { publish } from '../../packages/adapter/src/observe/events.js'
import { errorOf } from '../integration/support.js'
import { gate, hold, type World } from '../prisma/support.js'
import { eventually } from '../support/eventually.js'
import { createPoolWorld, noteEvents } from './support.js'

const spans = new InMemorySpanExporter()
const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] })
const instrumentation = new PrismaInstrumentation()
const tracer = tracerProvider.getTracer('test')

let world: World
let unregister = (): void => {}

beforeAll(async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  trace.setGlobalTracerProvider(tracerProvider)
  instrumentation.setTracerProvider(tracerProvider)
  instrumentation.enable()
  world = await createPoolWorld()
})

afterEach(async () => {
  unregister()
  await world.disconnect()
  spans.reset()
})

afterAll(async () => {
  instrumentation.disable()
  trace.disable()
  context.disable()
  await world.close()
})

function open(pool: { name: string; timeout?: '50ms' }) {
  const opened = world.open({ minSize: 1, maxSize: 1, ...pool }, {}, 'native')
  unregister = registerPool(opened.adapter.pool)
  return opened
}

/** Runs work inside a span of the user's own. */
function traced<T>(name: string, work: () => Promise<T>): Promise<T> {
  return tracer.startActiveSpan(name, (span) => work().finally(() => span.end()))
}

/** The names of a span and of those around it, from the outermost. */
function pathOf(span: ReadableSpan): string {
  const outer = spans
    .getFinishedSpans()
    .find((other) => other.spanContext().spanId === span.parentSpanContext?.spanId)
  return outer === undefined ? span.name : `${pathOf(outer)} > ${span.name}`
}

const paths = () => spans.getFinishedSpans().map(pathOf)

function waits(): ReadableSpan[] {
  return spans.getFinishedSpans().filter(({ name }) => name === 'real_pool.acquire')
}

test("Prisma's spans of a query and of a transaction name the statement, in their places", async () => {
  const { prisma } = open({ name: 'quiet' })
  await prisma.$connect()
  await traced('request', () => prisma.user.count())
  const query = 'request > prisma:client:operation > prisma:client:db_query'
  expect(paths()).toContain(query)
  const [span] = spans.getFinishedSpans().filter(({ name }) => name === 'prisma:client:db_query')
  expect(span!.attributes).toMatchObject({
    'db.system.name': 'postgresql',
    'db.query.text': expect.stringContaining('SELECT COUNT(*)'),
  })
  spans.reset()
  await traced('request', () => prisma.$transaction(async (tx) => void (await tx.user.count())))
  expect(paths()).toEqual(
    expect.arrayContaining([
      'request > prisma:client:transaction',
      expect.stringMatching(/^request > prisma:client:transaction > .*prisma:client:db_query$/),
    ]),
  )
})

test('a wait is a span inside that of whoever waited, also where another ended it', async () => {
  const { prisma } = open({ name: 'busy' })
  const end = gate()
  const holder = traced('holder', () => hold(prisma, end))
  await eventually(() => expect(paths()).toContainEqual(expect.stringContaining('db_query')))
  const [waiter] = [traced('waiter', () => prisma.user.count())]
  const startedAt = Date.now()
  await new Promise((resolve) => setTimeout(resolve, 30))
  end.open()
  await Promise.all([holder, waiter])
  const ofWaiter = waits().filter((span) => pathOf(span).startsWith('waiter > '))
  expect(ofWaiter.map(pathOf)).toEqual([
    expect.stringMatching(/^waiter > prisma:client:operation > (.* > )?real_pool\.acquire$/),
  ])
  const [{ attributes, startTime, duration, status }] = ofWaiter as [ReadableSpan]
  expect(attributes).toEqual({ 'db.client.connection.pool.name': 'busy' })
  expect(duration[0] * 1e3 + duration[1] / 1e6).toBeGreaterThanOrEqual(29)
  expect(Math.abs(startTime[0] * 1e3 + startTime[1] / 1e6 - startedAt)).toBeLessThan(1_000)
  expect(status.code).toBe(SpanStatusCode.UNSET)
})

test('a wait in vain is a span with the error', async () => {
  const { prisma, adapter } = open({ name: 'late', timeout: '50ms' })
  await adapter.pool.open({ wait: true, timeout: '10s' })
  const lease = await adapter.pool.acquire()
  await traced('waiter', () => errorOf(prisma.user.count()))
  await lease.release()
  const [span] = waits()
  expect(pathOf(span!)).toMatch(/^waiter > /)
  expect(span!.status).toEqual({
    code: SpanStatusCode.ERROR,
    message: expect.stringContaining("got no connection within 50 ms (pool 'late'"),
  })
  expect(span!.events).toMatchObject([{ name: 'exception' }])
})

test('a transaction that waits has its wait among the spans of its beginning', async () => {
  const { prisma, adapter } = open({ name: 'begin' })
  await adapter.pool.open({ wait: true })
  const lease = await adapter.pool.acquire()
  const transaction = traced('waiter', () => prisma.$transaction(async (tx) => void (await tx.user.count())))
  await eventually(() => expect(adapter.pool.getStats().requestsWaiting).toBe(1))
  await new Promise((resolve) => setTimeout(resolve, 5))
  await lease.release()
  await transaction
  expect(waits().map(pathOf)).toEqual([
    expect.stringMatching(/^waiter > prisma:client:transaction > (.* > )?real_pool\.acquire$/),
  ])
})

test('of a wait that is over nothing is kept', async () => {
  const { adapter } = open({ name: 'over' })
  await adapter.pool.open({ wait: true })
  const notes = noteEvents('over', ['acquire'])
  const lease = await adapter.pool.acquire()
  const next = traced('waiter', () => adapter.pool.acquire())
  await new Promise((resolve) => setTimeout(resolve, 5))
  await lease.release()
  await (await next).release()
  notes.stop()
  const [, granted] = notes.of('acquire')
  expect(waits()).toHaveLength(1)
  publish('acquire', granted!)
  expect(waits()).toHaveLength(1)
})

test('outside of every span nothing is traced', async () => {
  const { adapter } = open({ name: 'alone' })
  await adapter.pool.open()
  const lease = await adapter.pool.acquire()
  const next = adapter.pool.acquire()
  await new Promise((resolve) => setTimeout(resolve, 5))
  await lease.release()
  await (await next).release()
  expect(waits()).toEqual([])
})
