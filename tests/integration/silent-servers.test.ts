// Servers that accept a connection and then say nothing: the error names the question that was not answered.
import { createServer, type Server } from 'node:net'
import { inspect } from 'node:util'
import { afterEach, expect, test } from '@jest/globals'
import { type PoolTimeoutError, RealPool, RealPoolAdapter } from 'prisma-pg-real-pool'
import { PrismaClient } from '../generated/prisma/client.js'
import { HOST, listen } from '../support/listening.js'
import { errorOf } from './support.js'

/** PostgreSQL manual 54.7: AuthenticationCleartextPassword. */
const ASKS_FOR_PASSWORD = Buffer.from('R\0\0\0\x08\0\0\0\x03', 'latin1')

const servers: Server[] = []

afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** Gives one answer to each message of the client, as long as there are answers, and is silent then. */
async function silentAfter(...answers: readonly (string | Buffer)[]): Promise<number> {
  const server = createServer((socket) => {
    const left = [...answers]
    socket.on('error', () => {})
    socket.on('data', () => {
      const answer = left.shift()
      if (answer !== undefined) socket.write(answer)
    })
  })
  servers.push(server)
  return listen(server)
}

async function failureAt(port: number, query: string): Promise<PoolTimeoutError> {
  const connectionString = `postgresql://app:secret@${HOST}:${port}/orders${query}`
  const pool = new RealPool({ connectionString, pool: { connectTimeout: '1s', timeout: '2s' } })
  await pool.open()
  const error = (await errorOf(pool.acquire())) as PoolTimeoutError
  await pool.close()
  expect(error).toMatchObject({ code: 'POOL_TIMEOUT', cause: { code: 'ETIMEDOUT' } })
  expect(error.message).toContain(`could not connect to ${HOST}:${port}/orders: `)
  expect(error.message).toContain('no connection within 1000 ms (connectTimeout)')
  return error
}

test.each(['', '?sslmode=prefer', '?sslmode=require'])(
  'a server that does not answer the TLS request: the error says so, and names sslmode=disable (%s)',
  async (query) => {
    const { message } = await failureAt(await silentAfter(), query)
    expect(message).toContain('accepted the connection, but did not answer the TLS request (SSLRequest)')
    expect(message).toContain('sslmode=disable')
  },
)

test('a server that does not answer the startup packet: the error says so, and what may listen there', async () => {
  const { message } = await failureAt(await silentAfter(), '?sslmode=disable')
  expect(message).toContain('accepted the connection, but did not answer the startup packet')
  expect(message).toMatch(/not PostgreSQL.* pooler that is full/)
  expect(message).not.toContain('sslmode')
})

test('a server that declines TLS and then does not answer the startup packet: the error names the packet', async () => {
  const { message } = await failureAt(await silentAfter('N'), '?sslmode=prefer')
  expect(message).toContain('accepted the connection, but did not answer the startup packet')
})

test('a server that agrees to TLS and does not go on: the error names the handshake', async () => {
  const { message } = await failureAt(await silentAfter('S'), '?sslmode=require')
  expect(message).toContain('agreed to TLS, but did not finish the handshake')
  expect(message).toContain('sslmode=disable')
})

test('a server that begins the login and does not go on: the error says so', async () => {
  const { message } = await failureAt(await silentAfter(ASKS_FOR_PASSWORD), '?sslmode=disable')
  expect(message).toContain('began the login, but did not finish it')
})

test('a call of Prisma fails with P1001, which names the step that was not answered', async () => {
  const connectionString = `postgresql://app:secret@${HOST}:${await silentAfter()}/orders`
  const adapter = new RealPoolAdapter({
    connectionString,
    pool: { connectTimeout: '1s', timeout: '2s' },
  })
  const prisma = new PrismaClient({ adapter })
  const error = await errorOf(prisma.user.count())
  expect(error).toMatchObject({ code: 'P1001' })
  expect(inspect(error, { depth: 6 })).toContain('did not answer the TLS request')
  await prisma.$disconnect()
})
