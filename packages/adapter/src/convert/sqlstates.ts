// What an error that PostgreSQL itself reports means to Prisma, by its SQLSTATE. Built on the fields of the
// protocol (`column`, `constraint`, `table`); message text is read only where there is no field, since the
// server translates it.

import type { MappedError } from '@prisma/driver-adapter-utils'
import { redact } from '../redact.js'

/** The fields of node-postgres' `DatabaseError` that are used here. */
export interface ServerError {
  readonly code: string
  readonly severity: string
  readonly message: string
  readonly detail?: string | undefined
  readonly hint?: string | undefined
  readonly table?: string | undefined
  readonly column?: string | undefined
  readonly constraint?: string | undefined
  /** The function of the server that reported it. Unlike the message, it is in no language. */
  readonly routine?: string | undefined
}

type Mapping = (error: ServerError) => MappedError

/** Whether a value is an error that the server sent, from whichever copy of node-postgres. */
export function isServerError(value: unknown): value is ServerError {
  if (typeof value !== 'object' || value === null) return false
  const { code, severity, message } = value as Partial<Record<keyof ServerError, unknown>>
  return (
    typeof code === 'string' &&
    code.length === 5 &&
    typeof severity === 'string' &&
    typeof message === 'string'
  )
}

/** @param isConnecting - Whether the server refused a session, rather than a statement in one. */
export function mapServerError(error: ServerError, isConnecting = error.severity === 'FATAL'): MappedError {
  const mapping = (isConnecting ? WHEN_CONNECTING[error.code] : undefined) ?? BY_SQLSTATE[error.code]
  return (mapping ?? (isConnectionException(error.code) ? connectionClosed : unmapped))(error)
}

/** Class 08; not a violation of the protocol, which is a mistake of whoever sent it and will be one again. */
function isConnectionException(code: string): boolean {
  return code.startsWith('08') && code !== '08P01'
}

const connectionClosed: Mapping = () => ({ kind: 'ConnectionClosed' })
const writeConflict: Mapping = () => ({ kind: 'TransactionWriteConflict' })

/** What a code means that has another meaning of a statement. */
const WHEN_CONNECTING: Readonly<Record<string, Mapping>> = {
  // No CONNECT privilege on the database.
  '42501': ({ message }) => ({ kind: 'DatabaseAccessDenied', ...defined({ db: firstQuoted(message) }) }),
}

/** Those that Prisma has a kind for; a test holds docs/errors.md against them. */
export const BY_SQLSTATE: Readonly<Record<string, Mapping>> = {
  '22001': ({ column }) => ({ kind: 'LengthMismatch', ...defined({ column }) }),
  '22003': ({ message }) => ({ kind: 'ValueOutOfRange', cause: redact(message) }),
  '22P02': ({ message }) => ({ kind: 'InvalidInputValue', message: redact(message) }),
  '23001': (error) => ({ kind: 'RestrictViolation', ...foreignKey(error) }),
  '23502': ({ column }) => ({
    kind: 'NullConstraintViolation',
    ...(column !== undefined && { constraint: { fields: [column] } }),
  }),
  '23503': (error) => ({ kind: 'ForeignKeyConstraintViolation', ...foreignKey(error) }),
  '23505': (error) => ({ kind: 'UniqueConstraintViolation', ...uniqueKey(error) }),
  '25P03': connectionClosed, // idle_in_transaction_session_timeout
  '25P04': connectionClosed, // transaction_timeout
  '28000': ({ message }) => ({ kind: 'DatabaseAccessDenied', ...defined({ db: deniedDatabase(message) }) }),
  '28P01': ({ message }) => ({ kind: 'AuthenticationFailed', ...defined({ user: firstQuoted(message) }) }),
  '3D000': ({ message }) => ({ kind: 'DatabaseDoesNotExist', ...defined({ db: firstQuoted(message) }) }),
  '40001': writeConflict,
  '40P01': writeConflict,
  '42703': ({ message }) => ({ kind: 'ColumnNotFound', ...defined({ column: missingColumn(message) }) }),
  '42P01': ({ message }) => ({ kind: 'TableDoesNotExist', ...defined({ table: firstQuoted(message) }) }),
  '42P04': ({ message }) => ({ kind: 'DatabaseAlreadyExists', ...defined({ db: firstQuoted(message) }) }),
  '53300': ({ message }) => ({ kind: 'TooManyConnections', cause: redact(message) }),
  '57P01': connectionClosed, // pg_terminate_backend, shutdown
  '57P02': connectionClosed, // another backend crashed
  '57P03': connectionClosed, // starting up or shutting down
  '57P04': connectionClosed, // the database was dropped
  '57P05': connectionClosed, // idle_session_timeout
}

