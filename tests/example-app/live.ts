// The service with its dashboard, listening, under a load that its controls change.
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Live, LIVE_POOL } from '../../packages/example-app/src/dashboard/live.js'
import {
  createPrisma,
  createServer,
  Ledger,
  metricsOf,
  migrate,
  probeDatabase,
  probePool,
  seed,
} from '../../packages/example-app/src/index.js'
import { type Backend, createTestDatabase, type TestDatabase } from '../support/database.js'

/** How long the other service takes that a payment asks; unevenly, else the callers would come in waves. */
const screen = () => sleep(200 + 400 * Math.random())

export interface LiveService {
  readonly address: string
  readonly database: TestDatabase
  readonly live: Live
  readonly accountIds: readonly string[]
  /** The service's connections that are not idle, as the server sees them. */
  inUse(): Promise<Backend[]>
  /** Closes the HTTP server and opens another at the same address. */
  restart(meanwhile: () => Promise<void>): Promise<void>
  stop(): Promise<void>
}

export async function startLiveService({ callers = 0, maxSize = 12 } = {}): Promise<LiveService> {
  const database = await createTestDatabase()
  const connectionString = database.url
  const { adapter, prisma } = createPrisma({ connectionString, pool: { ...LIVE_POOL, minSize: 1, maxSize } })
  await migrate(adapter)
  const { accountIds } = await seed(prisma, { accounts: 500, deposit: '1000.00' })
  const ledger = new Ledger(prisma)
  const live = new Live({ connectionString, adapter, callers, retries: () => 0 })

  async function listen(port: number) {
    const server = createServer({
      ledger,
      probe: () => probeDatabase(connectionString),
      ready: () => probePool(adapter.pool),
      metrics: metricsOf(adapter.pool),
      screen,
      dashboard: live,
    })
    await server.listen({ host: '127.0.0.1', port })
    return server
  }

  let server = await listen(0)
  const { port } = server.server.address() as AddressInfo
  const address = `http://127.0.0.1:${port}`
  live.start(address, accountIds)
  return {
    accountIds,
    address,
    database,
    live,
    inUse: async () => (await database.backends('ledger')).filter(({ state }) => state !== 'idle'),
    async restart(meanwhile) {
      await server.close()
      await meanwhile()
      server = await listen(port)
    },
    async stop() {
      await live.stop()
      await server.close()
      await prisma.$disconnect()
      await database.drop()
    },
  }
}
