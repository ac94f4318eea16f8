// A server that speaks TLS in front of one that need not: with a certificate of its own making, so that a test can
// decide whom a client trusts.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { TLSSocket } from 'node:tls'

export interface Certificate {
  /** Of the authority that signed it. */
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** A certificate for `localhost` and 127.0.0.1 from an authority that exists for this one alone. Needs openssl. */
export function makeCertificate(): Certificate {
  const folder = mkdtempSync(path.join(tmpdir(), 'certificate-'))
  const file = (name: string): string => path.join(folder, name)
  const openssl = (...args: string[]): void =>
    void execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  try {
    openssl('req', '-x509', ...newKey, '-subj', '/CN=an authority', '-keyout', 'ca.key', '-out', 'ca.crt')
    openssl('req', ...newKey, '-subj', '/CN=localhost', '-keyout', 'server.key', '-out', 'server.csr')
    writeFileSync(file('names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1')
    const signed = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names']
    openssl('x509', '-req', '-in', 'server.csr', ...signed, '-out', 'server.crt')
    const read = (name: string): string => readFileSync(file(name), 'utf8')
    return { ca: read('ca.crt'), cert: read('server.crt'), key: read('server.key') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

export class TlsFront {
  readonly #server: Server
  readonly port: number

  private constructor(server: Server) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
  }

  /** Listens on a free port of 127.0.0.1, in front of the server that a database URL names. */
  static async inFrontOf(url: string, { cert, key }: Certificate): Promise<TlsFront> {
    const { hostname, port } = new URL(url)
    const server = createServer((socket) => {
      socket.on('error', () => {})
      // The client asks whether there is TLS, and begins with it when it is told so (PostgreSQL manual 54.2.11).
      socket.once('data', () => {
        socket.write('S')
        const client = new TLSSocket(socket, { isServer: true, cert, key })
        const target = connect(Number(port), hostname)
        client.pipe(target).pipe(client)
        for (const end of [client, target]) {
          end.on('error', () => {})
          end.on('close', () => (client.destroy(), target.destroy()))
        }
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new TlsFront(server)
  }

  close(): void {
    this.#server.close()
  }
}
