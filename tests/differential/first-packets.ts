// What a client says first: that it wants TLS, or who it is in plain text (PostgreSQL manual 54.2.1, 54.2.11).
import { type AddressInfo, connect, createServer } from 'node:net'

const REQUEST_FOR_TLS = 80_877_103

/** Of each connection that was made by such a URL. */
export const firstPackets: ('request for TLS' | 'startup')[] = []

/** The same server by a way on which the first packet of each connection is noted. */
export function urlByFirstPackets(serverUrl: string): string {
  const url = new URL(serverUrl)
  const [host, port] = [url.hostname, Number(url.port)]
  const server = createServer((client) => {
    client.once('data', (packet: Buffer) => {
      firstPackets.push(packet.readInt32BE(4) === REQUEST_FOR_TLS ? 'request for TLS' : 'startup')
      const target = connect(port, host)
      target.write(packet)
      client.pipe(target).pipe(client)
      for (const end of [client, target]) {
        end.on('error', () => {})
        end.on('close', () => (client.destroy(), target.destroy()))
      }
    })
  })
  // Without a host it listens at once, and has a port.
  url.port = String((server.listen(0).unref().address() as AddressInfo).port)
  url.hostname = 'localhost'
  return url.href
}
