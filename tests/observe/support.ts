// What pools of this process publish, noted until the test is over; pools that a test opens by itself; and a lock.
import pg from 'pg'
import { onPoolEvent, type PoolEvent, type PoolEvents, type RealPoolAdapter } from 'prisma-pg-real-pool'
import { createWorld, type World } from '../prisma/support.js'

export interface Notes {
  readonly messages: { [E in PoolEvent]: [E, PoolEvents[E]] }[PoolEvent][]
  /** Those of one event. */
  of<E extends PoolEvent>(event: E): PoolEvents[E][]
  stop(): void
}

/** Notes the messages of one pool. */
export function noteEvents(pool: string, events: readonly PoolEvent[]): Notes {
  const messages: Notes['messages'] = []
  const ends = events.map((event) =>
    onPoolEvent(event, (message) => {
      if (message.pool === pool) messages.push([event, message] as never)
    }),
  )
  return {
    messages,
    of: (event) => messages.flatMap(([name, message]) => (name === event ? [message as never] : [])),
    stop: () => ends.forEach((end) => end()),
  }
}

/** A world whose `disconnect` also closes the pools that were opened, or used, without a client of Prisma. */
export async function createPoolWorld(): Promise<World> {
  const world = await createWorld()
  const adapters: RealPoolAdapter[] = []
  return {
    ...world,
    open(...options) {
      const opened = world.open(...options)
      adapters.push(opened.adapter)
      return opened
    },
    async disconnect() {
      await world.disconnect()
      await Promise.all(adapters.splice(0).map(({ pool }) => pool.close()))
    },
  }
}

/** A session beside the pool, which holds a lock on the table of users until the gate opens. */
export async function lockUsers(
  world: World,
  until: Promise<void>,
): Promise<{ pid: number; done: Promise<void> }> {
  const client = new pg.Client({ connectionString: world.database.url, application_name: 'nightly report' })
  await client.connect()
  await client.query('BEGIN')
  await client.query('LOCK TABLE "User"')
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  const done = until.then(async () => {
    await client.query('ROLLBACK')
    await client.end()
  })
  return { pid: rows[0]!.pid, done }
}
