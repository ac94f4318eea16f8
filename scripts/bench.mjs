// `npm run bench -- [options]`, `npm run bench -- <benchmark> [options]`: builds what it needs, then measures.
// Standard output belongs to the benchmark alone, so that `--json` can be piped.
import { pnpm, run } from './toolchain.mjs'

await pnpm(['exec', 'turbo', 'run', 'build', '--filter=bench', '--output-logs=errors-only'], { quiet: true })
// Memory is measured after collections that we ask for; code that they would forget would come back as memory.
const flags = ['--expose-gc', '--no-flush-bytecode']
process.exit(
  await run(process.execPath, [...flags, 'packages/bench/dist/main.mjs', ...process.argv.slice(2)]),
)
