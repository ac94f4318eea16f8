// `npm test [-- <jest arguments>]`: brings the checkout up to date, then runs the whole Jest suite.
import { run, setup } from './toolchain.mjs'

await setup()
process.exit(await run(process.execPath, ['node_modules/jest/bin/jest.js', ...process.argv.slice(2)]))
