/**
 * Closes a connection by a TCP reset. After a plain close the kernel still delivers what was sent when the network
 * recovers: a write would be saved after its call has rejected with an unknown outcome.
 */
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'

/** @param socket - Beneath TLS, the raw socket. A Unix socket or a stream of another kind is closed plainly. */
export function resetSocket(socket: Duplex): void {
  if (isConnectedTcp(socket) && !isEnding(socket)) socket.resetAndDestroy()
  else socket.destroy()
}

function isConnectedTcp(socket: Duplex): socket is Socket {
  const isRaw = socket instanceof Socket && !(socket instanceof TLSSocket)
  return isRaw && !socket.destroyed && !socket.connecting && socket.remoteFamily !== undefined
}

/** Node 20 fails to reset a socket whose end is under way (EINVAL), and then never closes it. */
function isEnding(socket: Duplex): boolean {
  return socket.writableEnded && !socket.writableFinished
}
