// The process that owns one server: it does what the parent asks and, once the parent is gone, whatever the
// reason, ends the server and removes what was temporary.
import { Cluster } from './cluster.js'
import { fromSystemError, LocalPostgresError } from './errors.js'
import type { Command, Reply, Request, ServerAddress } from './protocol.js'

let cluster: Cluster | undefined
let last: Promise<unknown> = Promise.resolve()

async function perform(command: Command): Promise<ServerAddress | undefined> {
  if (command.type === 'start') {
    cluster = new Cluster(command.options)
    return cluster.start()
  }
  switch (command.type) {
    case 'shutdown':
      await cluster?.shutdown(command.mode)
      break
    case 'restart':
      await cluster?.restart()
      break
    case 'signal':
      cluster?.signal(command.signal)
      break
    case 'stop':
      await cluster?.destroy()
      break
  }
  return undefined
}

async function answer({ id, command }: Request): Promise<void> {
  let reply: Reply
  try {
    const address = await perform(command)
    reply = address === undefined ? { id, ok: true } : { id, ok: true, address }
  } catch (error) {
    const { code, message, log } =
      error instanceof LocalPostgresError
        ? error
        : fromSystemError(error, `${command.type} the PostgreSQL server`)
    reply = { id, ok: false, code, message, log }
    if (command.type === 'start') await cluster?.destroy().catch(() => {})
  }
  const isLast = command.type === 'stop' || (command.type === 'start' && !reply.ok)
  // The parent may have gone meanwhile; then there is nobody to tell.
  process.send?.(reply, () => isLast && process.exit())
}

// Not queued behind what is being done: a start that nobody waits for any more is broken off.
function end(): void {
  const destroyed = cluster?.destroy() ?? Promise.resolve()
  destroyed.then(
    () => process.exit(0),
    () => process.exit(1),
  )
}

process.on('message', (request: Request) => {
  last = last.then(() => answer(request))
})
process.on('disconnect', end)
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, end)
process.on('uncaughtException', end)
