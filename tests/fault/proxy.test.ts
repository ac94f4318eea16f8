// The proxy itself, in front of a server that answers each message with the same: what its faults look like
// on both sides.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { eventually } from '../support/eventually.js'
import { Proxy } from '../support/proxy.js'

let server: Server
let proxy: Proxy
/** What the server has seen of each connection, in the order in which they came. */
let served: Peer[]
let clients: Socket[]

/** One end of a connection: what has arrived, and how it ended. */
class Peer {
  received = ''
  end: 'open' | 'ended' | 'reset' = 'open'

  constructor(readonly socket: Socket) {
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => (this.received += text))
    socket.on('end', () => (this.end = 'ended'))
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      this.end = code === 'ECONNRESET' ? 'reset' : this.end
    })
  }
}

beforeEach(async () => {
  served = []
  clients = []
  server = createServer((socket) => {
    served.push(new Peer(socket))
    socket.on('data', (text) => socket.write(text))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  proxy = new Proxy({ host: '127.0.0.1', port: (server.address() as AddressInfo).port })
  await proxy.listen()
})

afterEach(() => {
  proxy.close()
  for (const client of clients) client.destroy()
  server.close()
})

async function open(): Promise<Peer> {
  const socket = connect(proxy.port, '127.0.0.1')
  clients.push(socket)
  await once(socket, 'connect')
  return new Peer(socket)
}

/** A connection that has been answered. */
async function openAndSay(text: string): Promise<Peer> {
  const peer = await open()
  peer.socket.write(text)
  await eventually(() => expect(peer.received).toBe(text))
  return peer
}

/** A round trip beside the proxy: had anything been let pass before, it would have arrived by now. */
async function roundTripBeside(): Promise<void> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  clients.push(socket)
  const peer = new Peer(socket)
  for (let trip = 1; trip <= 3; trip++) {
    socket.write('.')
    await eventually(() => expect(peer.received).toHaveLength(trip))
  }
}

test('passes on what both sides say, and the end of either, and counts', async () => {
  const one = await openAndSay('hello')
  const other = await openAndSay('hi')
  expect(served.map(({ received }) => received)).toEqual(['hello', 'hi'])
  expect(proxy).toMatchObject({ open: 2, accepted: 2 })
  one.socket.end()
  await eventually(() => expect(served[0]!.end).toBe('ended'))
  served[1]!.socket.end()
  await eventually(() => expect(other.end).toBe('ended'))
  await eventually(() => expect(proxy).toMatchObject({ open: 0, accepted: 2 }))
})

test('a database is the same by way of it', () => {
  expect(proxy.urlOf('postgresql://me:secret@db.example:5433/shop?schema=a')).toBe(
    `postgresql://me:secret@127.0.0.1:${proxy.port}/shop?schema=a`,
  )
})

test('cut resets both sides of every connection, and new ones are served', async () => {
  const peers = [await openAndSay('one'), await openAndSay('two')]
  proxy.cut()
  await eventually(() => expect(peers.map(({ end }) => end)).toEqual(['reset', 'reset']))
  await eventually(() => expect(served.map(({ end }) => end)).toEqual(['reset', 'reset']))
  expect(proxy.open).toBe(0)
  await openAndSay('three')
})

test('fin ends both sides of every connection in good order', async () => {
  const peer = await openAndSay('one')
  proxy.fin()
  await eventually(() => expect([peer.end, served[0]!.end]).toEqual(['ended', 'ended']))
  await eventually(() => expect(proxy.open).toBe(0))
})

test('cut while an end is under way leaves no socket behind', async () => {
  const sockets = (): number =>
    process.getActiveResourcesInfo().filter((resource) => resource === 'TCPSocketWrap').length
  // Other tests of this process may have left some.
  const before = sockets()
  const peer = await openAndSay('one')
  proxy.fin()
  proxy.cut()
  await eventually(() => expect([peer.end, served[0]!.end]).toEqual(['ended', 'ended']))
  await eventually(() => expect(sockets()).toBeLessThanOrEqual(before))
})

test('a reset by the client reaches the server as one', async () => {
  const peer = await openAndSay('one')
  peer.socket.resetAndDestroy()
  await eventually(() => expect(served[0]!.end).toBe('reset'))
})

test('a server that is not there is a reset', async () => {
  server.close()
  const peer = await open()
  await eventually(() => expect(peer.end).toBe('reset'))
})

describe('a black hole', () => {
  test('passes nothing, neither words nor ends, of old connections and new, until it resumes', async () => {
    const speaker = await openAndSay('one')
    const leaver = await openAndSay('two')
    proxy.stall()
    const late = await open()
    speaker.socket.write(' more')
    late.socket.write('three')
    leaver.socket.end()
    served[0]!.socket.write('!')
    await roundTripBeside()
    expect([served[0]!.received, served[1]!.end, speaker.received, late.received]).toEqual([
      'one',
      'open',
      'one',
      '',
    ])
    proxy.resume()
    await eventually(() => expect(served[0]!.received).toBe('one more'))
    await eventually(() => expect(speaker.received).toBe('one! more'))
    await eventually(() => expect(late.received).toBe('three'))
    await eventually(() => expect([served[1]!.end, leaver.end]).toEqual(['ended', 'ended']))
  })

  test('that took only the connections of that time serves new ones', async () => {
    const old = await openAndSay('one')
    proxy.forget()
    old.socket.write(' more')
    await openAndSay('two')
    await roundTripBeside()
    expect(old.received).toBe('one')
    proxy.resume()
    await eventually(() => expect(old.received).toBe('one more'))
  })

  test('can be cut', async () => {
    const peer = await openAndSay('one')
    proxy.stall()
    proxy.cut()
    await eventually(() => expect([peer.end, served[0]!.end]).toEqual(['reset', 'reset']))
  })
})

test('delay holds each message back, in both directions, and keeps their order', async () => {
  const peer = await open()
  proxy.delay(40)
  const startedAt = performance.now()
  for (const word of ['a', 'b', 'c']) {
    peer.socket.write(word)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await eventually(() => expect(peer.received).toBe('abc'))
  expect(performance.now() - startedAt).toBeGreaterThan(75)
})

test('refuse turns new connections away, old ones live on, and listen takes new ones on the same port', async () => {
  const { port } = proxy
  const old = await openAndSay('one')
  proxy.refuse()
  const refused = connect(port, '127.0.0.1')
  clients.push(refused)
  expect(await once(refused, 'error')).toMatchObject([{ code: 'ECONNREFUSED' }])
  old.socket.write(' more')
  await eventually(() => expect(old.received).toBe('one more'))
  await proxy.listen()
  expect(proxy.port).toBe(port)
  await openAndSay('two')
})

test('a deaf proxy accepts connections and says nothing; those that exist live on', async () => {
  const old = await openAndSay('one')
  proxy.deafen()
  const unheard = await open()
  unheard.socket.write('hello?')
  old.socket.write(' more')
  await eventually(() => expect(old.received).toBe('one more'))
  await roundTripBeside()
  expect(unheard.received).toBe('')
  expect(served.some(({ received }) => received === 'hello?')).toBe(false)
  unheard.socket.end()
  await eventually(() => expect(proxy.open).toBe(1))
  proxy.hear()
  await openAndSay('two')
})

describe('cut after so many bytes', () => {
  test.each(['toClient', 'toServer'] as const)('%s: they arrive, and then it is reset', async (direction) => {
    const peer = await openAndSay('one')
    proxy.cutAfterBytes(4, direction)
    peer.socket.write('1234567')
    await eventually(() => expect([peer.end, served[0]!.end]).toEqual(['reset', 'reset']))
    if (direction === 'toClient') expect(peer.received).toBe('one1234')
    else expect(served[0]!.received).toBe('one1234')
    // One was meant.
    const next = await openAndSay('two')
    next.socket.write('1234567')
    await eventually(() => expect(next.received).toBe('two1234567'))
  })

  test('also a connection that comes later, and only when they are through', async () => {
    proxy.cutAfterBytes(6, 'toClient')
    const peer = await openAndSay('one')
    peer.socket.write('two')
    await eventually(() => expect(peer).toMatchObject({ end: 'reset', received: 'onetwo' }))
  })
})

test('nothing is left of it when it is closed', async () => {
  const peer = await openAndSay('one')
  proxy.deafen()
  const unheard = await open()
  proxy.close()
  await eventually(() => expect([peer.end, unheard.end]).toEqual(['reset', 'ended']))
  await eventually(() => expect(proxy.open).toBe(0))
})
