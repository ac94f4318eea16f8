// `npm run soak`: brings the checkout up to date, then runs random load with random faults. SOAK_MS says for how
// long, 60 s by default; SOAK_SEED repeats the choices of another run.
import { run, setup } from './toolchain.mjs'

await setup()
process.exit(await run(process.execPath, ['--expose-gc', '--no-warnings', 'tests/load/dist/soak/main.js']))
