/** The options that say where to connect to, and how: those of node-postgres, and ours beside them. */
import type { ClientConfig } from 'pg'
import * as v from 'valibot'
import type { ConnectionKey } from './options.js'
import { numberThat, oneOf, text, trueOrFalse, wholeNumber } from './option-values.js'

const MILLISECONDS = 'must be a number of milliseconds'
const milliseconds = v.optional(v.union([wholeNumber(0)], MILLISECONDS))

export const connectionEntries = {
  connectionString: v.optional(
    v.string('must be a string: the URL of the database, for example from DATABASE_URL'),
  ),
  host: v.optional(text),
  port: v.optional(
    numberThat(
      (value) => Number.isInteger(value) && value > 0 && value < 65_536,
      'must be a port from 1 to 65535',
    ),
  ),
  database: v.optional(text),
  user: v.optional(text),
  password: v.optional(
    v.custom<string | (() => string | Promise<string>)>(
      (value) => typeof value === 'string' || typeof value === 'function',
      'must be a string, or a function that returns one',
    ),
  ),
  ssl: v.optional(
    v.custom<ClientConfig['ssl']>(
      (value) => typeof value === 'boolean' || (typeof value === 'object' && value !== null),
      'must be true, false or an object of TLS options',
    ),
  ),
  sslnegotiation: v.optional(oneOf('postgres', 'direct')),
  enableChannelBinding: v.optional(trueOrFalse),
  application_name: v.optional(text),
  fallback_application_name: v.optional(text),
  options: v.optional(text),
  statement_timeout: v.optional(v.union([wholeNumber(0), v.literal(false)], MILLISECONDS)),
  lock_timeout: milliseconds,
  idle_in_transaction_session_timeout: milliseconds,
  query_timeout: milliseconds,
  client_encoding: v.optional(text),
  keepAlive: v.optional(trueOrFalse),
  keepAliveInitialDelayMillis: v.optional(wholeNumber(0)),
  stream: v.optional(v.unknown()),
} satisfies Record<ConnectionKey, v.GenericSchema<unknown, unknown>>

export const CONNECTION_KEYS = Object.keys(connectionEntries) as ConnectionKey[]
