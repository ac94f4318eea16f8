/**
 * The command line of `npm start`.
 */
import { parseArgs } from 'node:util'

export const HELP = `
The payment ledger over prisma-pg-real-pool: starts PostgreSQL and the service under load, and shows a live
dashboard of it until Ctrl-C.

  npm start [-- options]

  --once           measure instead: drive it for a while, print what was seen, exit (so does CI=true)
  --seconds <n>    how long --once drives the service      (20)
  --callers <n>    how many callers drive it at a time     (50, with --once 200)
  --pool <n>       how many connections the pool may open  (50, with --once 5)
  --port <n>       where the service listens               (PORT, else any free port)
  --help           this text

  DATABASE_URL     the server to use instead of an own one; the ledger gets a new database there,
                   dropped at the end
`.trim()

export interface StartOptions {
  readonly help: boolean
  readonly once: boolean
  readonly seconds: number
  readonly callers: number
  readonly pool: number
  /** 0: whichever is free. */
  readonly port: number
}

/** Throws an error whose message is one line for the user. */
export function parseOptions(args: string[], env: NodeJS.ProcessEnv): StartOptions {
  const { values } = parse(args)
  const once = values.once ?? ['true', '1'].includes(env['CI'] ?? '')
  return {
    help: values.help ?? false,
    once,
    seconds: wholeNumber('--seconds', values.seconds, { fallback: 20, min: 1, max: 86_400 }),
    callers: wholeNumber('--callers', values.callers, { fallback: once ? 200 : 50, min: 1, max: 5_000 }),
    pool: wholeNumber('--pool', values.pool, { fallback: once ? 5 : 50, min: 1, max: 1_000 }),
    port:
      values.port === undefined
        ? wholeNumber('PORT', env['PORT'] || undefined, { fallback: 0, min: 0, max: 65_535 })
        : wholeNumber('--port', values.port, { fallback: 0, min: 0, max: 65_535 }),
  }
}

function parse(args: string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  try {
    const options = { help: flag, once: flag, seconds: text, callers: text, pool: text, port: text }
    return parseArgs({ args, options })
  } catch (error) {
    // Its first sentence says what is wrong; what follows is advice for other programs.
    const [sentence = ''] = (error instanceof Error ? error.message : String(error)).split(/[.\n]/, 1)
    throw new Error(`${sentence}. See --help.`, { cause: error })
  }
}

interface Range {
  readonly fallback: number
  readonly min: number
  readonly max: number
}

function wholeNumber(name: string, text: string | undefined, { fallback, min, max }: Range): number {
  if (text === undefined) return fallback
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && value <= max) return value
  throw new Error(`${name} must be a whole number from ${min} to ${max}, not "${text}".`)
}
