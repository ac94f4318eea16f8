/** Command lines: what all of them share, and `npm run bench -- <benchmark> [options]`. */
import { parseArgs, type ParseArgsConfig } from 'node:util'
import type { Benchmark } from './benchmark.js'

export interface Command {
  readonly benchmark: Benchmark
  readonly options: Readonly<Record<string, number>>
  readonly isJson: boolean
}

/** Throws an error whose message is one line. */
export function parseCommand(
  name: string,
  args: string[],
  benchmarks: Readonly<Record<string, Benchmark>>,
): Command {
  const benchmark = Object.hasOwn(benchmarks, name) ? benchmarks[name] : undefined
  if (benchmark === undefined) {
    throw new Error(`there is no benchmark "${name}", but ${Object.keys(benchmarks).join(', ')}. See --help.`)
  }
  const names = Object.keys(benchmark.options)
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const known = { ...Object.fromEntries(names.map((option) => [option, text])), json: flag }
  const values: Readonly<Record<string, string | boolean | undefined>> = parse({ args, options: known })
  const options = Object.entries(benchmark.options).map(([option, { min, max, fallback }]) => {
    const given = values[option]
    return [option, typeof given === 'string' ? wholeNumber(option, given, min, max) : fallback] as const
  })
  return { benchmark, options: Object.fromEntries(options), isJson: values['json'] === true }
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

/** What a command line says; throws an error whose message is one line. */
export function parse<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>>['values'] {
  try {
    return parseArgs(config).values
  } catch (error) {
    // Its first sentence says what is wrong; what follows is advice for other programs.
    const [sentence = ''] = (error instanceof Error ? error.message : String(error)).split(/[.\n]/, 1)
    throw new Error(`${sentence}. See --help.`, { cause: error })
  }
}

export function wholeNumber(name: string, text: string, min: number, max = Infinity): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && value <= max) return value
  const range = max === Infinity ? `${min}` : `${min} to ${max}`
  throw new Error(`--${name} must be a whole number from ${range}, not "${text}".`)
}
