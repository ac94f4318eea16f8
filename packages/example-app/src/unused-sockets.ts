/**
 * Connections that clients open ahead of their first request, as browsers do. Node takes them for busy, and a
 * server that is closed would wait for them.
 */
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

export function closeUnusedSockets({ server }: FastifyInstance, closing: AbortSignal): void {
  const unused = new Set<Socket>()
  server.on('connection', (socket) => {
    if (closing.aborted) return socket.destroy()
    unused.add(socket)
    return socket.once('close', () => unused.delete(socket))
  })
  server.on('request', ({ socket }) => unused.delete(socket))
  closing.addEventListener('abort', () => {
    for (const socket of unused) socket.destroy()
  })
}
