// Pools are told apart by their names: two that are open under one are warned of.
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { RealPool, RealPoolAdapter } from 'prisma-pg-real-pool'

const warnings: string[] = []
const emitWarning = process.emitWarning.bind(process)
const pools: RealPool[] = []

beforeEach(() => {
  warnings.length = 0
  process.emitWarning = ((message: string, { code }: { code: string }) => {
    warnings.push(`${code}: ${message}`)
  }) as never
})

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()))
  process.emitWarning = emitWarning
})

/** It keeps no connections, and so reaches for no server. */
const options = (name?: string) => ({ host: 'db.example', pool: { name, minSize: 0 } })

function pool(name?: string): RealPool {
  const made = new RealPool(options(name))
  pools.push(made)
  return made
}

test('two that are open under one name are warned of once, however many there are', async () => {
  await pool('shared').open()
  expect(warnings).toEqual([])
  await pool('shared').open()
  await pool('shared').open()
  expect(warnings).toEqual([
    "REAL_POOL_NAME: two open pools are named 'shared': events, metrics and errors do not tell them apart. " +
      'Give each a `name` of its own, or share one adapter.',
  ])
  await pool('shared too').open()
  expect(warnings).toHaveLength(1)
  await pool('shared too').open()
  expect(warnings).toHaveLength(2)
})

test('one that opens when the other is closed is not, nor one that is only made', async () => {
  const first = pool('next')
  await first.open()
  pool('next')
  const closed = first.close()
  await pool('next').open()
  await closed
  expect(warnings).toEqual([])
})

test('a pool that is opened or closed twice counts once', async () => {
  const first = pool('twice')
  await first.open()
  await first.open()
  expect(warnings).toEqual([])
  const second = pool('twice two')
  await second.open()
  const third = pool('twice two')
  await first.close()
  await first.close()
  await second.close()
  await second.close()
  await third.open()
  expect(warnings).toEqual([])
  await pool('twice two').open()
  expect(warnings).toHaveLength(1)
})

test('nor are clients that come and go, or share one adapter', async () => {
  const adapter = new RealPoolAdapter(options('clients'))
  pools.push(adapter.pool)
  const clients = [await adapter.connect(), await adapter.connect()]
  for (const client of clients) await client.dispose()
  await (await adapter.connect()).dispose()
  const other = pool('clients')
  await other.open()
  expect(warnings).toEqual([])
  await adapter.connect()
  expect(warnings).toHaveLength(1)
})

test('pools without a name each have one of their own', async () => {
  await Promise.all([pool().open(), pool().open()])
  expect(warnings).toEqual([])
})
