// One PostgreSQL cluster: its folder, `initdb`, and the `postgres` process that serves it. Knows nothing of
// the parent; `destroy` may come at any moment, also in the middle of a start.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { serverAccount, type Account } from './account.js'
import { runnableBinaries, wantedVersion, type Binaries } from './binaries.js'
import { fromProgramOutput, fromSystemError, LocalPostgresError } from './errors.js'
import { makeTemporaryFolder } from './folders.js'
import { freePort } from './ports.js'
import { handFolderOver, readPrivately, removeFolderOf, writePrivately } from './private-files.js'
import { exitsWithin, hasExited, kill, signalServer } from './processes.js'
import type { LocalPostgresOptions, PostgresVersion, ServerAddress, ShutdownMode } from './protocol.js'

const INITDB_DEADLINE_MS = 120_000
const READY_DEADLINE_MS = 60_000
const SHUTDOWN_DEADLINE_MS = 15_000
const PORT_ATTEMPTS = 3
const LOG_LINES = 50
/** sockaddr_un holds 103 bytes of path on macOS, 107 on Linux. */
const LONGEST_SOCKET_PATH = 103
/** Written last: where it is, the cluster is whole, and this is its superuser's password. */
const PASSWORD_FILE = 'local-postgres.password'
const LOCALE: Readonly<Record<PostgresVersion, readonly string[]>> = {
  // PostgreSQL's own C.UTF-8, which needs no locale of the system and so is the same everywhere.
  18: ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'],
  14: ['--locale=C.UTF-8'],
}

interface Program {
  readonly child: ChildProcess
  readonly log: string[]
}

export class Cluster {
  readonly #options: LocalPostgresOptions
  #account: Account | undefined
  #binaries: Binaries | undefined
  #temporary: string | undefined
  #dataDirectory = ''
  #port = 0
  #program: Program | undefined
  #destroyed: Promise<void> | undefined

  constructor(options: LocalPostgresOptions) {
    this.#options = options
  }

