/**
 * What node-postgres knows about one of its clients but does not tell in public: the only file that reads its
 * private fields (pg 8.23).
 */
import type { Socket } from 'node:net'
import type { Client } from 'pg'

interface PrivateClient {
  readonly _queryable: boolean
  readonly _ending: boolean
  readonly _ended: boolean
  readonly _activeQuery: unknown
  readonly _queryQueue: readonly unknown[]
  readonly _sentQueryQueue: readonly unknown[]
  readonly readyForQuery: boolean
  readonly connection: { readonly stream: Socket }
  getTransactionStatus(): 'I' | 'T' | 'E' | null
}

function privateOf(client: Client): PrivateClient {
  return client as unknown as PrivateClient
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

/** The status in the last ReadyForQuery: idle, in a transaction, in a failed transaction. */
export function transactionStatus(client: Client): 'I' | 'T' | 'E' | null {
  return privateOf(client).getTransactionStatus()
}
