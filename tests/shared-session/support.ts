// A PGlite server with the tests' tables, clients on it, and a load that shows whether it serves them one by one.
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import type { SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import pg from 'pg'
import { PrismaClient } from '../generated/prisma/client.js'
import { PATIENT } from '../prisma/support.js'
import { eventually } from '../support/eventually.js'
import type { SharedSessionServer } from '../support/pglite.js'

const MIGRATIONS = path.join(__dirname, '../prisma/migrations')

export interface Stage {
  readonly url: string
  /** A client on an adapter, disconnected by `close` at the latest. */
  open(adapter: SqlDriverAdapterFactory): PrismaClient
  /** Disconnects every client. */
  disconnect(): Promise<void>
  /** Runs on a separate connection. Disconnects every client before: the server may take one connection only. */
  query<Row extends pg.QueryResultRow>(sql: string): Promise<Row[]>
  close(): Promise<void>
}

export async function createStage(start: () => Promise<SharedSessionServer>): Promise<Stage> {
  const server = await start()
  const clients: PrismaClient[] = []
  const disconnect = async () => {
    await Promise.all(clients.splice(0).map((prisma) => prisma.$disconnect()))
  }
  const query = async <Row extends pg.QueryResultRow>(sql: string): Promise<Row[]> => {
    await disconnect()
    // The server may not have heard of the end of the last connections, and close one too many.
    const client = await eventually(() => connectTo(server.url))
    try {
      return (await client.query<Row>(sql)).rows
    } finally {
      await client.end()
    }
  }
  const folders = await readdir(MIGRATIONS, { withFileTypes: true })
  for (const { name } of folders.filter((entry) => entry.isDirectory())) {
    await query(await readFile(path.join(MIGRATIONS, name, 'migration.sql'), 'utf8'))
  }
  return {
    url: server.url,
    open(adapter) {
      const prisma = new PrismaClient({ adapter, errorFormat: 'minimal' })
      clients.push(prisma)
      return prisma
    },
    disconnect,
    query,
    async close() {
      await disconnect()
      await server.stop()
    },
  }
}

async function connectTo(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  return client
}

export interface Outcome {
  /** Reads that failed, or returned other rows than they asked for. */
  readonly wrongReads: readonly string[]
  /** Texts of writes that resolved or rejected; two texts for each transaction. */
  readonly resolved: readonly string[]
  readonly rejected: readonly string[]
  /** Errors of calls that should have succeeded. */
  readonly unexpected: readonly string[]
}

const MEANT = 'meant to fail'

/** 100 reads, 100 writes, and 40 transactions of which every other one is made to fail, all at the same time. */
export async function underLoad(prisma: PrismaClient): Promise<Outcome> {
  const wrongReads: string[] = []
  const resolved: string[] = []
  const rejected: string[] = []
  const unexpected: string[] = []
  const note = async (texts: readonly string[], call: Promise<unknown>): Promise<void> => {
    try {
      await call
      resolved.push(...texts)
    } catch (error) {
      rejected.push(...texts)
      if (!(error as Error).message.includes(MEANT)) unexpected.push((error as Error).message)
    }
  }
  const write = (index: number) => {
    const text = `write ${index}`
    return note([text], prisma.log.create({ data: { text } }))
  }
  const transaction = (index: number) => {
    const texts = [`first ${index}`, `second ${index}`]
    const run = prisma.$transaction(async (tx) => {
      for (const text of texts) await tx.log.create({ data: { text } })
      if (index % 2 === 1) throw new Error(MEANT)
    }, PATIENT)
    return note(texts, run)
  }
  const read = async (index: number): Promise<void> => {
    // Statements of several shapes, each often enough to be worth preparing.
    const columns = Array.from({ length: 1 + (index % 5) }, (_, column) => `c${index % 5}_${column}`)
    const list = columns.map((name) => `$1::int AS ${name}`).join(', ')
    const expected = JSON.stringify([Object.fromEntries(columns.map((name) => [name, index]))])
    const got = await prisma.$queryRawUnsafe(`SELECT ${list}`, index).then(JSON.stringify, String)
    if (got !== expected) wrongReads.push(`${got} instead of ${expected}`)
  }
  const range = (length: number) => Array.from({ length }, (_, index) => index)
  await Promise.all([...range(100).map(read), ...range(100).map(write), ...range(40).map(transaction)])
  return { wrongReads, resolved, rejected, unexpected }
}

/** The audit of a load without faults. */
export const ALL_WELL = { wrongReads: [], unexpected: [], resolved: 140, lost: [], savedAlthoughRejected: [] }

/** Compares the outcome of each call with the rows that the server has. */
export async function auditOf(stage: Stage, outcome: Outcome) {
  const rows = await stage.query<{ text: string }>('SELECT "text" FROM "Log"')
  await stage.query('TRUNCATE "Log"')
  const saved = new Set(rows.map(({ text }) => text))
  const { wrongReads, unexpected, resolved, rejected } = outcome
  return {
    wrongReads,
    unexpected,
    resolved: resolved.length,
    lost: resolved.filter((text) => !saved.has(text)),
    savedAlthoughRejected: rejected.filter((text) => saved.has(text)),
  }
}