/** The server's message, and what to do where the server does not say. Prisma shows no hint, only the message. */
export function messageWithAdvice(error: ServerError): string {
  const advice = adviceOn(error)
  return redact(advice === undefined ? error.message : `${error.message}: ${advice}`)
}

const SYNTAX_ERROR = '42601'
const UNSAFE_NEW_ENUM_VALUE_USAGE = '55P04'

function adviceOn({ code, routine }: ServerError): string | undefined {
  if (code === UNSAFE_NEW_ENUM_VALUE_USAGE) {
    return 'run ALTER TYPE … ADD VALUE first, in a script or a migration of its own'
  }
  // A text with several statements; syntax errors of other kinds are reported by other routines.
  if (code === SYNTAX_ERROR && routine === 'exec_parse_message') {
    return (
      "send one statement per call, use executeScript of the adapter, or set the option rawScripts: 'allow', " +
      'which runs several statements where a call has no arguments'
    )
  }
  return undefined
}

/** For what Prisma has no kind for: it shows code and message of this one as they are. */
export function unmapped(error: ServerError): MappedError {
  const { code, severity, detail, column, hint } = error
  return {
    kind: 'postgres',
    code,
    severity,
    message: messageWithAdvice(error),
    detail: detail && redact(detail),
    column,
    hint: hint && redact(hint),
  }
}

/**
 * Both the constraint's name, which is exact, and its fields, which Prisma prefers in its message. Only
 * plain columns count as fields, not the expressions of an index on `lower(email)`.
 */
function uniqueKey({ constraint: index, table, detail }: ServerError) {
  const fields = keyColumns(detail)
  const constraint = { ...defined({ index }), ...defined({ fields }) }
  return {
    ...defined({ table }),
    ...('index' in constraint || 'fields' in constraint
      ? { constraint: constraint as { index: string } }
      : {}),
  }
}

/** Not the fields of `detail`: for a refused DELETE they are those of the table referred to. */
function foreignKey({ constraint: index, column }: ServerError) {
  if (index !== undefined) return { constraint: { index } }
  return column === undefined ? {} : { constraint: { fields: [column] } }
}

/** `Key (a, "B c")=(1, 2) already exists.`, in any language: the names before `)=(`. */
function keyColumns(detail: string | undefined): string[] | undefined {
  const names =
    detail && /\(((?:"(?:[^"]|"")*"|[^\s,"()]+)(?:, (?:"(?:[^"]|"")*"|[^\s,"()]+))*)\)=\(/.exec(detail)?.[1]
  if (!names) return undefined
  return Array.from(names.matchAll(/"(?:[^"]|"")*"|[^\s,]+/g), ([name]) => unquote(name))
}

/**
 * `column "a" of relation "T" does not exist`, `column T.a does not exist`; in another language what is in
 * quotes, or has a dot within.
 */
function missingColumn(message: string): string | undefined {
  const column = /^column (.+?)(?: of relation .+)? does not exist$/.exec(message)?.[1]
  if (column !== undefined) return column.replace(/"(?:[^"]|"")*"/g, unquote)
  return firstQuoted(message) ?? /[\w$]+(?:\.[\w$]+)+/.exec(message)?.[0]
}

/** `no pg_hba.conf entry for host "…", user "…", database "…", no encryption`: the third name. */
function deniedDatabase(message: string): string | undefined {
  return quoted(message)[2]
}

function firstQuoted(message: string): string | undefined {
  return quoted(message)[0]
}

/** The names in a message, in the quotation marks of whichever language the server speaks. */
function quoted(message: string): string[] {
  return Array.from(message.matchAll(/["„“«»「](.+?)["”“»«」]/g), ([, name = '']) => name.trim())
}

function unquote(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name
}

/** Drops what is undefined, as Prisma's types have optional properties that must not be `undefined`. */
function defined<K extends string, V>(object: Record<K, V | undefined>): Partial<Record<K, V>> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Partial<
    Record<K, V>
  >
}
