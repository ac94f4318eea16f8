/** An adapter that answers from memory what it has seen adapter-pg answer: whatever a call costs is Prisma's own. */
import type { Session, Target } from './contenders.js'
import { Memory, MemoryAdapterFactory, type Source } from './memory-adapter.js'
import { record } from './recording.js'
import type { Unique, Work } from './works.js'

export async function connectNull(target: Target, work: Work, unique: Unique): Promise<Session> {
  const { opening, calls } = await record(target, work, unique)
  const memory = new Memory([...opening, ...calls.flatMap(({ steps }) => steps)])
  const started = await work.start(new MemoryAdapterFactory('null', fromMemory(memory)), unique)
  return { call: (index) => started.call(index % calls.length), stop: () => started.stop() }
}

function fromMemory(memory: Memory): Source {
  return {
    ask: (query) => memory.answer(query),
    begin: () => Promise.resolve({ ask: (query) => memory.answer(query), end: () => undefined }),
    close: () => Promise.resolve(),
  }
}
