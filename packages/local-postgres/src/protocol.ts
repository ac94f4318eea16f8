// What the two processes say to each other over the IPC channel: types only.
import type { LocalPostgresErrorCode } from './errors.js'

/** The newest that this repository supports, and the oldest. */
export type PostgresVersion = '18' | '14'

export interface LocalPostgresOptions {
  /** Which PostgreSQL. By default what the environment variable LOCAL_POSTGRES_VERSION says, else 18. */
  readonly version?: PostgresVersion
  /** Where the data lives, and stays after `stop`. By default a fresh temporary folder, removed on stop. */
  readonly dataDirectory?: string
  /** Server settings, passed as `-c name=value`; they win over ours. */
  readonly settings?: Readonly<Record<string, string>>
  /** Further arguments for `initdb`, after ours. */
  readonly initdbArguments?: readonly string[]
}

/** `fast` ends sessions and writes everything out; `immediate` is a crash, recovered from at the next start. */
export type ShutdownMode = 'fast' | 'immediate'

export interface ServerAddress {
  readonly url: string
  readonly port: number
  readonly dataDirectory: string
}

export type Command =
  | { readonly type: 'start'; readonly options: LocalPostgresOptions }
  | { readonly type: 'shutdown'; readonly mode: ShutdownMode }
  | { readonly type: 'restart' }
  | { readonly type: 'signal'; readonly signal: 'SIGSTOP' | 'SIGCONT' }
  | { readonly type: 'stop' }

export interface Request {
  readonly id: number
  readonly command: Command
}

export type Reply =
  | { readonly id: number; readonly ok: true; readonly address?: ServerAddress }
  | {
      readonly id: number
      readonly ok: false
      readonly code: LocalPostgresErrorCode
      readonly message: string
      readonly log: string
    }
