import { randomUUID } from 'node:crypto'
import { channel } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { SlowHolders } from '../../packages/example-app/src/dashboard/slow-holders.js'
import { Strips } from '../../packages/example-app/src/dashboard/strips.js'
import type { Settings, Snapshot, Tick } from '../../packages/example-app/src/page/messages.js'
import { eventually } from '../support/eventually.js'
import { type LiveService, startLiveService } from './live.js'

let service: LiveService
beforeAll(async () => {
  service = await startLiveService()
})
afterAll(() => service.stop())

function at(path: string): string {
  return service.address + path
}

function change(settings: Partial<Settings>): Promise<Response> {
  const headers = { 'content-type': 'application/json' }
  return fetch(at('/dashboard/settings'), { method: 'PATCH', headers, body: JSON.stringify(settings) })
}

interface Message {
  readonly event: string
  readonly data: unknown
}

/** The messages of a stream, until it ends or whoever reads leaves. */
async function* messages(): AsyncGenerator<Message> {
  const response = await fetch(at('/dashboard/events'))
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  let unread = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body!) {
    const blocks = (unread + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n\n')
    unread = blocks.pop()!
    for (const block of blocks) {
      const [, event, data] = /^event: (.*)\ndata: (.*)$/.exec(block) ?? []
      if (event !== undefined && data !== undefined) yield { event, data: JSON.parse(data) as unknown }
    }
  }
}

async function firstSnapshot(): Promise<Snapshot> {
  for await (const { event, data } of messages()) {
    expect(event).toBe('snapshot')
    return data as Snapshot
  }
  throw new Error('The stream ended at once.')
}

/** The first tick that passes. */
async function tickWhere(passes: (tick: Tick) => boolean): Promise<Tick> {
  for await (const { event, data } of messages()) {
    if (event === 'tick' && passes(data as Tick)) return data as Tick
  }
  throw new Error('The stream ended.')
}

describe('the page', () => {
  it('is served with everything that it loads, and loads nothing from elsewhere', async () => {
    const response = await fetch(at('/'))
    const html = await response.text()
    expect(response.headers.get('content-security-policy')).toContain("default-src 'self'")
    const paths = [...html.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, path]) => path!)
    expect(paths).toEqual(expect.arrayContaining(['main.js', 'theme.css', 'vendor/uPlot.min.css']))
    const seen = new Set<string>()
    for (const path of paths) await load(new URL(path, at('/')).href, seen)
    expect(seen).toContain(at('/vendor/uPlot.esm.js'))
  })

  async function load(url: string, seen: Set<string>): Promise<void> {
    if (seen.has(url)) return
    seen.add(url)
    expect(url).toContain(service.address)
    const response = await fetch(url)
    expect([url, response.status]).toEqual([url, 200])
    const text = await response.text()
    if (url.includes('/vendor/') || !url.endsWith('.js')) return
    for (const [, path] of text.matchAll(/^import .*'(.+)'/gm)) await load(new URL(path!, url).href, seen)
  }

  it.each(['/package.json', '/vendor/uPlot.cjs.js', '/vendor/../package.json', '/%2e%2e/package.json'])(
    'does not come with %s',
    async (path) => {
      const response = await fetch(at(path))
      expect([403, 404]).toContain(response.status)
    },
  )

  it('is written for the letters that the service sends', async () => {
    const source = path.join(__dirname, '../../packages/example-app/src/page/messages.ts')
    const letters = /STATE_LETTERS = \{ (.*) \}/.exec(await readFile(source, 'utf8'))?.[1]
    const strips = new Strips(10)
    const states = ['idle', 'active', 'transaction', 'lock'] as const
    for (const state of states) strips.add([{ pid: 1, state, forMs: 0, blockedBy: [], statement: '' }])
    const sent = [...strips.of(1)].map((letter, i) => `${letter}: '${states[i]!}'`)
    expect(letters).toBe(sent.join(', '))
  })
})

