// A ledger service over a database of its own, as each test file of the example service uses it.
import {
  createPrisma,
  createServer,
  Ledger,
  migrate,
  probeDatabase,
  probePool,
} from '../../packages/example-app/src/index.js'
import type { Screening } from '../../packages/example-app/src/payment.js'
import { createTestDatabase, type TestDatabase } from '../support/database.js'

export interface ServiceOptions {
  readonly maxSize?: number
  readonly screen?: Screening
}

type Opened = ReturnType<typeof createPrisma>

interface Answer {
  readonly status: number
  readonly body: Record<string, unknown>
}

export interface Service {
  readonly adapter: Opened['adapter']
  readonly prisma: Opened['prisma']
  readonly database: TestDatabase
  readonly ledger: Ledger
  get(url: string): Promise<Answer>
  post(url: string, payload: object): Promise<Answer>
  retries(): number
  /** A customer with money; resolves to the account's id. */
  openAccount(deposit?: string, currency?: string): Promise<string>
  balanceOf(id: string): Promise<string>
  stop(): Promise<void>
}

export async function startService({
  maxSize = 5,
  screen = () => Promise.resolve(),
}: ServiceOptions = {}): Promise<Service> {
  const database = await createTestDatabase()
  const { adapter, prisma } = createPrisma({
    connectionString: database.url,
    pool: { minSize: 1, maxSize },
  })
  await migrate(adapter)
  await prisma.$connect()
  let retries = 0
  const ledger = new Ledger(prisma, { onRetry: () => retries++ })
  const server = createServer({
    ledger,
    screen,
    probe: () => probeDatabase(database.url),
    ready: () => probePool(adapter.pool, 50),
  })

  async function post(url: string, payload: object) {
    const response = await server.inject({ method: 'POST', url, payload })
    return { status: response.statusCode, body: response.json<Record<string, unknown>>() }
  }
  async function get(url: string) {
    const response = await server.inject({ method: 'GET', url })
    return { status: response.statusCode, body: response.json<Record<string, unknown>>() }
  }

  return {
    adapter,
    database,
    get,
    ledger,
    post,
    prisma,
    retries: () => retries,
    async openAccount(deposit = '100.00', currency = 'EUR'): Promise<string> {
      const { body } = await post('/accounts', { owner: 'Ada', currency, deposit })
      return String(body.id)
    },
    async balanceOf(id: string): Promise<string> {
      const { body } = await get(`/accounts/${id}`)
      return String(body.balance)
    },
    async stop(): Promise<void> {
      await server.close()
      await prisma.$disconnect()
      await database.drop()
    },
  }
}
