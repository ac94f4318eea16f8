// Web pages elsewhere, in the browser of the developer who runs the service: they cannot read or drive it.
import { request } from 'node:http'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { Controls } from '../../packages/example-app/src/dashboard/controls.js'
import type { Dashboard } from '../../packages/example-app/src/dashboard/routes.js'
import { MOST_STREAMS } from '../../packages/example-app/src/dashboard/stream.js'
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
let port: number
let controls: Controls

beforeAll(async () => {
  controls = new Controls({ callers: 0 }, 9)
  server = createServer({
    ledger: undefined as never,
    probe: () => Promise.resolve(),
    ready: () => Promise.resolve(),
    dashboard: { monitor, controls },
  })
  port = Number(new URL(await server.listen({ host: '127.0.0.1', port: 0 })).port)
})
afterAll(() => server.close())
beforeEach(() => controls.set({ callers: 0 }))

interface Request {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** `fetch` sets Host, Origin and Sec-Fetch-Site by itself. Resolves to the status once the headers are there. */
function send({ method = 'GET', path, headers = {}, body }: Request): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, method, path, headers }, (response) => {
      resolve(response.statusCode ?? 0)
      response.destroy()
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

const JSON_BODY = { 'content-type': 'application/json' }
const change = (headers: Record<string, string>) =>
  send({
    method: 'PATCH',
    path: '/dashboard/settings',
    headers: { ...JSON_BODY, ...headers },
    body: JSON.stringify({ callers: 7 }),
  })

describe('a request by the name of another host (DNS rebinding)', () => {
  const hosts = [
    'evil.example',
    'evil.example:80',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    '10.0.0.1',
  ]

  it.each(hosts)('is refused: %p', async (host) => {
    for (const path of [
      '/',
      '/dashboard/events',
      '/dashboard/settings',
      '/metrics',
      '/healthz',
      '/accounts/x',
    ]) {
      expect([path, await send({ path, headers: { host } })]).toEqual([path, 403])
    }
    expect(await change({ host })).toBe(403)
    expect(controls.settings.callers).toBe(0)
    expect(listeners.size).toBe(0)
  })

  it('is answered by the names of this machine', async () => {
    for (const name of ['localhost', '127.0.0.1', '[::1]', 'LOCALHOST']) {
      for (const host of [name, `${name}:${port}`]) {
        expect([host, await send({ path: '/healthz', headers: { host } })]).toEqual([host, 200])
      }
    }
  })
})

describe('a request of a page from elsewhere', () => {
  const origins = () => [
    'http://evil.example',
    'null',
    `http://localhost:${port}`, // not the host that was asked
    `http://127.0.0.1:${port + 1}`,
    `https://127.0.0.1:${port}`,
    'not an origin',
  ]

  it('is refused, and changes nothing', async () => {
    for (const origin of origins()) {
      expect([origin, await change({ origin })]).toEqual([origin, 403])
      for (const path of ['/dashboard/events', '/dashboard/settings', '/']) {
        expect([origin, path, await send({ path, headers: { origin } })]).toEqual([origin, path, 403])
      }
      const transfer = { method: 'POST', path: '/payments', headers: { ...JSON_BODY, origin }, body: '{}' }
      expect([origin, await send(transfer)]).toEqual([origin, 403])
    }
    expect(controls.settings.callers).toBe(0)
    expect(listeners.size).toBe(0)
  })

  it('is refused where the browser sends no origin, as for an image', async () => {
    for (const site of ['cross-site', 'same-site']) {
      const headers = { 'sec-fetch-site': site, 'sec-fetch-mode': 'no-cors' }
      expect(await send({ path: '/dashboard/events', headers })).toBe(403)
    }
  })

  it('may be a link to the dashboard', async () => {
    const headers = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }
    expect(await send({ path: '/', headers })).toBe(200)
  })
})

it('the page of the dashboard itself is answered', async () => {
  const origin = `http://127.0.0.1:${port}`
  expect(await change({ origin, 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' })).toBe(200)
  expect(controls.settings.callers).toBe(7)
})

it('has a limit of event streams, beyond which it answers 503', async () => {
  const abort = new AbortController()
  const open = () => fetch(`http://127.0.0.1:${port}/dashboard/events`, { signal: abort.signal })
  const opened = await Promise.all(Array.from({ length: MOST_STREAMS }, open))
  expect(opened.map(({ status }) => status)).toEqual(Array(MOST_STREAMS).fill(200))
  const refused = await open()
  expect(refused.status).toBe(503)
  expect(refused.headers.get('retry-after')).toBe('1')
  expect(await refused.json()).toMatchObject({ error: 'too_many_streams' })
  expect(listeners.size).toBe(MOST_STREAMS)
  abort.abort()
  await eventually(() => expect(listeners.size).toBe(0))
  expect(await send({ path: '/dashboard/events' })).toBe(200)
})
