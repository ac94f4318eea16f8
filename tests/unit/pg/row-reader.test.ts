// Whatever pieces a socket cuts messages into, rows reach their statement whole, the rest goes on unread, and each in
// its turn.
import { EventEmitter } from 'node:events'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Client } from 'pg'
import { readRowsOf, type RowTaker } from '../../../packages/adapter/src/pg/row-reader.js'
import { Statement } from '../../../packages/adapter/src/pg/statement.js'

type Message = { readonly type: string; readonly body: Buffer }

function bytesOf({ type, body }: Message): Buffer {
  const header = Buffer.alloc(5)
  header.write(type, 'latin1')
  header.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([header, body])
}

/** A client that notes what it is passed, and its socket. */
function open(query: unknown) {
  const seen: string[] = []
  const connection = {
    attachListeners: (stream: EventEmitter) =>
      void stream.on('data', (bytes: Buffer) => seen.push(bytes.toString('hex'))),
  }
  const client = { connection, _activeQuery: query } as unknown as Client
  readRowsOf(client, (one): one is RowTaker => one !== undefined)
  const socket = new EventEmitter()
  connection.attachListeners(socket)
  return { seen, socket }
}

const message: fc.Arbitrary<Message> = fc.record({
  type: fc.constantFrom('D', 'D', 'D', 'C', 'Z', 'N'),
  body: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
})

/** Messages, cut anywhere. */
const pieces = fc
  .array(message, { maxLength: 12 })
  .chain((messages) => {
    const whole = Buffer.concat(messages.map(bytesOf))
    const cuts = fc.array(fc.nat(whole.length), { maxLength: 20 })
    return fc.record({ messages: fc.constant(messages), whole: fc.constant(whole), cuts })
  })
  .map(({ messages, whole, cuts }) => {
    const at = [0, ...cuts.sort((a, b) => a - b), whole.length]
    return { messages, whole, chunks: at.slice(1).map((end, index) => whole.subarray(at[index], end)) }
  })

test('of a statement of ours: its rows, and everything else in its turn', () => {
  fc.assert(
    fc.property(pieces, ({ messages, chunks }) => {
      const order: string[] = []
      const taker: RowTaker = {
        takeRow: (bytes, from, to) => void order.push(`row ${bytes.toString('hex', from, to)}`),
      }
      const { seen, socket } = open(taker)
      for (const chunk of chunks) {
        const before = seen.length
        socket.emit('data', chunk)
        // What is passed on between two rows is one piece: only its place matters.
        order.push(...seen.slice(before))
      }
      const rows = messages
        .filter(({ type }) => type === 'D')
        .map(({ body }) => `row ${body.toString('hex')}`)
      expect(order.filter((entry) => entry.startsWith('row'))).toEqual(rows)
      const others = messages.filter(({ type }) => type !== 'D').map(bytesOf)
      expect(seen.join('')).toBe(Buffer.concat(others).toString('hex'))
    }),
  )
})

test('what stands before a row has been passed on when the row is taken', () => {
  const events: string[] = []
  const { socket, seen } = open({ takeRow: () => events.push(`row after ${seen.length}`) })
  const row = bytesOf({ type: 'D', body: Buffer.from([0, 0]) })
  const other = bytesOf({ type: 'T', body: Buffer.from([0, 0]) })
  socket.emit('data', Buffer.concat([other, row, row, other, other, row]))
  expect(events).toEqual(['row after 1', 'row after 1', 'row after 2'])
})

test('of a query that is not ours, everything is passed on', () => {
  fc.assert(
    fc.property(pieces, ({ whole, chunks }) => {
      const { seen, socket } = open(undefined)
      for (const chunk of chunks) socket.emit('data', chunk)
      expect(seen.join('')).toBe(whole.toString('hex'))
    }),
  )
})

describe('a row is read', () => {
  function rowOf(values: readonly (string | null)[]): Buffer {
    const parts = values.map((value) => {
      const text = value === null ? Buffer.alloc(0) : Buffer.from(value)
      const length = Buffer.alloc(4)
      length.writeInt32BE(value === null ? -1 : text.length)
      return Buffer.concat([length, text])
    })
    const count = Buffer.alloc(2)
    count.writeInt16BE(values.length)
    return Buffer.concat([count, ...parts])
  }

  /** What the statement makes of one row, all of whose columns are read as they come, or by a parser. */
  function read(values: readonly (string | null)[], parse?: (text: string) => unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const columns = { parsers: values.map(() => parse) }
      const config = { text: '', values: [], columnsOf: () => columns }
      const statement = new Statement(config, [], undefined, [], (error, result) =>
        error === null ? resolve(result?.rows) : reject(error),
      )
      statement.handleRowDescription({ fields: [] })
      const { socket } = open(statement)
      socket.emit('data', bytesOf({ type: 'D', body: rowOf(values) }))
      statement.handleReadyForQuery()
    })
  }

  const value = fc.option(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 30 }),
      fc.string({ maxLength: 30 }),
      fc.string({ minLength: 600, maxLength: 700 }),
    ),
    { nil: null },
  )

  test('whatever the texts and their length', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(value, { maxLength: 6 }), async (values) => {
        expect(await read(values)).toEqual([values])
        expect(await read(values, (text) => [text])).toEqual([
          values.map((text) => (text === null ? null : [text])),
        ])
      }),
    )
  })

  test('a parser that throws fails the statement, not the connection', async () => {
    const parse = () => {
      throw new RangeError('not mine')
    }
    await expect(read(['x'], parse)).rejects.toThrow('not mine')
  })
})
