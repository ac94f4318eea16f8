// Requests to cancel that reach the server late, when what they are about has ended by itself: whatever runs next on
// that connection is not theirs to end.
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { OtherOptions } from '../support/backends.js'
import { eventually } from '../support/eventually.js'
import { addressOf, listen, urlBy } from '../support/listening.js'
import { createWorld, pidOf, type World } from './support.js'

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

/** Longer than the limits here, but not so long that anybody would give the connection up. */
const SLOW = `SELECT 1 AS n FROM pg_sleep(0.8)`
const NEXT = `SELECT 2 AS n FROM pg_sleep(0.7)`

async function runs(text: string): Promise<void> {
  await eventually(async () => {
    expect(
      await world.database.query(
        `SELECT FROM pg_stat_activity WHERE query = $1 AND wait_event = 'PgSleep' AND state = 'active'`,
        [text],
      ),
    ).toHaveLength(1)
  })
}

describe('a cancel that is still on its way when its statement has ended', () => {
  test('by queryTimeout does not hit the next statement', async () => {
    const { prisma } = open({ queryTimeout: '600ms' })
    await pidOf(prisma)
    expect(await prisma.$queryRawUnsafe(SLOW)).toEqual([{ n: 1 }])
    expect(cancels.held).toBe(1)
    const next = prisma.$queryRawUnsafe(`SELECT 2 AS n FROM pg_sleep(0.4)`)
    const settled = next.then(
      (rows) => rows,
      (error: unknown) => error,
    )
    await runs(`SELECT 2 AS n FROM pg_sleep(0.4)`)
    cancels.letGo()
    expect(await settled).toEqual([{ n: 2 }])
  })

  test('by queryTimeout, in a transaction, either', async () => {
    const { prisma } = open({ queryTimeout: '600ms' })
    await pidOf(prisma)
    const told: unknown[] = []
    await prisma
      .$transaction(async (tx) => {
        told.push(await tx.$queryRawUnsafe(SLOW))
        setTimeout(() => cancels.letGo(), 100)
        told.push(await tx.$queryRawUnsafe(`SELECT 2 AS n FROM pg_sleep(0.4)`))
      })
      .catch((error: Error) => told.push(error.message))
    expect(told[0]).toEqual([{ n: 1 }])
    expect(String(told[1])).not.toContain('57014')
  })

  test('by the timeout of a transaction, that nobody has answered, does not hit the next borrower', async () => {
    const { prisma } = open()
    await pidOf(prisma)
    const late = prisma.$transaction((tx) => tx.$queryRawUnsafe(`SELECT 1 AS n FROM pg_sleep(2.6)`), {
      timeout: 300,
    })
    await expect(late).rejects.toThrow()
    const next = prisma.$queryRawUnsafe(NEXT).then(
      (rows) => rows,
      (error: unknown) => error,
    )
    await runs(NEXT)
    expect(cancels.held).toBeGreaterThan(0)
    cancels.letGo()
    expect(await next).toEqual([{ n: 2 }])
  })
})
