// Whatever pieces a socket cuts messages into, rows and how far the server is reach their statement whole, the rest goes
// on unread, and each in its turn.
import { EventEmitter } from 'node:events'
import { describe, expect, jest, test } from '@jest/globals'
import fc from 'fast-check'
import type { Client } from 'pg'
import { type AnswerTaker, readAnswersOf } from '../../../packages/adapter/src/pg/answer-reader.js'
import { Statement } from '../../../packages/adapter/src/pg/statement.js'

type Message = { readonly type: string; readonly body: Buffer }

function bytesOf({ type, body }: Message): Buffer {
  const header = Buffer.alloc(5)
  header.write(type, 'latin1')
  header.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([header, body])
}

/** A client that notes what it is passed, and its socket. */
function open(query: unknown, onPassed = (_bytes: Buffer, _client: { _activeQuery: unknown }) => {}) {
  const seen: string[] = []
  const completed: string[] = []
  const connection = {
    attachListeners: (stream: EventEmitter) =>
      void stream.on('data', (bytes: Buffer) => {
        seen.push(bytes.toString('hex'))
        onPassed(bytes, client)
      }),
  }
  const client = { connection, _activeQuery: query }
  const violations: Error[] = []
  readAnswersOf(
    client as unknown as Client,
    (one): one is AnswerTaker => one !== undefined,
    (tag) => completed.push(tag),
    (error) => violations.push(error),
  )
  const socket = new EventEmitter()
  connection.attachListeners(socket)
  return { seen, completed, violations, socket }
}