  async start(): Promise<ServerAddress> {
    this.#account = serverAccount()
    const version = wantedVersion(this.#options.version)
    this.#binaries = await runnableBinaries(version, this.#account)
    this.#refuseIfDestroyed()
    this.#temporary = makeTemporaryFolder(this.#account)
    this.#dataDirectory = this.#options.dataDirectory ?? path.join(this.#temporary, 'data')
    const password =
      this.#existingPassword() ?? (await this.#initialise(this.#binaries.initdb, LOCALE[version]))
    await this.#startOnFreePort()
    const url = `postgresql://postgres:${password}@127.0.0.1:${this.#port}/postgres`
    return { url, port: this.#port, dataDirectory: this.#dataDirectory }
  }

  async shutdown(mode: ShutdownMode): Promise<void> {
    const child = this.#program?.child
    if (child?.pid === undefined || hasExited(child)) return
    // A stopped process would not act on what follows.
    signalServer(child.pid, 'SIGCONT')
    if (process.platform === 'win32') this.#shutdownOnWindows(mode)
    else kill(child.pid, mode === 'fast' ? 'SIGINT' : 'SIGQUIT')
    if (await exitsWithin(child, SHUTDOWN_DEADLINE_MS)) return
    kill(child.pid, 'SIGQUIT')
    if (await exitsWithin(child, SHUTDOWN_DEADLINE_MS)) return
    signalServer(child.pid, 'SIGKILL')
    await exitsWithin(child, SHUTDOWN_DEADLINE_MS)
  }

  async restart(): Promise<void> {
    await this.shutdown('fast')
    await this.#startPostgres()
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    const child = this.#program?.child
    if (process.platform === 'win32') throw new LocalPostgresError('FAILED', `Windows has no ${signal}.`)
    if (child?.pid === undefined || hasExited(child)) {
      throw new LocalPostgresError('FAILED', `The server does not run, so it cannot be sent ${signal}.`)
    }
    signalServer(child.pid, signal)
  }

  destroy(): Promise<void> {
    this.#destroyed ??= this.#destroy()
    return this.#destroyed
  }

  async #destroy(): Promise<void> {
    // `initdb` takes the same signals, and removes what it has made.
    await this.shutdown('fast')
    if (this.#temporary === undefined) return
    try {
      removeFolderOf(this.#account, this.#temporary)
    } catch (error) {
      throw fromSystemError(error, `remove ${this.#temporary}`)
    }
  }

  #existingPassword(): string | undefined {
    const file = path.join(this.#dataDirectory, PASSWORD_FILE)
    try {
      const password = readPrivately(file)
      if (password !== undefined) return password
      if (!existsSync(this.#dataDirectory) || readdirSync(this.#dataDirectory).length === 0) return undefined
    } catch (error) {
      throw fromSystemError(error, `read ${this.#dataDirectory}`)
    }
    throw new LocalPostgresError(
      'FAILED',
      `${this.#dataDirectory} holds files, but no complete server of ours: remove it, or choose another data folder.`,
    )
  }

  async #initialise(initdb: string, locale: readonly string[]): Promise<string> {
    const password = randomBytes(18).toString('base64url')
    const passwordFile = path.join(this.#temporary ?? '', 'password')
    try {
      mkdirSync(this.#dataDirectory, { recursive: true, mode: 0o700 })
      // A folder of the caller's own may be behind a link; in our temporary folder there is none to follow.
      if (this.#options.dataDirectory !== undefined) this.#dataDirectory = realpathSync(this.#dataDirectory)
      if (this.#account !== undefined) handFolderOver(this.#dataDirectory, this.#account)
      writePrivately(passwordFile, password, this.#account)
    } catch (error) {
      throw fromSystemError(error, `make the data folder ${this.#dataDirectory}`)
    }
    const further = this.#options.initdbArguments ?? []
    const program = this.#run(initdb, [
      `--pgdata=${this.#dataDirectory}`,
      '--username=postgres',
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      ...(further.some((argument) => argument.includes('locale')) ? [] : locale),
      '--no-sync',
      '--no-instructions',
      ...further,
    ])
    const { child, log } = program
    if (!(await exitsWithin(child, INITDB_DEADLINE_MS))) {
      await this.shutdown('fast')
      throw new LocalPostgresError(
        'FAILED',
        `initdb took longer than ${INITDB_DEADLINE_MS / 1000} s.`,
        log.join('\n'),
      )
    }
    this.#refuseIfDestroyed()
    if (child.exitCode !== 0)
      throw fromProgramOutput('initdb', this.#dataDirectory, await this.#complete(program))
    try {
      writePrivately(path.join(this.#dataDirectory, PASSWORD_FILE), password, undefined)
    } catch (error) {
      throw fromSystemError(error, `write to ${this.#dataDirectory}`)
    }
    return password
  }

  async #startOnFreePort(): Promise<void> {
    const wanted = this.#options.settings?.['port']
    for (let attempt = 1; ; attempt++) {
      this.#port = wanted === undefined ? await freePort() : Number(wanted)
      try {
        await this.#startPostgres()
        return
      } catch (error) {
        const isTaken = error instanceof LocalPostgresError && error.code === 'NO_PORT'
        if (!isTaken || wanted !== undefined || attempt === PORT_ATTEMPTS) throw error
      }
    }
  }

  async #startPostgres(): Promise<void> {
    const settings = {
      listen_addresses: '127.0.0.1',
      port: String(this.#port),
      unix_socket_directories: this.#socketDirectory(),
      max_connections: '200',
      // Nobody needs this data after a crash of the machine; a crash of PostgreSQL it survives.
      fsync: 'off',
      timezone: 'UTC',
      log_timezone: 'UTC',
      ...this.#options.settings,
    }
    const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const program = this.#run(this.#binaries?.postgres ?? '', ['-D', this.#dataDirectory, ...args])
    const deadline = performance.now() + READY_DEADLINE_MS
    while (!this.#isReady(program.child)) {
      this.#refuseIfDestroyed()
      if (hasExited(program.child)) {
        throw fromProgramOutput('postgres', this.#dataDirectory, await this.#complete(program))
      }
      if (performance.now() > deadline) {
        await this.shutdown('immediate')
        const message = `postgres was not ready within ${READY_DEADLINE_MS / 1000} s in ${this.#dataDirectory}.`
        throw new LocalPostgresError('FAILED', message, program.log.join('\n'))
      }
      await sleep(20)
    }
  }

  /** As pg_ctl does it: the postmaster writes its id and its status into a file. */
  #isReady(child: ChildProcess): boolean {
    try {
      const lines = readFileSync(path.join(this.#dataDirectory, 'postmaster.pid'), 'utf8').split('\n')
      return Number(lines[0]) === child.pid && lines[7]?.trim() === 'ready'
    } catch {
      return false
    }
  }

  #socketDirectory(): string {
    const longest = path.join(this.#dataDirectory, '.s.PGSQL.65535.lock')
    const isUsable = process.platform !== 'win32' && Buffer.byteLength(longest) <= LONGEST_SOCKET_PATH
    // The setting is a list, in which quotes keep a comma from separating.
    return isUsable && !this.#dataDirectory.includes('"') ? `"${this.#dataDirectory}"` : ''
  }

  #run(file: string, args: readonly string[]): Program {
    this.#refuseIfDestroyed()
    // What the caller has set for his own PostgreSQL is not for this one; messages are to be English.
    const inherited = Object.entries(process.env).filter(([name]) => !/^(PG|LC_|LANG)/.test(name))
    const child = spawn(file, args, {
      ...this.#account,
      cwd: this.#dataDirectory,
      env: { ...Object.fromEntries(inherited), LC_ALL: 'C' },
      stdio: ['ignore', 'ignore', 'pipe'],
      windowsHide: true,
    })
    const log: string[] = []
    child.on('error', (error) => log.push(`error: ${error.message}`))
    createInterface({ input: child.stderr }).on('line', (line) => {
      log.push(line)
      if (log.length > LOG_LINES) log.shift()
    })
    this.#program = { child, log }
    return this.#program
  }

  /** What a program wrote last may arrive after its exit. */
  async #complete({ child, log }: Program): Promise<readonly string[]> {
    for (let waitedMs = 0; child.stderr?.closed === false && waitedMs < 1_000; waitedMs += 10) await sleep(10)
    return log
  }

  #shutdownOnWindows(mode: ShutdownMode): void {
    execFileSync(this.#binaries?.pg_ctl ?? '', ['stop', '-D', this.#dataDirectory, '-m', mode, '-W'])
  }

  #refuseIfDestroyed(): void {
    if (this.#destroyed !== undefined)
      throw new LocalPostgresError('FAILED', 'The server was stopped while it started.')
  }
}
