/** What the processes of the comparison say to each other: one question, then one answer. */
import { type ChildProcess, fork } from 'node:child_process'
import { env } from 'node:process'
import { inspect } from 'node:util'

/** What a contender is told to do. */
export type Order =
  | {
      readonly kind: 'round'
      readonly callers: number
      /** No call begins after so long, but each caller makes one. */
      readonly ms: number
    }
  | {
      readonly kind: 'warm-up'
      readonly callers: number
      /** Ends after so many calls, for that is what its compiler goes by. */
      readonly calls: number
      /** Or when the process has used so much CPU time. */
      readonly cpuMs: number
      /** Or after so long, in the end. */
      readonly ms: number
    }
  | { readonly kind: 'calls'; readonly callers: number; readonly calls: number }

export interface Round {
  readonly calls: number
  readonly elapsedMs: number
  /** Of the whole process, its garbage collector included. */
  readonly cpuMs: number
  /** How long connections were borrowed, all together; for `calls` alone. */
  readonly heldMs: number
  /** How long calls took: half of them at most, 99 of 100, and the slowest. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly worstMs: number
  /** What the process holds in memory more than before, after collections of garbage; for `calls` alone. */
  readonly grownBytes: number
}

/** How long a process may take to end. */
const PATIENCE_MS = 10_000

type Reply<T> = { readonly ok: T } | { readonly error: string }

/** A process of ours that answers questions. */
export class Colleague<Question, Answer> {
  readonly #process: ChildProcess

  private constructor(process: ChildProcess) {
    this.#process = process
  }

  /** Starts `module`, a file beside this one, and waits for the answer to no question at all: it is ready. */
  static async start<Question, Answer, Ready>(
    module: string,
    args: readonly string[],
  ): Promise<{ colleague: Colleague<Question, Answer>; ready: Ready }> {
    const file = new URL(`./${module}.mjs`, import.meta.url)
    const process = fork(file, args, {
      execArgv: ['--expose-gc', '--no-flush-bytecode', '--enable-source-maps'],
      // As services run: else Prisma captures a stack for each call, for the sake of its error messages.
      env: { NODE_ENV: 'production', ...env },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    const colleague = new Colleague<Question, Answer>(process)
    try {
      return { colleague, ready: await answerOf<Ready>(process) }
    } catch (error) {
      await colleague.stop()
      throw error
    }
  }

  ask(question: Question): Promise<Answer> {
    const answer = answerOf<Answer>(this.#process)
    this.#process.send(question as object)
    return answer
  }

  /** Without us it has nobody to listen to, and ends. */
  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const exited = new Promise((resolve) => this.#process.once('exit', resolve))
    if (this.#process.connected) this.#process.disconnect()
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), PATIENCE_MS)
    await exited
    clearTimeout(timer)
  }
}

function answerOf<T>(process: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: unknown): void => {
      process.off('exit', onExit)
      const reply = message as Reply<T>
      if ('ok' in reply) resolve(reply.ok)
      else reject(new Error(reply.error))
    }
    const onExit = (code: number | null, signal: string | null): void => {
      process.off('message', onMessage)
      reject(new Error(`a process of the comparison ended (${signal ?? `exit code ${code ?? '?'}`}).`))
    }
    process.once('message', onMessage)
    process.once('exit', onExit)
  })
}

/** The other side: answers each question, and ends when nobody asks any more. */
export async function answerQuestions<Question, Answer, Ready>(
  start: () => Promise<{
    ready: Ready
    answer: (question: Question) => Promise<Answer>
    stop: () => Promise<void>
  }>,
): Promise<void> {
  const reply = async <T>(work: () => Promise<T>): Promise<void> => {
    const said: Reply<T> = await work().then(
      (ok) => ({ ok }),
      (error: unknown) => ({ error: inspect(error) }),
    )
    if (process.connected) process.send?.(said)
  }
  let stop = (): Promise<void> => Promise.resolve()
  process.once('disconnect', () => void stop().finally(() => process.exit()))
  // Ctrl-C in the terminal reaches us, too; who asks us decides.
  process.on('SIGINT', () => {})
  await reply(async () => {
    const started = await start()
    stop = started.stop
    process.on('message', (question) => void reply(() => started.answer(question as Question)))
    return started.ready
  })
}