const message: fc.Arbitrary<Message> = fc.record({
  type: fc.constantFrom('D', 'D', 'D', '1', '2', 'C', 'Z', 'N'),
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

const OURS: ReadonlySet<string> = new Set(['D', '1', '2', 'C'])

/** A statement that notes what it is told. */
function taking(told: (what: string) => void): AnswerTaker {
  return {
    noteParsed: () => told('1'),
    noteBound: () => told('2'),
    takeRow: ({ bytes }, from) =>
      told(`D ${bytes.toString('hex', from, from - 4 + bytes.readInt32BE(from - 4))}`),
    noteComplete: (tag) => told(`C ${tag}`),
  }
}

/** What a statement is told of a message of ours. */
function toldOf({ type, body }: Message): string {
  if (type === 'D') return `D ${body.toString('hex')}`
  return type === 'C' ? `C ${body.toString('latin1', 0, body.length - 1)}` : type
}

test('of a statement of ours: its rows and how far the server is, and everything else in its turn', () => {
  fc.assert(
    fc.property(pieces, ({ messages, chunks }) => {
      const events: string[] = []
      let passedOn = 0
      const { seen, completed, socket } = open(taking((what) => notePassed(what)))
      // What is passed on between two of ours is one piece or many: only its place matters.
      function notePassed(what?: string): void {
        if (seen.length > passedOn) events.push(seen.slice(passedOn).join(''))
        passedOn = seen.length
        if (what !== undefined) events.push(what)
      }
      for (const chunk of chunks) socket.emit('data', chunk)
      notePassed()

      const expected: string[] = []
      let others = ''
      for (const message of messages) {
        if (!OURS.has(message.type)) {
          others += bytesOf(message).toString('hex')
          continue
        }
        if (others !== '') expected.push(others)
        others = ''
        expected.push(toldOf(message))
      }
      if (others !== '') expected.push(others)
      expect(events).toEqual(expected)
      expect(completed.map((tag) => `C ${tag}`)).toEqual(events.filter((event) => event.startsWith('C ')))
    }),
  )
})

test('what comes before it decides whose answer it is', () => {
  const events: string[] = []
  const second = taking((what) => events.push(`second ${what}`))
  const { socket } = open(
    taking((what) => events.push(`first ${what}`)),
    (_bytes, client) => (client._activeQuery = second),
  )
  const [bound, ready] = ['2', 'Z'].map((type) => bytesOf({ type, body: Buffer.from('I') }))
  socket.emit('data', Buffer.concat([bound!, ready!, bound!]))
  expect(events).toEqual(['first 2', 'second 2'])
})

test('what comes behind the end of one goes on to whoever is next, ours or not, in one piece', () => {
  const events: string[] = []
  const { seen, socket } = open(
    taking((what) => events.push(what)),
    (bytes, client) => {
      if (bytes.toString('latin1', 0, 1) === 'E') client._activeQuery = undefined
    },
  )
  const [row, error, foreign] = ['D', 'E', 'D'].map((type) => bytesOf({ type, body: Buffer.from([0, 0]) }))
  socket.emit('data', Buffer.concat([row!, error!, foreign!]))
  expect(events).toEqual(['D 0000'])
  expect(seen.join('')).toBe(Buffer.concat([error!, foreign!]).toString('hex'))
})

test('the statement knows that it is complete before anyone else does', () => {
  const told = jest.fn()
  const { socket, completed } = open(taking(() => told(completed.length)))
  socket.emit('data', bytesOf({ type: 'C', body: Buffer.from('UPDATE 3\0') }))
  expect(told.mock.calls).toEqual([[0]])
  expect(completed).toEqual(['UPDATE 3'])
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

describe('a row is read', () => {
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

  test('numbers are those of Number, whatever the text', async () => {
    const text = fc.oneof(
      fc.integer().map(String),
      fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String),
      fc.double().map(String),
      fc.constantFrom('-0', '-', '', '007', '1e3', 'Infinity', '-Infinity', 'NaN', ' 1', '1 ', 'é'),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(text, { maxLength: 6 }), async (texts) => {
        expect(await read(texts, Number)).toEqual([texts.map(Number)])
      }),
    )
  })

  test('texts beside those that are not ASCII, in one piece and in more than a socket reads', async () => {
    for (const length of [0, 300, 70_000]) {
      const values = [
        'short',
        'größer',
        'a longer one of them',
        '€uro',
        'x'.repeat(length),
        'é'.repeat(length),
        '7',
      ]
      expect(await read(values)).toEqual([values])
    }
  })

  test('a parser that throws fails the statement, not the connection', async () => {
    const parse = () => {
      throw new RangeError('not mine')
    }
    await expect(read(['x'], parse)).rejects.toThrow('not mine')
  })
})

describe('a server that breaks the protocol', () => {
  /** Reads one message as a row, and another behind it; returns what the statement has received. */
  function readRow(row: Buffer, columns = 3) {
    const parsers = Array.from({ length: columns }, () => undefined)
    const statement = new Statement(
      { text: '', values: [], columnsOf: () => ({ parsers }) },
      [],
      undefined,
      [],
      (_, result) => (rows = result?.rows ?? []),
    )
    let rows: unknown[][] = []
    statement.handleRowDescription({ fields: [] })
    const { socket, violations, completed, seen } = open(statement)
    const next = bytesOf({ type: 'C', body: Buffer.from('SELECT 1\0') })
    socket.emit('data', Buffer.concat([row, next]))
    socket.emit('data', next)
    statement.handleReadyForQuery()
    return { rows, violations, completed, seen }
  }

  const VALUES = ['ab', null, 'secret of the next']
  const VALID = rowOf(VALUES)

  test('the row of these tests is valid as it is', () => {
    expect(readRow(bytesOf({ type: 'D', body: VALID }))).toEqual({
      rows: [VALUES],
      violations: [],
      completed: ['SELECT 1', 'SELECT 1'],
      seen: [],
    })
  })

  const isRefused = (row: Buffer) => {
    const { rows, violations, completed, seen } = readRow(row)
    expect(violations).toEqual([
      expect.objectContaining({
        message: expect.stringMatching(/^the server broke the protocol: /) as unknown,
      }),
    ])
    // Nothing that comes behind it is read.
    expect({ rows, completed, seen }).toEqual({ rows: [], completed: [], seen: [] })
  }

  test.each(Array.from({ length: VALID.length }, (_, length) => length))(
    'a row that ends after %d bytes is refused',
    (length) => isRefused(bytesOf({ type: 'D', body: VALID.subarray(0, length) })),
  )

  test('a row that is longer than its values is refused', () => {
    isRefused(bytesOf({ type: 'D', body: Buffer.concat([VALID, Buffer.from([0])]) }))
  })

  test.each([-2, 3, 100, 0x7fffffff, -0x80000000])(
    'a row whose first value has the length %d is refused',
    (length) => {
      const body = Buffer.from(VALID)
      body.writeInt32BE(length, 2)
      isRefused(bytesOf({ type: 'D', body }))
    },
  )

  test.each([0, 2, 4, 0xffff])('a row of three values that says it has %d is refused', (count) => {
    const body = Buffer.from(VALID)
    body.writeUInt16BE(count, 0)
    isRefused(bytesOf({ type: 'D', body }))
  })

  test.each(
    ['D', '1', '2', 'C', 'Z', 'N'].flatMap((type) =>
      [0, 1, 3, -1, -0x80000000].map((length) => ({ type, length })),
    ),
  )('a message $type of the length $length is refused', ({ type, length }) => {
    const message = bytesOf({ type, body: VALID })
    message.writeInt32BE(length, 1)
    isRefused(message)
  })

  test('no value reaches beyond its row, at random changes of its bytes', () => {
    const change = fc.record({ at: fc.nat(VALID.length - 1), by: fc.nat(255) })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 4 }), (changes) => {
        const body = Buffer.from(VALID)
        for (const { at, by } of changes) body[at] = by
        const { rows } = readRow(bytesOf({ type: 'D', body }))
        for (const row of rows)
          expect(Buffer.byteLength(row.join(''), 'latin1')).toBeLessThanOrEqual(body.length)
        expect(JSON.stringify(rows)).not.toContain('SELECT')
      }),
    )
  })
})
