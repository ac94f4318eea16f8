// Breaks a connection off from this end, so that the other is told of a reset and not of an end.
import type { Socket } from 'node:net'

export function reset(socket: Socket): void {
  // Node 20 fails to reset a socket while its end is under way (EINVAL), forgets the handle without closing it, and
  // once the other side is gone as well polls it for ever, with all that the CPU has.
  if (socket.writableEnded && !socket.writableFinished) socket.destroy()
  else socket.resetAndDestroy()
}
