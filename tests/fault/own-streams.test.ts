// A `stream` of the user's own that makes no socket for a while, as when a tunnel is down: the pool needs one of its
// own accord, too, for the request that cancels a statement.
import { Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { errorOf, sql } from '../integration/support.js'
import { eventually } from '../support/eventually.js'
import { createStage, expectWhole, type Stage } from './support.js'

const SIZES = { minSize: 2, maxSize: 2 } as const
const SLEEP = 'SELECT pg_sleep(600)::text'

let stage: Stage
let isDown = false

function stream(): Socket {
  if (isDown) throw new Error('the tunnel is down')
  return new Socket()
}

beforeAll(async () => {
  stage = await createStage()
})

afterEach(async () => {
  isDown = false
  // Statements that could not be cancelled, and whose sockets are closed.
  await terminateSleepers()
  await stage.clear()
})

afterAll(() => stage.close())

test.each(['release', 'destroy'] as const)('a busy connection leaves all the same: %s', async (how) => {
  const subject = await stage.open(SIZES, { stream })
  const lease = await subject.acquire()
  const answer = errorOf(lease.client.query(SLEEP))
  await atSleep()
  isDown = true
  await lease[how]()
  await answer
  isDown = false
  await eventually(() => expect(subject.pool.getStats()).toMatchObject({ poolSize: 2, poolAvailable: 2 }))
})

test('a statement ends that takes longer than queryTimeout', async () => {
  const { adapter } = await stage.openPrisma(SIZES, { stream, queryTimeout: '300ms' })
  const db = await adapter.connect()
  const answer = errorOf(db.queryRaw(sql(SLEEP)))
  await atSleep()
  isDown = true
  expect(await answer).toMatchObject({ cause: { kind: 'SocketTimeout' } })
  isDown = false
  await terminateSleepers()
  await expectWhole(stage, adapter.pool)
  await db.dispose()
})

function atSleep(): Promise<void> {
  return eventually(async () => {
    const backends = await stage.database.backends()
    expect(backends.filter(({ query, state }) => query === SLEEP && state === 'active')).toHaveLength(1)
  })
}

async function terminateSleepers(): Promise<void> {
  await stage.database.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = '${SLEEP}'`,
  )
}
