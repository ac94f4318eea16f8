// A stage for faults: a database with the tests' tables, a proxy in front of its server, pools and clients of
// Prisma through it, and the one claim that holds after every fault: the pool is whole.
import { expect } from '@jest/globals'
import {
  type AcquireLeaseOptions,
  type Lease,
  type PoolOptions,
  RealPool,
  type RealPoolAdapterOptions,
  type RealPoolOptions,
} from 'prisma-pg-real-pool'
import type { Client } from 'pg'
import { pidOf, SUBJECT, terminate } from '../integration/support.js'
import { createWorld, type Opened, type World } from '../prisma/support.js'
import type { TestDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { acquireAll } from '../support/leases.js'
import { Proxy } from '../support/proxy.js'
import { realProcess } from '../support/real-process.js'

export { collectWarnings, pidOf, SUBJECT, terminate } from '../integration/support.js'
export { gate, knownErrorOf, type Opened } from '../prisma/support.js'

/** Well beyond the longest pause between two attempts to connect, and the close of a connection that is stuck. */
const WHOLE_WITHIN_MS = 20_000

/** A pool, and how often it was asked for a connection and gave one. */
export class Subject {
  served = 0
  refused = 0

  constructor(readonly pool: RealPool) {}

  async acquire(options?: AcquireLeaseOptions): Promise<Lease> {
    try {
      const lease = await this.pool.acquire(options)
      this.served++
      return lease
    } catch (error) {
      this.refused++
      throw error
    }
  }

  async use<T>(work: (client: Client) => Promise<T>, options?: AcquireLeaseOptions): Promise<T> {
    const lease = await this.acquire(options)
    try {
      return await work(lease.client)
    } finally {
      await lease.release()
    }
  }
}

export interface Stage {
  readonly database: TestDatabase
  readonly proxy: Proxy
  /** A pool by way of the proxy, with its `minSize` connections. */
  open(pool: PoolOptions, options?: RealPoolOptions): Promise<Subject>
  /** An adapter and a client on it by way of the proxy, with `minSize` connections. */
  openPrisma(pool: PoolOptions, options?: RealPoolAdapterOptions): Promise<Opened>
  /** For afterEach: heals the network, and ends the pools and clients of the test. */
  clear(): Promise<void>
  /** Empties every table. */
  empty(): Promise<void>
  close(): Promise<void>
}

export async function createStage(serverUrl = process.env.TEST_SERVER_URL): Promise<Stage> {
  const world: World = await createWorld(undefined, serverUrl)
  const { database } = world
  const proxy = await Proxy.inFrontOf(database.url)
  const connectionString = proxy.urlOf(database.url)
  const crashes = watchProcess()
  const pools: RealPool[] = []
  const clients: Opened['prisma'][] = []
  return {
    database,
    proxy,
    async open(pool, options = {}) {
      const opened = new RealPool({ connectionString, application_name: SUBJECT, pool, ...options })
      pools.push(opened)
      await opened.open({ wait: true })
      return new Subject(opened)
    },
    async openPrisma(pool, options = {}) {
      const opened = world.open(pool, { connectionString, ...options })
      clients.push(opened.prisma)
      await opened.prisma.$connect()
      await opened.adapter.pool.open({ wait: true })
      return opened
    },
    async clear() {
      await heal(proxy)
      await Promise.all([
        ...pools.splice(0).map((pool) => pool.close({ force: true, timeout: 0 })),
        ...clients.splice(0).map((prisma) => prisma.$disconnect()),
      ])
      await eventually(async () => expect(await database.backends(SUBJECT)).toEqual([]), {
        timeoutMs: WHOLE_WITHIN_MS,
      })
      // Nothing is said of a rejection before its turn is over.
      await new Promise((resolve) => setImmediate(resolve))
      expect(crashes.errors.splice(0)).toEqual([])
    },
    empty: () => world.empty(),
    async close() {
      crashes.stop()
      proxy.close()
      await world.close()
    },
  }
}

async function heal(proxy: Proxy): Promise<void> {
  proxy.hear()
  proxy.delay(0)
  proxy.cutAfterBytes(Infinity, 'toClient')
  proxy.cutAfterBytes(Infinity, 'toServer')
  proxy.resume()
  await proxy.listen()
}

/** Collects what nobody caught, from now until `stop`. */
function watchProcess(): { readonly errors: unknown[]; stop(): void } {
  const errors: unknown[] = []
  const note = (error: unknown): void => void errors.push(error)
  realProcess.on('unhandledRejection', note)
  realProcess.on('uncaughtExceptionMonitor', note)
  return {
    errors,
    stop: () => {
      realProcess.off('unhandledRejection', note)
      realProcess.off('uncaughtExceptionMonitor', note)
    },
  }
}

/**
 * The pool is whole: it serves, as many connections as it may have can be lent at the same time, each is a
 * session of its own and the server has no other, and its statistics say so. Every request of a subject was
 * either served or refused.
 */
export async function expectWhole({ database }: Stage, subject: Subject | RealPool): Promise<void> {
  const { pool, acquire } =
    subject instanceof Subject
      ? { pool: subject.pool, acquire: () => subject.acquire() }
      : { pool: subject, acquire: () => subject.acquire() }
  const { poolMax } = pool.getStats()
  const leases = await eventually(() => acquireAll(poolMax, acquire), { timeoutMs: WHOLE_WITHIN_MS })
  const pids = await Promise.all(leases.map(({ client }) => pidOf(client)))
  expect(new Set(pids).size).toBe(poolMax)
  await eventually(async () => {
    const backends = await database.backends(SUBJECT)
    expect(backends.map(({ pid }) => pid).sort()).toEqual([...pids].sort())
  })
  expect(pool.getStats()).toMatchObject({ poolSize: poolMax, poolAvailable: 0, requestsWaiting: 0 })

  await Promise.all(leases.map((lease) => lease.release()))
  await eventually(async () => {
    expect(pool.getStats()).toMatchObject({ poolSize: poolMax, poolAvailable: poolMax, requestsWaiting: 0 })
    const backends = await database.backends(SUBJECT)
    expect(backends.map(({ state }) => state)).toEqual(Array.from({ length: poolMax }, () => 'idle'))
  })
  if (subject instanceof Subject) {
    const { requestsNum, requestsErrors } = pool.getStats()
    expect({ requestsNum, requestsErrors }).toEqual({
      requestsNum: subject.served + subject.refused,
      requestsErrors: subject.refused,
    })
  }
}

/** Ends the one session of the subject that is where the condition says, as soon as there is one. */
export async function terminateOne(stage: Stage, where: string): Promise<void> {
  await eventually(async () => expect(await terminate(stage, where)).toBe(1))
}

/** What a promise rejects with. Errors of sockets come from beyond Jest's realm, and are no `Error` in it. */
export async function failureOf(promise: Promise<unknown>): Promise<{ code?: unknown; message: string }> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )
  if ('error' in outcome) return outcome.error as { code?: unknown; message: string }
  throw new Error(`did not reject, but resolved to ${JSON.stringify(outcome.value)}`)
}

/** Requests with little time, one after another, until one is refused for the reason that is expected. */
export async function expectRefused(subject: Subject, expected: object): Promise<void> {
  await eventually(async () => {
    expect(await failureOf(subject.acquire({ timeout: '100ms' }))).toMatchObject(expected)
  })
}

/** Idle for so long, connections are no longer taken to live because they did a moment ago. */
export function rest(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20))
}

export async function pidsOf({ database }: Stage): Promise<number[]> {
  return (await database.backends(SUBJECT)).map(({ pid }) => pid)
}
