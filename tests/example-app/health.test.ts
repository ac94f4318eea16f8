import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { createServer, probeDatabase } from '../../packages/example-app/src/index.js'
import { eventually } from '../support/eventually.js'
import { startService, type Service } from './support.js'

let service: Service
beforeAll(async () => {
  service = await startService({ maxSize: 1 })
})
afterAll(() => service.stop())

/** Takes the only connection of the pool, until the function that it resolves to is called. */
async function takeConnection(): Promise<() => Promise<void>> {
  const lease = await service.adapter.pool.acquire()
  return () => lease.release()
}

describe('/healthz', () => {
  it('answers while every connection of the pool is taken and callers queue', async () => {
    const giveBack = await takeConnection()
    const queued = service.get('/accounts/00000000-0000-4000-8000-000000000001')
    await eventually(() => expect(service.adapter.pool.getStats()).toMatchObject({ requestsWaiting: 1 }))
    const { requestsNum } = service.adapter.pool.getStats()

    expect(await service.get('/healthz')).toEqual({ status: 200, body: { database: 'up' } })
    expect(service.adapter.pool.getStats()).toMatchObject({ requestsWaiting: 1, requestsNum })

    await giveBack()
    expect((await queued).status).toBe(200)
  })

  it('leaves no connection behind', async () => {
    await service.get('/healthz')
    await eventually(async () => expect(await service.database.backends('ledger-health')).toEqual([]))
  })

  it('says 503 when the database does not answer', async () => {
    const url = new URL(service.database.url)
    url.pathname = '/no_such_database'
    const server = createServer({
      ledger: service.ledger,
      probe: () => probeDatabase(url.href),
      ready: () => Promise.resolve(),
    })
    const response = await server.inject('/healthz')
    expect([response.statusCode, response.json()]).toEqual([503, { database: 'down' }])
    await server.close()
  })
})

describe('/readyz', () => {
  it('says 200 when the pool has a connection to lend, and gives it back', async () => {
    expect(await service.get('/readyz')).toEqual({ status: 200, body: { pool: 'ready' } })
    expect(await service.get('/readyz')).toEqual({ status: 200, body: { pool: 'ready' } })
    expect(service.adapter.pool.getStats()).toMatchObject({ poolAvailable: 1, poolSize: 1 })
  })

  it('says 503 while no connection comes back, and 200 again when one has', async () => {
    const giveBack = await takeConnection()
    expect(await service.get('/readyz')).toEqual({ status: 503, body: { pool: 'not ready' } })
    expect(await service.get('/healthz')).toMatchObject({ status: 200 })
    await giveBack()
    expect(await service.get('/readyz')).toMatchObject({ status: 200 })
  })

  it('does not count among the callers that got no connection in time, nor stay in the queue', async () => {
    const giveBack = await takeConnection()
    const before = service.adapter.pool.getStats()
    expect(await service.get('/readyz')).toMatchObject({ status: 503 })
    const after = service.adapter.pool.getStats()
    expect([after.requestsTimeouts, after.requestsWaiting]).toEqual([before.requestsTimeouts, 0])
    expect(after.requestsCancelled).toBe(before.requestsCancelled + 1)
    await giveBack()
  })
})
