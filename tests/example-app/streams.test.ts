// What the dashboard's stream leaves behind when clients come and go in odd ways.
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { Controls } from '../../packages/example-app/src/dashboard/controls.js'
import type { Dashboard } from '../../packages/example-app/src/dashboard/routes.js'
import { createServer } from '../../packages/example-app/src/index.js'
import { eventually } from '../support/eventually.js'

const listeners = new Set<unknown>()
const monitor = {
  snapshot: () => ({}),
  subscribe(listener: unknown) {
    listeners.add(listener)
    return () => void listeners.delete(listener)
  },
} as unknown as Dashboard['monitor']

let server: ReturnType<typeof createServer>
let url: string

beforeAll(async () => {
  server = createServer({
    ledger: undefined as never,
    probe: () => Promise.resolve(),
    ready: () => Promise.resolve(),
    dashboard: { monitor, controls: new Controls({ callers: 0 }, 1) },
  })
  url = `${await server.listen({ host: '127.0.0.1', port: 0 })}/dashboard/events`
})
afterAll(() => server.close())

it('has a listener for each client, until it leaves', async () => {
  const abort = new AbortController()
  await Promise.all([1, 2, 3].map(() => fetch(url, { signal: abort.signal })))
  expect(listeners.size).toBe(3)
  abort.abort()
  await eventually(() => expect(listeners.size).toBe(0))
})

it('has none for who asks for its head alone', async () => {
  expect((await fetch(url, { method: 'HEAD' })).status).toBe(404)
  expect(listeners.size).toBe(0)
})
