// A PostgreSQL of its own that speaks TLS, with a certificate for `localhost` from an authority made for it, and
// roles that it lets in by one way only.
import { chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { startLocalPostgres } from 'local-postgres'
import pg from 'pg'
import { asIdentity, Authority, withPassphrase } from './certificates.js'
import type { TestDatabase } from './database.js'
import { eventually } from './eventually.js'

export const PASSWORD = 'role-s3cret'
export const PASSPHRASE = 'key-s3cret'

/** Each of these is a role. */
const ACCESS = `
  hostssl   all tls_only    all scram-sha-256
  hostnossl all plain_only  all scram-sha-256
  hostssl   all certified   all cert
  host      all anyone      all scram-sha-256
  host      all cleartext   all password
  host      all trusted     all trust
  local     all anyone          scram-sha-256
  host      all postgres    all scram-sha-256`

export interface TlsServer {
  readonly port: number
  readonly socketFolder: string
  /** A file of the test's: certificates, keys. */
  file(name: 'ca' | 'otherCa' | 'cert' | 'key' | 'lockedKey' | 'identity'): string
  /** A URL for a role, by the name of the host that the certificate has. */
  url(role: string, query?: string, host?: string): string
  /** Puts other text into a file, until the end of the test run. */
  write(name: string, text: string): string
  /** Turns TLS on or off, for connections to come. */
  setTls(isOn: boolean): Promise<void>
  readonly query: TestDatabase['query']
  stop(): Promise<void>
}

export async function startTlsServer(): Promise<TlsServer> {
  const server = await startLocalPostgres({ settings: { listen_addresses: 'localhost' } })
  const folder = mkdtempSync(path.join(tmpdir(), 'real-pool-tls-'))
  const authority = new Authority('real-pool test CA')
  const client = authority.issue({ commonName: 'certified' })
  const files = {
    ca: authority.cert,
    otherCa: new Authority('another CA').cert,
    cert: client.cert,
    key: client.key,
    lockedKey: withPassphrase(client, PASSPHRASE),
    identity: asIdentity(client, PASSPHRASE),
  }
  for (const [name, content] of Object.entries(files)) writeFileSync(path.join(folder, name), content)

  const { uid, gid } = statSync(server.dataDirectory)
  const own = (name: string, text: string): void => {
    const file = path.join(server.dataDirectory, name)
    writeFileSync(file, text, { mode: 0o600 })
    chownSync(file, uid, gid)
  }
  const identity = authority.issue({ commonName: 'server', hosts: ['localhost'] })
  own('server.crt', identity.cert)
  own('server.key', identity.key)
  own('root.crt', authority.cert)
  const observer = new pg.Client({ connectionString: server.url })
  await observer.connect()
  for (const role of ['tls_only', 'plain_only', 'certified', 'anyone', 'cleartext', 'trusted']) {
    await observer.query(`CREATE ROLE ${role} LOGIN PASSWORD '${PASSWORD}'`)
  }
  own('pg_hba.conf', ACCESS)

  const setTls = async (isOn: boolean): Promise<void> => {
    await observer.query(`ALTER SYSTEM SET ssl_ca_file = 'root.crt'`)
    await observer.query(`ALTER SYSTEM SET ssl = ${isOn ? 'on' : 'off'}`)
    await observer.query('SELECT pg_reload_conf()')
    // The postmaster takes the signal when it gets to it; then what it starts has the new setting.
    await eventually(async () => {
      const probe = new pg.Client({ connectionString: server.url })
      await probe.connect()
      const { rows } = await probe.query<{ ssl: string }>('SHOW ssl')
      await probe.end()
      if (rows[0]?.ssl !== (isOn ? 'on' : 'off')) throw new Error('not reloaded yet')
    })
  }
  await setTls(true)

  return {
    port: server.port,
    socketFolder: server.dataDirectory,
    file: (name) => path.join(folder, name),
    url: (role, query = '', host = 'localhost') =>
      `postgresql://${role}:${PASSWORD}@${host}:${server.port}/postgres?${query}`,
    write(name, text) {
      const file = path.join(folder, name)
      writeFileSync(file, text)
      return file
    },
    setTls,
    async query<Row extends pg.QueryResultRow>(sql: string, values: readonly unknown[] = []) {
      return (await observer.query<Row>(sql, [...values])).rows
    },
    async stop() {
      await observer.end()
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
