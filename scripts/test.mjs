// `npm test [-- <jest arguments>]`: brings the checkout up to date, then runs the whole Jest suite, that of Prisma
// over two backends (jest.backends.config.mjs).
import { run, setup } from './toolchain.mjs'

await setup()
process.exit(
  await run(process.execPath, [
    'node_modules/jest/bin/jest.js',
    '--config=jest.backends.config.mjs',
    // Something that a test leaves behind keeps the process busy after the summary; which, is to be found.
    '--forceExit',
    ...process.argv.slice(2),
  ]),
)
