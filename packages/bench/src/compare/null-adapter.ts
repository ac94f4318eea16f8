/** An adapter that answers from memory what it has seen adapter-pg answer: whatever a call costs is Prisma's own. */
import type { Session, Target } from './contenders.js'
import { connectLearned, Memory, type Source } from './memory-adapter.js'
import type { Step } from './recording.js'
import type { Unique, Work } from './works.js'

export function connectNull(target: Target, work: Work, unique: Unique): Promise<Session> {
  return connectLearned('null', fromMemory, target, work, unique)
}

function fromMemory(steps: readonly Step[]): Source {
  const memory = new Memory(steps)
  return {
    ask: (query) => memory.answer(query),
    begin: () => Promise.resolve({ ask: (query) => memory.answer(query), end: () => undefined }),
    close: () => Promise.resolve(),
  }
}
