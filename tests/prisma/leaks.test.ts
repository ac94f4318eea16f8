// What `leakDetectionThreshold` reports of a PrismaClient's own calls.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { testUnless } from '../support/backends.js'
import { eventually } from '../support/eventually.js'
import { collectWarnings, createWorld, expectAtRest, gate, type World } from './support.js'

let world: World

beforeAll(async () => {
  world = await createWorld()
})

afterAll(() => world.close())

testUnless({ 'pg-pool': 'has no options of ours' })(
  'a transaction held too long is reported with the place in the application that began it',
  async () => {
    const { prisma, adapter } = world.open({ maxSize: 1, leakDetectionThreshold: '50ms' })
    const watch = collectWarnings()
    const transferred = gate()
    async function transferMoney(): Promise<void> {
      await prisma.$transaction(async (tx) => {
        await tx.user.count()
        await transferred.opened
      })
    }
    const transfer = transferMoney()
    await eventually(() => expect(watch.warnings).toHaveLength(1))
    expect(watch.details[0]).toContain('transferMoney')
    transferred.open()
    await transfer
    await eventually(() => expect(watch.warnings).toHaveLength(2))
    watch.stop()
    expect(watch.warnings).toEqual([
      expect.stringContaining('longer than leakDetectionThreshold (50 ms)'),
      expect.stringContaining('came back after'),
    ])
    expect(adapter.pool.getStats()).toMatchObject({ leaksDetected: 1 })
    await expectAtRest(world, adapter, 1)
  },
)

test('calls outside of transactions are short, and not reported', async () => {
  const { prisma, adapter } = world.open({ maxSize: 1, leakDetectionThreshold: '2s' })
  for (let call = 0; call < 50; call++) await prisma.user.count()
  expect(adapter.pool.getStats()).toMatchObject({ leaksDetected: 0 })
})
