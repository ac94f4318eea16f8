// Our side of a server: forks the supervisor and passes commands to it. It owns no PostgreSQL process and
// no folder, so that nothing needs cleaning here, however this process ends.
import { fork, type ChildProcess } from 'node:child_process'
import path from 'node:path'
import { LocalPostgresError } from './errors.js'
import { hasExited } from './processes.js'
import type {
  Command,
  LocalPostgresOptions,
  Reply,
  Request,
  ServerAddress,
  ShutdownMode,
} from './protocol.js'

export interface LocalPostgres {
  /** A superuser's URL, password included, for the database `postgres` on 127.0.0.1. */
  readonly url: string
  readonly port: number
  readonly dataDirectory: string
  /** Ends the server; a temporary data folder goes with it. May be called more than once. */
  stop(): Promise<void>
  /** Ends the server; the data stays, and `restart` brings it back. */
  shutdown(mode: ShutdownMode): Promise<void>
  /** Starts again on the same port, after a fast shutdown if it runs. */
  restart(): Promise<void>
  /** Sent to the postmaster and to all of its children: a server that hangs, and that comes back. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): Promise<void>
}

/**
 * Starts a PostgreSQL server on a free port of 127.0.0.1. It does not keep this process alive, and it goes
 * when this process goes, SIGKILL included.
 *
 * @throws LocalPostgresError, whose message is one line that says what to do
 */
export async function startLocalPostgres(options: LocalPostgresOptions = {}): Promise<LocalPostgres> {
  const supervisor = new Supervisor()
  const { dataDirectory } = options
  const resolved =
    dataDirectory === undefined ? options : { ...options, dataDirectory: path.resolve(dataDirectory) }
  const address = await supervisor.call({ type: 'start', options: resolved })
  if (address === undefined)
    throw new LocalPostgresError('FAILED', 'bug: the supervisor started without an address.')
  let stopped: Promise<void> | undefined
  return {
    ...address,
    stop: () => (stopped ??= supervisor.stop()),
    shutdown: async (mode) => void (await supervisor.call({ type: 'shutdown', mode })),
    restart: async () => void (await supervisor.call({ type: 'restart' })),
    signal: async (signal) => void (await supervisor.call({ type: 'signal', signal })),
  }
}

class Supervisor {
  readonly #process: ChildProcess
  readonly #exited: Promise<void>
  readonly #pending = new Map<number, (reply: Reply) => void>()
  #lastId = 0

  constructor() {
    // A process group of its own, which Ctrl-C in the terminal does not reach, and none of our debugging
    // flags, which would have it wait for a debugger or fight us for the inspector's port.
    const { NODE_OPTIONS: _, ...env } = process.env
    this.#process = fork(path.join(__dirname, 'supervisor.js'), [], {
      cwd: path.parse(__dirname).root,
      detached: true,
      env,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    this.#process.on('message', (reply: Reply) => this.#settle(reply))
    this.#exited = new Promise((resolve) => {
      const gone = (why: string) => {
        for (const id of [...this.#pending.keys()]) {
          this.#settle({
            id,
            ok: false,
            code: 'FAILED',
            message: `The PostgreSQL supervisor ${why}.`,
            log: '',
          })
        }
        resolve()
      }
      this.#process.on('error', (error) => gone(`could not be reached: ${error.message}`))
      this.#process.on('exit', (code, signal) => gone(`ended (${signal ?? `exit code ${code ?? '?'}`})`))
    })
  }

  async call(command: Command): Promise<ServerAddress | undefined> {
    const request: Request = { id: ++this.#lastId, command }
    const reply = await new Promise<Reply>((resolve) => {
      this.#pending.set(request.id, resolve)
      this.#keepAlive()
      // Without a channel, `send` throws nothing and tells its callback.
      this.#process.send(request, (error) => {
        if (error === null) return
        const message = 'The PostgreSQL server has been stopped; start another.'
        this.#settle({ id: request.id, ok: false, code: 'FAILED', message, log: '' })
      })
    })
    if (!reply.ok) throw new LocalPostgresError(reply.code, reply.message, reply.log)
    return reply.address
  }

  async stop(): Promise<void> {
    if (hasExited(this.#process)) return
    await this.call({ type: 'stop' })
    this.#process.ref()
    await this.#exited
  }

  #settle(reply: Reply): void {
    const resolve = this.#pending.get(reply.id)
    this.#pending.delete(reply.id)
    this.#keepAlive()
    resolve?.(reply)
  }

  /** Only an unanswered command keeps our process alive. */
  #keepAlive(): void {
    const change = this.#pending.size > 0 ? 'ref' : 'unref'
    this.#process[change]()
    this.#process.channel?.[change]()
  }
}
