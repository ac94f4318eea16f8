// Free ports. They come from below the range that systems give to outgoing connections (Linux: 32768 up;
// macOS, Windows: 49152 up): there, while a server is shut down, a client that keeps trying to reach it can
// be given its port as the local end and connect to itself, and the server cannot come back.
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { LocalPostgresError } from './errors.js'

const LOWEST = 20_000
const HIGHEST = 32_767
const ATTEMPTS = 50

export async function freePort(): Promise<number> {
  let reason = ''
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = randomInt(LOWEST, HIGHEST + 1)
    const refusal = await listenBriefly(port)
    if (refusal === undefined) return port
    reason = refusal.message
  }
  throw new LocalPostgresError(
    'NO_PORT',
    `No free port on 127.0.0.1 among ${ATTEMPTS} tried from ${LOWEST} to ${HIGHEST} (${reason}): ` +
      'stop programs that hold them, or check that the loopback interface is up.',
  )
}

function listenBriefly(port: number): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', resolve)
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
}
