/** Who is measured. Adding a contender is adding an entry here. */
import { createHash } from 'node:crypto'
import type { SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import type { PrismaPg } from '@prisma/adapter-pg'
import type { Pool } from 'pg'
import type { RealPoolAdapterOptions } from 'prisma-pg-real-pool'
import { connectAlone } from './adapter-alone.js'
import { connectLeast } from './least-adapter.js'
import { connectNull } from './null-adapter.js'
import { connectPlainPg } from './plain-pg.js'
import type { Setting } from './settings.js'
import type { StartedWork, Unique, Work } from './works.js'

/** The database, and what a contender may use of it. */
export interface Target {
  /** By way of the delay proxy, where the setting has one. */
  readonly url: string
  /** Without it, for what is prepared before anything is measured. */
  readonly directUrl: string
  readonly poolSize: number
  /** How many calls learners learn: more than there are callers, since those of one moment meet other rows. */
  readonly learnedCalls: number
}

/** A contender that is ready to do one work. */
export interface Session extends StartedWork {
  /** For how long connections have been borrowed so far, all of them together; of those that are counted. */
  readonly heldMs?: () => number
}

export interface Contender {
  readonly name: string
  /** Learns by heart what adapter-pg asks or answers before it begins. */
  readonly isLearner?: boolean
  /** Where it is measured unless it is asked for by name, of one that shows a detail; none: everywhere. */
  readonly isFor?: (work: Work, setting: Setting) => boolean
  connect(target: Target, work: Work, unique: Unique): Promise<Session>
}

/** What others are compared with. */
export const BASELINE = 'adapter-pg'
/** Who answers from memory: what it costs is Prisma's own. */
export const NULL = 'null'
/** The adapters without Prisma. */
export const ALONE = { baseline: 'adapter-pg-alone', ours: 'ours-alone' } as const

interface Adapter {
  readonly factory: SqlDriverAdapterFactory
  readonly heldMs: () => number
}

/** Libraries are loaded only by the process that measures them. */
type OpenAdapter = (target: Target) => Promise<Adapter>

function throughPrisma(name: string, open: OpenAdapter): Contender {
  return {
    name,
    async connect(target, work, unique) {
      const { factory, heldMs } = await open(target)
      return { ...(await work.start(factory, unique)), heldMs }
    },
  }
}

function alone(name: string, open: OpenAdapter): Contender {
  return {
    name,
    isLearner: true,
    isFor: (_, setting) => setting.name === 'loopback',
    connect: async (target, work, unique) => connectAlone((await open(target)).factory, target, work, unique),
  }
}

type AdapterPgOptions = ConstructorParameters<typeof PrismaPg>[1]

function adapterPg(options: AdapterPgOptions = {}): OpenAdapter {
  return async ({ url, poolSize }) => {
    const [official, { Pool }] = await Promise.all([import('@prisma/adapter-pg'), import('pg')])
    const pool = new Pool({ connectionString: url, max: poolSize })
    const factory = new official.PrismaPg(pool, { ...options, disposeExternalPool: true })
    return { factory, heldMs: watchHolding(pool) }
  }
}

function ours({ pipelining = 1, transaction = {} }: OurOptions = {}): OpenAdapter {
  return async ({ url, poolSize }) => {
    const { RealPoolAdapter } = await import('prisma-pg-real-pool')
    const pool = { maxSize: poolSize, timeout: '1m', pipelining } as const
    const factory = new RealPoolAdapter({ connectionString: url, pool, transaction })
    return { factory, heldMs: () => factory.pool.getStats().usageMs }
  }
}

interface OurOptions {
  readonly pipelining?: number
  readonly transaction?: RealPoolAdapterOptions['transaction']
}

/** Adds up from the first time it is asked, since to watch costs something. */
function watchHolding(pool: Pool): () => number {
  let held = 0
  let isWatching = false
  const since = new Map<unknown, number>()
  const watch = (): void => {
    isWatching = true
    pool.on('acquire', (client) => since.set(client, performance.now()))
    pool.on('release', (_, client) => {
      const start = since.get(client)
      if (start !== undefined) held += performance.now() - start
      since.delete(client)
    })
  }
  return () => {
    if (!isWatching) watch()
    return held
  }
}

const nameOf = ({ sql }: { readonly sql: string }): string => createHash('md5').update(sql).digest('hex')

/** Works that ask the same again in each round, where the server is near: how little an adapter can cost there. */
const LEAST_WORKS: ReadonlySet<string> = new Set([
  'findUnique',
  'findFirst',
  'findMany1000x4',
  'update',
  'tx2',
  'tx6',
])

export const CONTENDERS: readonly Contender[] = [
  throughPrisma(BASELINE, adapterPg()),
  throughPrisma('adapter-pg-named', adapterPg({ statementNameGenerator: nameOf })),
  throughPrisma('ours', ours()),
  throughPrisma('ours-pipelined', ours({ pipelining: 16 })),
  {
    ...throughPrisma('ours-no-hand-over', ours({ transaction: { handOver: false } })),
    isFor: ({ name }, { roundTripMs }) => name.startsWith('tx') && roundTripMs > 0,
  },
  alone(ALONE.baseline, adapterPg()),
  alone(ALONE.ours, ours()),
  {
    name: 'least',
    isLearner: true,
    isFor: (work, { roundTripMs, isBurst }) => LEAST_WORKS.has(work.name) && roundTripMs === 0 && !isBurst,
    connect: connectLeast,
  },
  { name: NULL, isLearner: true, connect: connectNull },
  { name: 'pg', isLearner: true, connect: connectPlainPg },
]
