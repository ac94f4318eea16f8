/** How much memory the process holds, once what is garbage has gone. */
import { setImmediate as turn } from 'node:timers/promises'

/** Bytes on the heap, and outside it on behalf of objects there. */
export async function memoryInUse(): Promise<number> {
  const { gc } = globalThis
  if (gc === undefined) throw new Error('memory can be measured only with node --expose-gc.')
  // What one collection frees may hold what only the next one finds; finalizers run in between.
  for (let times = 0; times < 10; times++) {
    gc()
    await turn()
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
