// What pools of this process publish, noted until the test is over.
import { onPoolEvent, type PoolEvent, type PoolEvents } from 'prisma-pg-real-pool'

export interface Notes {
  readonly messages: { [E in PoolEvent]: [E, PoolEvents[E]] }[PoolEvent][]
  /** Those of one event. */
  of<E extends PoolEvent>(event: E): PoolEvents[E][]
  stop(): void
}

/** Notes the messages of one pool. */
export function noteEvents(pool: string, events: readonly PoolEvent[]): Notes {
  const messages: Notes['messages'] = []
  const ends = events.map((event) =>
    onPoolEvent(event, (message) => {
      if (message.pool === pool) messages.push([event, message] as never)
    }),
  )
  return {
    messages,
    of: (event) => messages.flatMap(([name, message]) => (name === event ? [message as never] : [])),
    stop: () => ends.forEach((end) => end()),
  }
}
