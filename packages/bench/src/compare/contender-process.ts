/** One contender doing one work, in a process of its own, whenever it is told to. */
import { randomUUID } from 'node:crypto'
import { quantile } from 'simple-statistics'
import { memoryInUse } from '../memory-use.js'
import { cpuNow, startStopwatch } from '../stopwatch.js'
import { CONTENDERS, type Session, type Target } from './contenders.js'
import { answerQuestions, type Order, type Round } from './messages.js'
import { WORKS } from './works.js'

/** How a contender's process is started: its only argument, as JSON. */
export interface ContenderArguments {
  readonly contender: string
  readonly work: string
  readonly target: Target
}

/** What a contender says when it is ready. */
export interface Ready {
  /** From loading its library to the answer of the first call. */
  readonly firstCallMs: number
}

/** Callers who each call again as soon as they have been answered. */
class Callers {
  readonly #session: Session
  #next = 1

  constructor(session: Session) {
    this.#session = session
  }

  async obey(order: Order): Promise<Round> {
    if (order.kind === 'round') {
      const end = performance.now() + order.ms
      return this.#run(order.callers, () => performance.now() < end)
    }
    if (order.kind === 'warm-up') {
      const [end, cpuEnd, last] = [
        performance.now() + order.ms,
        cpuNow() + order.cpuMs,
        this.#next + order.calls,
      ]
      return this.#run(order.callers, () => this.#next < last && performance.now() < end && cpuNow() < cpuEnd)
    }
    const held = this.#session.heldMs ?? (() => 0)
    const [bytesBefore, heldBefore] = [await memoryInUse(), held()]
    let left = order.calls - order.callers
    const round = await this.#run(order.callers, () => left-- > 0)
    return { ...round, heldMs: held() - heldBefore, grownBytes: (await memoryInUse()) - bytesBefore }
  }

  async #run(callers: number, isToContinue: () => boolean): Promise<Round> {
    const latencies: number[] = []
    const watch = startStopwatch()
    const caller = async (): Promise<void> => {
      do {
        const start = performance.now()
        await this.#session.call(this.#next++)
        latencies.push(performance.now() - start)
      } while (isToContinue())
    }
    await Promise.all(Array.from({ length: callers }, caller))
    const { wallMs, cpuMs } = watch()
    return {
      calls: latencies.length,
      elapsedMs: wallMs,
      cpuMs,
      heldMs: 0,
      p50Ms: quantile(latencies, 0.5),
      p99Ms: quantile(latencies, 0.99),
      worstMs: quantile(latencies, 1),
      grownBytes: 0,
    }
  }
}

await answerQuestions<Order, Round, Ready>(async () => {
  const args = JSON.parse(process.argv[2] ?? '{}') as ContenderArguments
  const contender = CONTENDERS.find(({ name }) => name === args.contender)
  const work = WORKS.find(({ name }) => name === args.work)
  if (contender === undefined || work === undefined)
    throw new Error('bug: no such contender, or no such work.')
  const watch = startStopwatch()
  const session = await contender.connect(args.target, work, randomUUID)
  await session.call(0)
  const ready = { firstCallMs: watch().wallMs }
  const callers = new Callers(session)
  return { ready, answer: (order) => callers.obey(order), stop: () => session.stop() }
})
