// Servers whose connections share one PGlite session: plain `@electric-sql/pglite-socket`, and Prisma's development
// server on top of it (prisma-dev.ts). Each runs in a separate process, as it does for users: PGlite is synchronous,
// and in our process its answers would never cross with what we send.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const ROOT = path.join(__dirname, '../..')
const START_WITHIN_MS = 60_000

export interface SharedSessionServer {
  readonly url: string
  stop(): Promise<void>
}

/**
 * pglite-socket with its own defaults, of which one is that it takes one connection at a time, or with another limit.
 *
 * How pglite-socket 0.2.17 serves its connections (its src/index.ts):
 * - `QueryQueueManager.enqueue` runs one *message* at a time, not one statement: between Parse and Bind of one
 *   connection come messages of others. All of them go to one session, which has one unnamed statement, one set of
 *   names, and one "ignore until Sync" after an error.
 * - While `PGlite.isInTransaction()` the queue takes messages of the connection that sent the last one, and no others.
 *   It turns true when BEGIN is *executed*. What came before that in the same packet, such as Parse and Bind, is not
 *   protected.
 * - Beyond `maxConnections` (1 by default) `net.Server` closes a new socket without a word.
 * - A cancel request is read and dropped; 0.1.3 waits for the rest of it for ever.
 */
export function startPglite({
  maxConnections,
}: { maxConnections?: number } = {}): Promise<SharedSessionServer> {
  const options = JSON.stringify(maxConnections === undefined ? {} : { maxConnections })
  return startServer(`
    import { PGlite } from '@electric-sql/pglite'
    import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
    const db = await PGlite.create()
    const server = new PGLiteSocketServer({ db, port: 0, ...${options} })
    await server.start()
    process.send('postgres://postgres:postgres@' + server.getServerConn() + '/postgres?sslmode=disable')`)
}

/** Runs a program, an ES module, that sends the URL of its server once it listens. */
export async function startServer(program: string): Promise<SharedSessionServer> {
  // prisma dev keeps files for its user: in this folder.
  const folder = mkdtempSync(path.join(tmpdir(), 'pglite-'))
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: ROOT,
    env: { ...process.env, XDG_DATA_HOME: folder },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const ended = once(child, 'exit').then(() => {
    throw new Error(`the server ended: ${said}`)
  })
  ended.catch(() => {}) // Known from then on by what fails.
  const signal = AbortSignal.timeout(START_WITHIN_MS)
  const [url] = (await Promise.race([once(child, 'message', { signal }), ended])) as [string]
  return {
    url,
    stop: async () => {
      await stop(child)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}
