// `npm test [-- <jest arguments>]`: brings the checkout up to date, then runs the whole Jest suite, that of Prisma
// three times over (jest.backends.config.mjs).
import { run, setup } from './toolchain.mjs'

await setup()
process.exit(
  await run(process.execPath, [
    'node_modules/jest/bin/jest.js',
    '--config=jest.backends.config.mjs',
    ...process.argv.slice(2),
  ]),
)
