import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { createServer, probeDatabase } from '../../packages/example-app/src/index.js'
import { eventually } from '../support/eventually.js'
import { startService, type Service } from './support.js'

let service: Service
beforeAll(async () => {
  service = await startService({ maxSize: 1 })
})
afterAll(() => service.stop())

it('answers while every connection of the pool is taken and callers queue', async () => {
  let finish = () => {}
  const isTaken = new Promise<void>((resolve) => (finish = resolve))
  const holder = service.prisma.$transaction(async (tx) => {
    await tx.account.count()
    await isTaken
  })
  const queued = service.get('/accounts/00000000-0000-4000-8000-000000000001')
  await eventually(() => {
    expect(service.adapter.pool.getStats()).toMatchObject({ poolAvailable: 0, requestsWaiting: 1 })
    return Promise.resolve()
  })

  expect(await service.get('/healthz')).toEqual({ status: 200, body: { database: 'up' } })
  expect(service.adapter.pool.getStats().requestsWaiting).toBe(1)

  finish()
  await holder
  expect((await queued).status).toBe(200)
})

it('leaves no connection behind', async () => {
  await service.get('/healthz')
  await eventually(async () => expect(await service.database.backends('ledger-health')).toEqual([]))
})

it('says 503 when the database does not answer', async () => {
  const url = new URL(service.database.url)
  url.pathname = '/no_such_database'
  const server = createServer({ ledger: service.ledger, probe: () => probeDatabase(url.href) })
  const response = await server.inject('/healthz')
  expect([response.statusCode, response.json()]).toEqual([503, { database: 'down' }])
  await server.close()
})
