// The warning of a connection that is lent for too long: all that a person needs who must find out why, in one block.
import { createServer } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { type PoolOptions, RealPool } from 'prisma-pg-real-pool'
import { collectWarnings, SUBJECT, type Warnings } from '../integration/support.js'
import { gate, pidOf, type World } from '../prisma/support.js'
import { eventually } from '../support/eventually.js'
import { listen } from '../support/listening.js'
import { runProgram } from '../support/program.js'
import { Proxy } from '../support/proxy.js'
import { createPoolWorld, lockUsers, noteEvents } from './support.js'

let world: World
let watch: Warnings

beforeAll(async () => {
  world = await createPoolWorld()
})

beforeEach(() => {
  watch = collectWarnings()
})

afterEach(async () => {
  watch.stop()
  await world.disconnect()
  await world.empty()
})

afterAll(() => world.close())

const LENT = expect.stringMatching(/^a connection of the pool '\w+' has been lent for \d+\.\d s, longer than/)
const BACK = expect.stringMatching(/^the connection of the pool '\w+' that was reported .* came back after/)

test('says who holds it, since when, at what, who waits, and what the server says of it', async () => {
  const { prisma, adapter } = world.open(
    { name: 'orders', minSize: 1, maxSize: 1, leakDetectionThreshold: '1s' },
    {},
    'native',
  )
  await prisma.user.count()
  const end = gate()
  const blocker = await lockUsers(world, end.opened)
  let pid = 0
  const transferMoney = async () =>
    await prisma.$transaction(async (tx) => {
      pid = await pidOf(tx)
      await tx.user.count({ where: { email: "it's a secret" } })
    })
  const held = transferMoney()
  const readUser = async () => await prisma.user.count()
  const waiting = readUser()
  await eventually(() => expect(watch.warnings).toHaveLength(1))
  end.open()
  await Promise.all([held, waiting, blocker.done])

  expect(watch.warnings[0]).toMatch(
    /^a connection of the pool 'orders' has been lent for 1\.\d s, longer than leakDetectionThreshold \(1000 ms\); in a transaction, now at: SELECT COUNT/,
  )
  const [detail = ''] = watch.details
  const [stack = '', report = ''] = detail.split(/\n(?=pool ')/)
  expect(stack).toMatch(/^It was acquired here:\n[^]*at transferMoney/)
  expect(report).toMatch(/^pool 'orders': 1 of at most 1 in use, 0 idle, 0 being opened; 1 waiting\n/)
  expect(report).toMatch(new RegExp(`^process ${pid}, held for \\d\\.\\d s, in a transaction, now at:`, 'm'))
  expect(report).toMatch(
    new RegExp(
      `^ {2}by the server: \\(${SUBJECT}, .* transaction open for .* Lock:relation of process ${blocker.pid};`,
      'm',
    ),
  )
  expect(report).toMatch(
    new RegExp(`^in the way: process ${blocker.pid} \\(nightly report, .* idle in transaction for `, 'm'),
  )
  expect(report).toMatch(/^waiting for \d\.\d s\n {2}It was acquired here:\n[^]*at readUser/m)
  expect(detail).not.toContain('secret')
  await eventually(() => expect(watch.warnings).toEqual([LENT, BACK]))
  expect(adapter.pool.getStats()).toMatchObject({ leaksDetected: 1, poolSize: 1, connectionsNum: 1 })
})

/** A pool behind a proxy that lets nobody in any more, but keeps who is there. */
async function openDeaf(pool: PoolOptions) {
  const proxy = await Proxy.inFrontOf(world.database.url)
  const deaf = new RealPool({
    connectionString: proxy.urlOf(world.database.url),
    pool: { minSize: 1, maxSize: 1, ...pool },
  })
  await deaf.open({ wait: true })
  const lease = await deaf.acquire()
  proxy.deafen()
  return {
    pool: deaf,
    lease,
    close: async () => {
      await deaf.close()
      proxy.close()
    },
  }
}

test('comes all the same, and once, where the server does not answer', async () => {
  const notes = noteEvents('deaf', ['leak'])
  const { pool, lease, close } = await openDeaf({ name: 'deaf', leakDetectionThreshold: '50ms' })
  try {
    await eventually(() => expect(notes.of('leak')).toHaveLength(1))
    // The event waits for nobody.
    expect(watch.warnings).toEqual([])
    expect(pool.getStats()).toMatchObject({ leaksDetected: 1 })
    await eventually(() => expect(watch.warnings).toEqual([LENT]))
    expect(watch.details[0]).toMatch(/\nwhat the server says is not known: .*no answer within 2000 ms/)
    expect(watch.details[0]).toMatch(/\nprocess \d+, held for /)
    await lease.release()
    await eventually(() => expect(watch.warnings).toEqual([LENT, BACK]))
  } finally {
    notes.stop()
    await close()
  }
})

test('waits no longer for the server once the connection is back', async () => {
  const notes = noteEvents('back', ['leak'])
  const { lease, close } = await openDeaf({ name: 'back', leakDetectionThreshold: '50ms' })
  try {
    await eventually(() => expect(notes.of('leak')).toHaveLength(1))
    await lease.release()
    await eventually(() => expect(watch.warnings).toEqual([LENT, BACK]))
    expect(watch.details[0]).toMatch(
      /\nwhat the server says is not known: the connection came back before the server answered$/,
    )
  } finally {
    notes.stop()
    await close()
  }
})

test('keeps no process alive that is done with its pool', async () => {
  const program = `
    const { onPoolEvent, RealPool } = require('prisma-pg-real-pool')
    let connections = 0
    const pool = new RealPool({
      connection: () => connections++ === 0 ? process.env.URL : process.env.MUTE_URL,
      pool: { minSize: 1, maxSize: 1, leakDetectionThreshold: '20ms' },
    })
    pool.open({ wait: true }).then(() => pool.acquire()).then((lease) => {
      onPoolEvent('leak', async () => {
        await new Promise((resolve) => setTimeout(resolve, 100))
        await lease.release()
        await pool.close()
        await new Promise((resolve) => setTimeout(resolve, 10))
        const left = process.getActiveResourcesInfo().filter((resource) => !/Pipe|TTY/.test(resource))
        console.log(JSON.stringify({ connections, left }))
      })
    })`
  const mute = createServer()
  const port = await listen(mute)
  const { stdout, stderr } = await runProgram(program, {
    URL: world.database.url,
    MUTE_URL: `postgresql://nobody@127.0.0.1:${port}/nothing`,
  })
  mute.close()
  expect(JSON.parse(stdout)).toEqual({ connections: 2, left: [] })
  expect(stderr.match(/REAL_POOL_LEAK/g)).toHaveLength(2)
})
