// `npm run chaos [-- --transfers <n> --faults <n> --backend <name>]`: brings the checkout up to date, then moves
// money through Prisma while everything fails. CHAOS_MS says for how long, 60 s by default; with a number of
// transfers or faults it goes on until they are reached. CHAOS_SEED repeats the choices of another run.
import { run, setup } from './toolchain.mjs'

await setup()
process.exit(
  await run(process.execPath, ['--no-warnings', 'tests/load/dist/chaos/main.js', ...process.argv.slice(2)]),
)
