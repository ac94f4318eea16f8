import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Packet } from '../../../packages/adapter/src/pg/packet.js'

/** The messages of a packet: type and body (PostgreSQL manual 54.7, message formats). */
function messagesOf(packet: Packet): [string, Buffer][] {
  const bytes = packet.finish()
  const messages: [string, Buffer][] = []
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readInt32BE(at + 1)
    messages.push([String.fromCharCode(bytes[at]!), bytes.subarray(at + 5, at + 1 + length)])
    at += 1 + length
  }
  return messages
}

test('the messages of a statement stand one behind the other', () => {
  const packet = new Packet()
    .closeStatement('old')
    .parse('name', 'SELECT $1')
    .bind('name', ['a'])
    .describePortal()
    .execute()
    .sync()
  expect(messagesOf(packet).map(([type, body]) => [type, body.toString('latin1')])).toEqual([
    ['C', 'Sold\0'],
    ['P', 'name\0SELECT $1\0\0\0'],
    ['B', '\0name\0\0\0\0\x01\0\0\0\x01a\0\0'],
    ['D', 'P\0'],
    ['E', '\0\0\0\0\0'],
    ['S', ''],
  ])
})

test('a script is one message', () => {
  expect(messagesOf(new Packet().query('SELECT 1; SELECT 2'))).toEqual([
    ['Q', Buffer.from('SELECT 1; SELECT 2\0')],
  ])
})

test('values are texts in UTF-8, bytes, or null', () => {
  const bytes = Buffer.from([0, 1, 255])
  const [[, body]] = messagesOf(new Packet().bind('', ['ä€😀', null, bytes, ''])) as [[string, Buffer]]
  const formats = Array.from({ length: 4 }, (_, index) => body.readInt16BE(4 + index * 2))
  expect(body.readInt16BE(2)).toBe(4)
  expect(formats).toEqual([0, 0, 1, 0])
  const values: (Buffer | null)[] = []
  for (let at = 14; values.length < 4;) {
    const length = body.readInt32BE(at)
    values.push(length < 0 ? null : body.subarray(at + 4, at + 4 + length))
    at += 4 + Math.max(length, 0)
  }
  expect(values).toEqual([Buffer.from('ä€😀'), null, bytes, Buffer.alloc(0)])
})

test('a packet grows as large as it must be', () => {
  const long = '€'.repeat(100_000)
  const values = [long, Buffer.alloc(300_000, 7), ...Array<string>(60_000).fill('x')]
  const [[, body], [sync]] = messagesOf(new Packet().bind('', values).sync()) as [[string, Buffer], [string]]
  expect(body.readUInt16BE(2)).toBe(values.length)
  expect(body.includes(Buffer.from(long))).toBe(true)
  expect(body.length).toBe(2 + 2 + 2 * values.length + 2 + 4 * values.length + 300_000 + 300_000 + 60_000 + 2)
  expect(sync).toBe('S')
})

test('packets keep what they are, whatever others are made meanwhile and behind them', () => {
  const texts = [
    '',
    'a',
    'é'.repeat(40),
    'b'.repeat(70),
    'x'.repeat(20_000),
    'y'.repeat(40_000),
    '€'.repeat(20_000),
  ]
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...texts), { maxLength: 12 }), (queries) => {
      const others: [Buffer, string][] = []
      const outer = new Packet().query('begun before them')
      for (const query of queries) others.push([new Packet().query(query).finish(), query])
      const bytes = outer.query('ended behind them').finish()
      for (const [other, query] of others) expect(other.toString('utf8', 5)).toBe(`${query}\0`)
      expect(bytes.toString('latin1').replaceAll(/[^a-z ]/g, '')).toBe('begun before themended behind them')
    }),
  )
})

test('what a large packet has left over is not kept for those behind it, but the room that it outgrew is', () => {
  // As much as it takes to have a room that is all but empty.
  let before = new Packet().sync().finish()
  while (before.byteOffset > 0) before = new Packet().query('x'.repeat(600)).finish()
  const large = new Packet().query('x'.repeat(1_000_000)).finish()
  const behind = new Packet().sync().finish()
  expect(behind.buffer).not.toBe(large.buffer)
  expect(behind.buffer).toBe(before.buffer)
  expect(behind.byteOffset).toBe(before.length)
})
