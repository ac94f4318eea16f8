// Requests to cancel that reach the server late, when what they are about has ended by itself: whatever runs next on
// that connection is not theirs to end.
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { PrismaClient } from '../generated/prisma/client.js'
import type { OtherOptions } from '../support/backends.js'
import { eventually } from '../support/eventually.js'
import { addressOf, listen, urlBy } from '../support/listening.js'
import { createWorld, knownErrorOf, pidOf, type World } from './support.js'

/** PostgreSQL manual 54.7, CancelRequest. */
const CANCEL_REQUEST = 80877102

/** Passes everything on at once but requests to cancel, which it keeps until they are let go. */
class LateCancels {
  #server: Server | undefined
  readonly #sockets: Socket[] = []
  #held: (() => void)[] = []

  /** Listens in front of the server that a database URL names; returns the URL by way of it. */
  async inFrontOf(url: string): Promise<string> {
    this.#server = createServer({ allowHalfOpen: true }, (client) => {
      client.once('data', (first) => {
        const server = connect({ ...addressOf(url), allowHalfOpen: true })
        this.#sockets.push(client, server)
        for (const socket of [client, server]) socket.on('error', () => {})
        const pass = (): void => {
          server.write(first)
          client.pipe(server)
          server.pipe(client)
        }
        if (first.length >= 8 && first.readInt32BE(4) === CANCEL_REQUEST) this.#held.push(pass)
        else pass()
      })
    })
    return urlBy(await listen(this.#server), url)
  }

  get held(): number {
    return this.#held.length
  }

  letGo(): void {
    for (const pass of this.#held.splice(0)) pass()
  }

  close(): void {
    this.#server?.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}

let world: World
const cancels = new LateCancels()
let url: string

beforeAll(async () => {
  world = await createWorld()
  url = await cancels.inFrontOf(world.database.url)
})

afterEach(async () => {
  cancels.letGo()
  await world.disconnect()
})

afterAll(async () => {
  await world.close()
  cancels.close()
})

const open = (options: OtherOptions = {}) =>
  world.open({ minSize: 1, maxSize: 1 }, { connectionString: url, ...options })

const LIMIT = '1s'
/** Longer than the limit, but not so long that anybody would give the connection up. */
const SLOW = `SELECT 1 AS n FROM pg_sleep(1.4)`
/** Shorter than the limit. */
const NEXT = `SELECT 2 AS n FROM pg_sleep(0.7)`

/** Runs the next statement, while which the requests arrive. */
async function expectNextUntouched(prisma: PrismaClient): Promise<void> {
  const next = prisma.$queryRawUnsafe(NEXT).then(
    (rows) => rows,
    (error: unknown) => error,
  )
  await eventually(async () => {
    expect(
      await world.database.query(
        `SELECT FROM pg_stat_activity WHERE query = $1 AND wait_event = 'PgSleep' AND state = 'active'`,
        [NEXT],
      ),
    ).toHaveLength(1)
  })
  expect(cancels.held).toBeGreaterThan(0)
  cancels.letGo()
  expect(await next).toEqual([{ n: 2 }])
}

describe('a cancel that is still on its way when its statement has ended', () => {
  test('by queryTimeout does not hit the next statement', async () => {
    const { prisma } = open({ queryTimeout: LIMIT })
    await pidOf(prisma)
    expect(await prisma.$queryRawUnsafe(SLOW)).toEqual([{ n: 1 }])
    expect(cancels.held).toBe(1)
    await expectNextUntouched(prisma)
  })

  test('by queryTimeout costs a transaction its connection, rather than hit its next statement', async () => {
    const { prisma } = open({ queryTimeout: LIMIT })
    await pidOf(prisma)
    let rows: unknown
    const transaction = prisma.$transaction(async (tx) => {
      rows = await tx.$queryRawUnsafe(SLOW)
      await tx.$queryRawUnsafe(NEXT)
    })
    expect((await knownErrorOf(transaction)).meta).toMatchObject({
      driverAdapterError: { cause: { kind: 'ConnectionClosed' } },
    })
    expect(rows).toEqual([{ n: 1 }])
  })

  test('by the timeout of a transaction, that nobody has answered, does not hit the next borrower', async () => {
    const { prisma } = open()
    await pidOf(prisma)
    const late = prisma.$transaction((tx) => tx.$queryRawUnsafe(`SELECT 1 AS n FROM pg_sleep(2.6)`), {
      timeout: 300,
    })
    await expect(late).rejects.toThrow()
    await expectNextUntouched(prisma)
  })
})
