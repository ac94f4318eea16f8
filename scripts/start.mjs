// `npm start [-- --once]`: brings the checkout up to date, then runs the example service and its load.
import { run, setup } from './toolchain.mjs'

await setup()
process.exit(await run(process.execPath, ['packages/example-app/dist/main.js', ...process.argv.slice(2)]))
