/**
 * What an idle connection holds in memory when it is the pool's, beside one that is a plain `pg.Client`: by how
 * much the process grows when there are more of them. Real connections, each of which has been used.
 */
import { Client } from 'pg'
import { RealPool } from 'prisma-pg-real-pool'
import type { Benchmark, Column, Row } from './benchmark.js'
import { memoryInUse } from './memory-use.js'
import { differences, interleave, spreadOf } from './rounds.js'
import { withServer } from './server.js'

const WARM_UP = 3

/** Opened before it is measured what more of them hold: what only the first ones bring into being. */
const FIRST = 10

/** Connections of one kind. */
interface Holder {
  /** Opens so many more, uses all once, and leaves them idle. */
  open(count: number): Promise<void>
  close(): Promise<unknown>
}

interface Subject {
  readonly what: string
  readonly holderOn: (url: string) => Promise<Holder>
}

const PLAIN: Subject = {
  what: 'pg.Client',
  holderOn(url) {
    // Parsed once, as the pool does, so that not each client has host and user as strings of its own.
    const { host, port, user, password, database, ssl } = new Client({ connectionString: url })
    const config = { host, port, user, password, database, ssl, keepAlive: true }
    const clients: Client[] = []
    return Promise.resolve({
      async open(count) {
        const more = Array.from({ length: count }, () => new Client(config))
        clients.push(...more)
        await Promise.all(more.map((client) => client.connect()))
        await Promise.all(clients.map((client) => client.query('SELECT 1')))
      },
      close: () => Promise.all(clients.map((client) => client.end())),
    })
  },
}

const POOLED: Subject = {
  what: 'RealPool',
  async holderOn(url) {
    let size = 0
    const pool = new RealPool({ connectionString: url, pool: { minSize: 0, maxSize: 1 } })
    await pool.open()
    return {
      async open(count) {
        size += count
        pool.resize({ minSize: size, maxSize: size })
        await pool.wait()
        const use = (): Promise<unknown> => pool.use((client) => client.query('SELECT 1'))
        await Promise.all(Array.from({ length: size }, use))
      },
      close: () => pool.close(),
    }
  },
}

export const memory: Benchmark<'connections' | 'rounds'> = {
  title: 'memory of an idle connection, in the pool and as a plain pg.Client',
  options: {
    connections: { fallback: 80, min: 1, max: 1_000, help: `how many, after ${FIRST} more` },
    rounds: {
      fallback: 15,
      min: 1,
      max: 1_000,
      help: `how often both are measured, after ${WARM_UP} times more`,
    },
  },
  run: ({ connections, rounds }, progress) =>
    withServer(FIRST + connections + 10, async (url, postgresql) => {
      progress(`${WARM_UP + rounds} rounds of 2 × ${connections} connections`)
      const results = await interleave([PLAIN, POOLED], { rounds, warmUp: WARM_UP }, async ({ holderOn }) => {
        const holder = await holderOn(url)
        await holder.open(FIRST)
        const before = await memoryInUse()
        await holder.open(connections)
        const after = await memoryInUse()
        await holder.close()
        return (after - before) / connections
      })
      const plain = results.get(PLAIN) ?? []
      const overhead = differences(results.get(POOLED) ?? [], plain)
      const rows = [
        ...[...results].map(([{ what }, values]) => rowOf(what, values)),
        rowOf('RealPool beyond pg.Client', overhead),
      ]
      const title = 'bytes per idle connection'
      return { tables: [{ key: 'connections', title, columns: COLUMNS, rows }], postgresql }
    }),
}

const COLUMNS: readonly Column[] = [
  { key: 'what', title: 'what' },
  { key: 'medianBytes', title: 'median' },
  { key: 'p25Bytes', title: 'p25' },
  { key: 'p75Bytes', title: 'p75' },
]

function rowOf(what: string, values: readonly number[]): Row {
  const { median, p25, p75 } = spreadOf(values)
  return { what, medianBytes: median, p25Bytes: p25, p75Bytes: p75 }
}
