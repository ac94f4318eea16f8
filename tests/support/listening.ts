// Servers of the tests' own, on ports of this machine, mostly in front of the one that a database URL names.
import type { AddressInfo, Server } from 'node:net'

export const HOST = '127.0.0.1'

/** On a free port, unless one is given; returns which. */
export async function listen(server: Server, port = 0): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, HOST, resolve)
  })
  return (server.address() as AddressInfo).port
}

/** Where the server is that a database URL names. */
export function addressOf(url: string): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(url)
  return { host: hostname, port: Number(port || 5432) }
}

/** The URL of the same database, by way of a port of this machine. */
export function urlBy(port: number, url: string): string {
  const other = new URL(url)
  other.hostname = HOST
  other.port = String(port)
  return other.href
}
