/** The command line: `npm run bench -- <benchmark> [options]`. */
import { parseArgs } from 'node:util'
import type { Benchmark, NumberOption } from './benchmark.js'

export interface Command {
  readonly name: string
  readonly benchmark: Benchmark
  readonly options: Readonly<Record<string, number>>
  readonly isJson: boolean
}

/** The command to run, or `undefined` when help is asked for. Throws an error whose message is one line. */
export function parseCommand(
  args: readonly string[],
  benchmarks: Readonly<Record<string, Benchmark>>,
): Command | undefined {
  const [name = '--help', ...rest] = args
  const benchmark = Object.hasOwn(benchmarks, name) ? benchmarks[name] : undefined
  if (benchmark === undefined) {
    if (name === '--help') return undefined
    throw new Error(`there is no benchmark "${name}", but ${Object.keys(benchmarks).join(', ')}. See --help.`)
  }
  const values = parse(rest, Object.keys(benchmark.options))
  if (values['help'] === true) return undefined
  const options = Object.entries(benchmark.options).map(([option, range]) => {
    const text = values[option]
    return [option, typeof text === 'string' ? wholeNumber(option, text, range) : range.fallback] as const
  })
  return { name, benchmark, options: Object.fromEntries(options), isJson: values['json'] === true }
}

export function helpOf(benchmarks: Readonly<Record<string, Benchmark>>): string {
  const lines = Object.entries(benchmarks).flatMap(([name, { title, options }]) => [
    '',
    `  ${name.padEnd(20)}${title}`,
    ...Object.entries(options).map(
      ([option, { help, fallback }]) => `    ${`--${option} <n>`.padEnd(18)}${help} (${fallback})`,
    ),
  ])
  return [
    'What the pool costs by itself:',
    '',
    '  npm run bench -- <benchmark> [options]',
    ...lines,
    '',
    '  Every benchmark knows --json: what it measured, as JSON. DATABASE_URL names the server to measure',
    '  against instead of a throwaway one.',
  ].join('\n')
}

function parse(
  args: string[],
  names: readonly string[],
): Readonly<Record<string, string | boolean | undefined>> {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const options = { ...Object.fromEntries(names.map((name) => [name, text])), json: flag, help: flag }
  try {
    return parseArgs({ args, options }).values
  } catch (error) {
    // Its first sentence says what is wrong; what follows is advice for other programs.
    const [sentence = ''] = (error instanceof Error ? error.message : String(error)).split(/[.\n]/, 1)
    throw new Error(`${sentence}. See --help.`, { cause: error })
  }
}

function wholeNumber(name: string, text: string, { min, max }: NumberOption): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && value <= max) return value
  throw new Error(`--${name} must be a whole number from ${min} to ${max}, not "${text}".`)
}
