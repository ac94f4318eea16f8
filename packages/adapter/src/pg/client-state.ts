/**
 * What node-postgres knows about one of its clients but does not tell in public: the only file that reads its
 * private fields (pg 8.23).
 */
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import type { Client, Submittable } from 'pg'

interface PrivateClient {
  readonly _queryable: boolean
  readonly _ending: boolean
  readonly _ended: boolean
  readonly _activeQuery: { readonly text?: string } | null | undefined
  readonly _queryQueue: unknown[]
  pipeline: boolean
  _pulseQueryQueue(): void
  readonly _sentQueryQueue: readonly unknown[]
  readonly readyForQuery: boolean
  readonly processID: number
  readonly secretKey: number
  readonly _types: { text: object; binary: object }
  readonly connectionParameters: { readonly query_timeout?: number | false }
  readonly connection: EventEmitter & {
    readonly stream: Socket
    attachListeners(stream: EventEmitter): void
    parsedStatements: Record<string, string>
    submittedNamedStatements: Record<string, string>
  }
  getTransactionStatus(): 'I' | 'T' | 'E' | null
}

function privateOf(client: Client): PrivateClient {
  return client as unknown as PrivateClient
}

/** Whether the client has what is read here: one of `pg-native` has not, nor has one of an older node-postgres. */
export function isReadable(client: Client): boolean {
  const { connection, _sentQueryQueue, getTransactionStatus } = privateOf(client) as Partial<PrivateClient>
  return (
    connection !== undefined && Array.isArray(_sentQueryQueue) && typeof getTransactionStatus === 'function'
  )
}

/** What a client has of its connection while it makes it. */
interface Handshake {
  ssl: unknown
  readonly connection: EventEmitter & {
    readonly stream: Socket
    ssl: unknown
    requestSsl(): void
    attachListeners(stream: Socket): void
  }
}

export function handshakeOf(client: Client): Handshake {
  return client as unknown as Handshake
}

/** The socket, which TLS replaces while connecting: always to be asked anew. */
export function socketOf(client: Client): Socket {
  return privateOf(client).connection.stream
}

/** Whether the client can still send a query and be answered, as far as it has noticed. */
export function isUsable(client: Client): boolean {
  const { _queryable, _ending, _ended, connection } = privateOf(client)
  return _queryable && !_ending && !_ended && connection.stream.writable
}

/**
 * Whether the server has yet to answer. After an error the client reports the failure before the server's
 * ReadyForQuery arrives, which may be a packet later; until then nothing of its state is known.
 */
export function isBusy(client: Client): boolean {
  const { _activeQuery, _queryQueue, _sentQueryQueue, readyForQuery } = privateOf(client)
  return Boolean(_activeQuery) || _queryQueue.length > 0 || _sentQueryQueue.length > 0 || !readyForQuery
}

/** Whether the client ends in good order only after all answers have come. */
export function isPipelining(client: Client): boolean {
  return privateOf(client).pipeline
}

/** The status in the last ReadyForQuery: idle, in a transaction, in a failed transaction. */
export function transactionStatus(client: Client): 'I' | 'T' | 'E' | null {
  return privateOf(client).getTransactionStatus()
}

/** Gives a client a query to run that is not of its own class. */
export function submitQuery(client: Client, query: Submittable): void {
  const pg = privateOf(client)
  if (!pg.pipeline) {
    client.query(query)
    return
  }
  // `query` refuses such ones here, because of those that leave a portal open behind them.
  pg._queryQueue.push(query)
  pg._pulseQueryQueue()
}

/** An error of a listener, which may be the user's: node-postgres itself has read the message without one. */
const listenerErrors = new WeakSet<object>()

/** Whether `passOn` of `relayMessages` threw because node-postgres could not read the bytes. */
export function isUnreadable(error: unknown): boolean {
  return typeof error === 'object' && error !== null && !listenerErrors.has(error)
}

/**
 * Reads what the socket receives before the client does: what is passed on it gets as if it came from the socket. The
 * client listens only when it connects, and with TLS to another socket than the first.
 */
export function relayMessages(
  client: Client,
  read: (passOn: (bytes: Buffer) => void) => (chunk: Buffer) => void,
): void {
  const { connection } = privateOf(client)
  const emit: unknown = Reflect.get(connection, 'emit')
  connection.emit = (...args): boolean => {
    try {
      return Reflect.apply(emit as typeof connection.emit, connection, args)
    } catch (error) {
      if (typeof error === 'object' && error !== null) listenerErrors.add(error)
      throw error
    }
  }
  const attach = connection.attachListeners.bind(connection)
  connection.attachListeners = (stream) => {
    const relay = new EventEmitter()
    attach(relay)
    stream.on(
      'data',
      read((bytes) => void relay.emit('data', bytes)),
    )
  }
}

