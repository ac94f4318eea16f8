/** `npm run bench`: compares us with the official adapter, or runs the benchmark of the pool that is named. */
import type { Benchmark } from './benchmark.js'
import { comparisonHelp, runComparison } from './compare/command.js'
import { describeEnvironment } from './environment.js'
import { memory } from './memory.js'
import { helpOf, parseCommand } from './options.js'
import { poolCost } from './pool-cost.js'
import { renderJson, renderText } from './report.js'
import { waiters } from './waiters.js'

const BENCHMARKS: Readonly<Record<string, Benchmark>> = { 'pool-cost': poolCost, waiters, memory }

async function main(): Promise<void> {
  const args = process.argv.slice(2)
  const [first = '--'] = args
  if (first.startsWith('--') && first !== '--help') return runComparison(args)
  const command = parseCommand(args, BENCHMARKS)
  if (command === undefined) {
    console.log(`${comparisonHelp()}\n\n${helpOf(BENCHMARKS)}`)
    return
  }
  const { name, benchmark, options, isJson } = command
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