describe('the stream', () => {
  it('begins with everything that is remembered, and goes on with ticks', async () => {
    const events: string[] = []
    for await (const { event, data } of messages()) {
      events.push(event)
      if (event === 'snapshot') {
        expect(data).toMatchObject({ pool: { min: 1, max: 12 }, maxCallers: 100, slowHolderMs: 1_000 })
      }
      if (events.length === 3) break
    }
    expect(events).toEqual(['snapshot', 'tick', 'tick'])
    const { points } = await firstSnapshot()
    expect(points.length).toBeGreaterThanOrEqual(2)
  })

  it('has a lane for each connection that the server has for the service', async () => {
    await change({ callers: 4 })
    await eventually(async () => {
      const tick = await tickWhere(() => true)
      const backends = await service.database.backends('ledger')
      expect(tick.lanes?.map(({ pid }) => pid)).toEqual(backends.map(({ pid }) => pid))
      expect(backends.length).toBeGreaterThan(0)
    })
  })

  it('tells of a connection that waits for another one on a lock', async () => {
    await change({ callers: 0 })
    await eventually(async () => expect(await service.inUse()).toEqual([]))
    const [id = '', other = ''] = service.accountIds
    await service.database.query('BEGIN')
    const [holder] = await service.database.query<{ pid: number }>(
      `UPDATE account SET balance = balance WHERE id = '${id}' RETURNING pg_backend_pid() AS pid`,
    )
    const payment = pay({ from: id, to: other })
    const isWaiting = ({ lanes }: Tick) => lanes?.some(({ state }) => state === 'lock') ?? false
    const tick = await tickWhere(isWaiting)
    const lane = tick.lanes!.find(({ state }) => state === 'lock')!
    expect(lane).toMatchObject({ blockedBy: [holder!.pid], statement: expect.stringContaining('UPDATE') })
    expect(lane.strip).toContain('l')
    await service.database.query('COMMIT')
    expect((await payment).status).toBe(201)
  })

  it('goes on when the connection that looks is lost', async () => {
    const before = await service.database.backends('ledger-dashboard')
    expect(before).toHaveLength(1)
    await service.database.query(`SELECT pg_terminate_backend(${before[0]!.pid})`)
    await eventually(async () => {
      const after = await service.database.backends('ledger-dashboard')
      expect(after).toHaveLength(1)
      expect(after[0]!.pid).not.toBe(before[0]!.pid)
    })
    await tickWhere(({ lanes }) => lanes !== null)
  })

  it('does not keep the service from being closed, nor do connections without a request', async () => {
    const socket = connect(Number(new URL(service.address).port), '127.0.0.1')
    await once(socket, 'connect')
    const { body } = await fetch(at('/dashboard/events'))
    await service.restart(async () => {
      await expect(new Response(body).text()).rejects.toThrow('terminated')
    })
    expect((await firstSnapshot()).points.length).toBeGreaterThan(0)
  })
})

describe('the controls', () => {
  const NUMBER = 'a whole number from 0 to 100'
  const CONDUCT = '"release" or "hold"'

  it.each<[unknown, string]>([
    [{ callers: -1 }, `"callers" is -1; allowed is ${NUMBER}`],
    [{ callers: 101 }, `"callers" is 101; allowed is ${NUMBER}`],
    [{ callers: 1.5 }, `"callers" is 1.5; allowed is ${NUMBER}`],
    [{ callers: null }, `"callers" is null; allowed is ${NUMBER}`],
    [{ callers: true }, `"callers" is true; allowed is ${NUMBER}`],
    [{ callers: '12' }, `"callers" is "12"; allowed is ${NUMBER}`],
    [{ callers: [3] }, `"callers" is [3]; allowed is ${NUMBER}`],
    [{ callers: 3, conduct: 'other' }, `"conduct" is "other"; allowed is ${CONDUCT}`],
    [{ conduct: null }, `"conduct" is null; allowed is ${CONDUCT}`],
    [{ conduct: ['hold'] }, `"conduct" is ["hold"]; allowed is ${CONDUCT}`],
    [
      { callers: '', conduct: 0 },
      `"callers" is ""; allowed is ${NUMBER}. "conduct" is 0; allowed is ${CONDUCT}`,
    ],
    [{ callers: 3, caller: 4 }, '"caller" is 4; there are only conduct and callers'],
    [{ callers: 'x'.repeat(70) }, `"callers" is "${'x'.repeat(59)}…; allowed is ${NUMBER}`],
    [{}, 'the body is {}; allowed is an object with conduct and callers, or one of them'],
    [[], 'the body is []; allowed is an object with conduct and callers, or one of them'],
    [null, 'the body is null; allowed is an object with conduct and callers, or one of them'],
    [12, 'the body is 12; allowed is an object with conduct and callers, or one of them'],
  ])('refuse %j, and say why', async (settings, message) => {
    const before = await (await fetch(at('/dashboard/settings'))).json()
    const response = await change(settings as Partial<Settings>)
    expect([response.status, await response.json()]).toEqual([400, { error: 'bad_request', message }])
    expect(await (await fetch(at('/dashboard/settings'))).json()).toEqual(before)
  })

  it('refuse a request without a body', async () => {
    const response = await fetch(at('/dashboard/settings'), { method: 'PATCH' })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ message: expect.stringContaining('the body is missing') })
  })

  it('change how many callers there are, up and down', async () => {
    await change({ callers: 6, conduct: 'hold' })
    const busy = await tickWhere(({ point }) => point.inUse === 6)
    expect(busy.settings).toEqual({ callers: 6, conduct: 'hold' })
    await change({ callers: 2 })
    await eventually(async () => expect((await service.inUse()).length).toBeLessThanOrEqual(2))
    const { totals } = await tickWhere(({ point }) => point.callers === 2)
    await tickWhere((tick) => tick.totals.payments > totals.payments + 4)
    await change({ callers: 0 })
    await eventually(async () => expect(await service.inUse()).toEqual([]))
  })

  it('make the same callers need many connections or few, as the server sees it', async () => {
    await change({ callers: 12, conduct: 'hold' })
    await eventually(async () => expect(await service.inUse()).toHaveLength(12))
    const held = await tickWhere(({ point }) => point.inUse === 12)
    expect(held.lanes).toHaveLength(12)

    await change({ conduct: 'release' })
    const { totals } = await tickWhere(
      ({ point, settings }) => settings.conduct === 'release' && point.inUse! <= 4,
    )
    await eventually(async () => expect((await service.inUse()).length).toBeLessThanOrEqual(4))
    const served = await tickWhere((tick) => tick.totals.payments > totals.payments + 24)
    expect(served.totals.failures).toBe(0)
    await change({ callers: 0 })
  })

  it('show who waits when there are more callers than the pool may have connections', async () => {
    await change({ callers: 20, conduct: 'hold' })
    const { point } = await tickWhere(({ point }) => point.inUse === 12 && point.waiting > 0)
    expect(point.open).toBe(12)
    await tickWhere(({ point }) => (point.waitMs ?? 0) > 10)
    await change({ callers: 0, conduct: 'release' })
  })
})