export function activeQueryOf(client: Client): ActiveQuery {
  return privateOf(client)._activeQuery
}

/**
 * Gives a client a query to send at once, behind others that it may be waiting for. Until the last of them is answered
 * the client pipelines; it must be idle, or do so already.
 */
export function submitPipelined(client: Client, query: Submittable): void {
  const pg = privateOf(client)
  if (!pg.pipeline) {
    pg.pipeline = true
    client.once('drain', () => {
      pg.pipeline = false
    })
  }
  submitQuery(client, query)
}

/** Whether the client gives up a query that takes too long (`query_timeout`): not one that is sent behind others. */
export function hasReadTimeout(client: Client): boolean {
  return Boolean(privateOf(client).connectionParameters.query_timeout)
}

/** Calls back each time the server is ready for a query, once the client has told whoever's was answered. */
export function onReady(client: Client, listener: () => void): void {
  privateOf(client).connection.on('readyForQuery', listener)
}

/** The text of the statement that the server is at. */
export function textOf(client: Client): string | undefined {
  return privateOf(client)._activeQuery?.text
}

/** What the client is running, whoever has made it. */
export type ActiveQuery = PrivateClient['_activeQuery']

/**
 * Calls back for each statement that the server completes: its command tag, and what it was part of. Like the next two,
 * not for what answer-reader.ts takes before node-postgres sees it.
 */
export function onStatementComplete(
  client: Client,
  listener: (tag: string, query: ActiveQuery) => void,
): void {
  const pg = privateOf(client)
  pg.connection.on('commandComplete', ({ text: tag }: { text: string }) => listener(tag, pg._activeQuery))
}

/** Calls back when the server has parsed the text of a statement of the extended protocol. */
export function onStatementParsed(client: Client, listener: (query: ActiveQuery) => void): void {
  const pg = privateOf(client)
  pg.connection.on('parseComplete', () => listener(pg._activeQuery))
}

/** Calls back when the server has taken the values of a statement of the extended protocol. */
export function onStatementBound(client: Client, listener: (query: ActiveQuery) => void): void {
  const pg = privateOf(client)
  pg.connection.on('bindComplete', () => listener(pg._activeQuery))
}

/** Calls back when the server has run a statement for some of its rows, and keeps the others in a portal. */
export function onStatementSuspended(client: Client, listener: (query: ActiveQuery) => void): void {
  const pg = privateOf(client)
  pg.connection.on('portalSuspended', () => listener(pg._activeQuery))
}

/** Calls back for each error that the server reports, before the statement that it is about is told. */
export function onErrorReported(client: Client, listener: (error: Error) => void): void {
  privateOf(client).connection.on('errorMessage', listener)
}

/** The fields of a notice that this package reads (PostgreSQL manual 54.8, error and notice message fields). */
export interface Notice {
  readonly message: string
  /** The function of the server's source that sends it; unlike the message, it is never translated. */
  readonly routine?: string | undefined
}

/** Calls back for each notice or warning of the server, with the statement that the server is at. */
export function onNotice(client: Client, listener: (notice: Notice, query: ActiveQuery) => void): void {
  const pg = privateOf(client)
  pg.connection.on('notice', (notice: Notice) => listener(notice, pg._activeQuery))
}

/** Calls back for each setting that the server reports (PostgreSQL manual 54.2.7, asynchronous operations). */
export function onSettingReported(client: Client, listener: (name: string, value: string) => void): void {
  privateOf(client).connection.on(
    'parameterStatus',
    ({ parameterName, parameterValue }: { parameterName: string; parameterValue: string }) =>
      listener(parameterName, parameterValue),
  )
}

/** Notes the type parsers that the client has (`setTypeParser`); what is returned brings them back. */
export function keepTypeParsers(client: Client): () => void {
  const { _types: types } = privateOf(client)
  const [text, binary] = [{ ...types.text }, { ...types.binary }]
  return () => {
    types.text = text
    types.binary = binary
  }
}

/** The server has forgotten all prepared statements; node-postgres must forget them too. */
export function forgetStatements(client: Client): void {
  const { connection } = privateOf(client)
  connection.parsedStatements = {}
  connection.submittedNamedStatements = {}
}

/** What the server gave the session to be cancelled by. */
export function backendKeyOf(client: Client): { processId: number; secretKey: number } {
  const { processID, secretKey } = privateOf(client)
  return { processId: processID, secretKey }
}
