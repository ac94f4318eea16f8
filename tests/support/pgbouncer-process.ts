// A PgBouncer in front of a server, in transaction mode unless its settings say otherwise. It has a configuration in a
// temporary folder and a free port, and runs as an unprivileged user.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { exitsWithin, freePort, kill, makeTemporaryFolder, serverAccount } from 'local-postgres'
import pg from 'pg'
import { eventually } from './eventually.js'

const ENVIRONMENT = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin` }
export const hasPgBouncer =
  spawnSync('pgbouncer', ['--version'], { env: ENVIRONMENT, stdio: 'ignore' }).error === undefined

const EXIT_WITHIN_MS = 10_000

/** Settings of `pgbouncer.ini`. */
export type PgBouncerSettings = Readonly<Record<string, string | number>>

export class PgBouncer {
  readonly #folder: string
  readonly #port: number
  readonly #user: string
  readonly #password: string
  #process: ChildProcess | undefined

  private constructor(folder: string, port: number, server: URL) {
    this.#folder = folder
    this.#port = port
    this.#user = decodeURIComponent(server.username)
    this.#password = decodeURIComponent(server.password)
  }

  /** With two server connections for each database, and refusing everything at the start that it may refuse. */
  static async inFrontOf(serverUrl: string, settings: PgBouncerSettings = {}): Promise<PgBouncer> {
    const account = serverAccount()
    const server = new URL(serverUrl)
    const bouncer = new PgBouncer(makeTemporaryFolder(account), await freePort(), server)
    bouncer.#configure(server, settings)
    await bouncer.start()
    return bouncer
  }

  #configure(server: URL, settings: PgBouncerSettings): void {
    const users = this.#file('users.txt')
    const host = server.searchParams.get('host') ?? server.hostname
    const all = {
      listen_addr: '127.0.0.1',
      listen_port: this.#port,
      unix_socket_dir: '',
      auth_type: this.#password === '' ? 'trust' : 'scram-sha-256',
      auth_file: users,
      admin_users: this.#user,
      logfile: this.#file('log'),
      pool_mode: 'transaction',
      default_pool_size: 2,
      max_client_conn: 500,
      ignore_startup_parameters: '',
      // Tries again soon where the server was away; by default after 15 s.
      server_login_retry: 0.1,
      ...settings,
    }
    const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`)
    const ini = ['[databases]', `* = host=${host} port=${server.port || 5432}`, '[pgbouncer]', ...lines, '']
    const quote = (text: string) => `"${text.replaceAll('"', '""')}"`
    const modes = { mode: 0o644 }
    writeFileSync(users, `${quote(this.#user)} ${quote(this.#password)}\n`, modes)
    writeFileSync(this.#file('pgbouncer.ini'), ini.join('\n'), modes)
  }

  #file(name: string): string {
    return path.join(this.#folder, name)
  }

  /** The database of a URL by way of this. */
  urlOf(databaseUrl: string): string {
    const url = new URL(databaseUrl)
    url.host = `127.0.0.1:${this.#port}`
    url.search = ''
    return url.href
  }

  /** Runs until the next `stop`. */
  async start(): Promise<void> {
    const running = spawn('pgbouncer', ['--quiet', this.#file('pgbouncer.ini')], {
      ...serverAccount(),
      env: ENVIRONMENT,
      stdio: 'ignore',
    })
    this.#process = running
    // Ignored: the wait below finds that it has ended.
    running.on('error', () => {})
    await eventually(async () => {
      if (running.exitCode !== null) throw new Error(`PgBouncer ended with ${running.exitCode}.`)
      await this.admin('SHOW VERSION')
    })
  }

  /** Ends it at once, and with it every connection through it: newer ones wait for their clients at a SIGTERM. */
  async stop(): Promise<void> {
    const running = this.#process
    if (running?.pid === undefined) return
    kill(running.pid, 'SIGQUIT')
    if (!(await exitsWithin(running, EXIT_WITHIN_MS))) kill(running.pid, 'SIGKILL')
    this.#process = undefined
  }

  /** Asks its console, which knows the simple protocol only. */
  async admin<Row extends pg.QueryResultRow>(command: string): Promise<Row[]> {
    const client = new pg.Client({
      host: '127.0.0.1',
      port: this.#port,
      user: this.#user,
      password: this.#password,
      database: 'pgbouncer',
    })
    client.on('error', () => {}) // The command says it.
    await client.connect()
    try {
      return (await client.query<Row>(command)).rows
    } finally {
      await client.end()
    }
  }

  async close(): Promise<void> {
    await this.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
