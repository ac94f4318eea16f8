/** `npm run bench`: compares us with the official adapter, or runs the benchmark of the pool that is named. */
import type { Benchmark } from './benchmark.js'
import { comparisonHelp, runComparison } from './compare/command.js'
import { describeEnvironment } from './environment.js'
import { memory } from './memory.js'
import { helpOf, parseCommand } from './options.js'
import { poolCost } from './pool-cost.js'
import { renderJson, renderText } from './report.js'
import { sessionReset } from './session-reset.js'
import { waiters } from './waiters.js'

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  'pool-cost': poolCost,
  waiters,
  memory,
  'session-reset': sessionReset,
}

async function main(): Promise<void> {
  const args = process.argv.slice(2)
  if (args.includes('--help')) return console.log(`${comparisonHelp()}\n\n${helpOf(BENCHMARKS)}`)
  const [name, ...rest] = args
  if (name === undefined || name.startsWith('--')) return runComparison(args)
  const { benchmark, options, isJson } = parseCommand(name, rest, BENCHMARKS)
  const report = await benchmark.run(options, (step) => console.error(`${name}: ${step} …`))
  const environment = describeEnvironment(report.postgresql)
  const measured = { benchmark: name, options, environment, report }
  console.log(isJson ? renderJson(measured) : renderText(measured))
}

try {
  await main()
} catch (error) {
  console.error(`npm run bench: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