describe('/metrics', () => {
  it('has as many connections as the server', async () => {
    await eventually(async () => {
      const response = await fetch(at('/metrics'))
      expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
      const text = await response.text()
      const counts = [...text.matchAll(/^db_client_connection_count\{.*\} (\d+)$/gm)].map(([, count]) =>
        Number(count),
      )
      const backends = await service.database.backends('ledger')
      expect(counts.length).toBeGreaterThan(0)
      expect(counts.reduce((sum, count) => sum + count)).toBe(backends.length)
    })
  })
})

function pay(order: {
  from: string
  to: string
  idempotencyKey?: string
  amount?: string
}): Promise<Response> {
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ idempotencyKey: randomUUID(), amount: '1.00', ...order })
  return fetch(at('/payments'), { method: 'POST', headers, body })
}

describe('a payment that holds its connection', () => {
  beforeAll(() => change({ conduct: 'hold', callers: 0 }))
  afterAll(() => change({ conduct: 'release' }))

  it('is made once, and refused for the same reasons', async () => {
    const [from = '', to = ''] = service.accountIds.slice(10)
    const order = { from, to, idempotencyKey: randomUUID() }
    expect([(await pay(order)).status, (await pay(order)).status]).toEqual([201, 200])
    expect((await pay({ from, to, amount: '100000.00' })).status).toBe(409)
    expect((await pay({ from: randomUUID(), to })).status).toBe(404)
    expect((await pay({ from, to: from })).status).toBe(422)
    await service.database.query(`UPDATE account SET status = 'FROZEN' WHERE id = '${from}'`)
    expect((await pay({ from, to })).status).toBe(409)
  })
})

describe('slow holders', () => {
  it('are remembered when they come back, newest first, with frames that can be read', () => {
    const holders = new SlowHolders()
    holders.start()
    const stack = [
      'It was acquired here:',
      `    at Ledger.transfer (${process.cwd()}/packages/example-app/dist/ledger.js:49:30)`,
      '    at process.processTimers (node:internal/timers:516:9)',
      `    at async yr.tx (${process.cwd()}/node_modules/.pnpm/@prisma+client@7_x/node_modules/@prisma/client/r.js:1:2)`,
    ].join('\n')
    const leak = (pid: number) => channel('prisma-pg-real-pool:leak').publish({ pid, stack })
    const release = (pid: number, heldMs: number) =>
      channel('prisma-pg-real-pool:release').publish({ pid, heldMs })
    release(1, 9_900)
    for (let i = 1; i <= 9; i++) {
      leak(i)
      release(i, i * 1_000 + 500)
      release(i, 3)
    }
    holders.stop()
    leak(10)
    release(10, 10_500)
    expect(holders.last.map(({ heldMs }) => heldMs)).toEqual(
      [9.5, 8.5, 7.5, 6.5, 5.5, 4.5, 3.5, 2.5].map((s) => s * 1_000),
    )
    expect(holders.last[0]!.stack).toBe(
      'Ledger.transfer (packages/example-app/dist/ledger.js:49:30)\nasync yr.tx (@prisma/client/r.js:1:2)',
    )
  })
})
