// TCP keepalive as the kernel sees it, on both ends of a connection.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect } from '@jest/globals'
import { RealPool, type RealPoolOptions } from 'prisma-pg-real-pool'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { testOrSkip } from '../support/or-skip.js'

const testOnLinux = testOrSkip(
  process.platform === 'linux' ? undefined : 'only Linux shows the timers of sockets in /proc',
)

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})

afterAll(() => database.drop())

/** `tr:tm->when` of a connection: which timer runs, and its hundredths of a second. */
function timerFieldOf(localPort: number, remotePort: number): [kind?: string, when?: string] {
  const rows = readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)
  const fields = rows.map((row) => row.trim().split(/\s+/))
  const found = fields.find(
    ([, local, remote]) => portOf(local) === localPort && portOf(remote) === remotePort,
  )
  return (found?.[5]?.split(':') ?? []) as [string?, string?]
}

/** `00`: none runs. */
function timerOf(localPort: number, remotePort: number): string | undefined {
  return timerFieldOf(localPort, remotePort)[0]
}

/** In how many seconds the kernel at the local end probes the other end. */
function probedIn(localPort: number, remotePort: number): number | undefined {
  const [kind, when = ''] = timerFieldOf(localPort, remotePort)
  return kind === '02' ? parseInt(when, 16) / 100 : undefined
}

function portOf(address = ''): number {
  return parseInt(address.split(':')[1] ?? '', 16)
}

interface Ports {
  readonly client: number
  readonly server: number
}

/** Reads the timers of an idle connection. While an acknowledgement is outstanding the kernel shows another timer. */
async function withConnection(options: RealPoolOptions, look: (ports: Ports) => void): Promise<void> {
  await using pool = new RealPool({ connectionString: database.url, pool: { maxSize: 1 }, ...options })
  await pool.open()
  await pool.use(async (client) => {
    const { rows } = await client.query<Ports>(
      'SELECT inet_client_port() AS client, inet_server_port() AS server',
    )
    await eventually(() => look(rows[0]!))
  })
}

testOnLinux('the kernel probes a silent server after 10 s', async () => {
  await withConnection({}, ({ client, server }) => {
    expect(probedIn(client, server)).toBeGreaterThan(1)
    expect(probedIn(client, server)).toBeLessThanOrEqual(10)
  })
})

testOnLinux('keepAliveInitialDelayMillis says after how long', async () => {
  await withConnection({ keepAliveInitialDelayMillis: 60_000 }, ({ client, server }) => {
    expect(probedIn(client, server)).toBeGreaterThan(50)
    expect(probedIn(client, server)).toBeLessThanOrEqual(60)
  })
})

testOnLinux('keepAlive: false turns it off', async () => {
  await withConnection({ keepAlive: false }, ({ client, server }) => {
    expect(timerOf(client, server)).toBe('00')
  })
})

/** As docs/reliability.md recommends them. */
const SERVER_PROBES =
  '-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3 ' +
  '-c tcp_user_timeout=60s -c client_connection_check_interval=10s'

testOnLinux('the server probes a silent client when `options` asks for it', async () => {
  await withConnection({ options: SERVER_PROBES }, ({ client, server }) => {
    expect(probedIn(server, client)).toBeGreaterThan(20)
    expect(probedIn(server, client)).toBeLessThanOrEqual(30)
  })
})
