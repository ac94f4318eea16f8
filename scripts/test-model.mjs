// `npm run test:model [-- <jest arguments>]`: brings the checkout up to date, then runs the model tests of the pool
// 10,000 times each instead of the 500 of `npm test`. MODEL_RUNS says how often; MODEL_SEED, MODEL_PATH and
// MODEL_REPLAY_PATH repeat a run that failed, as its report prints them.
import { run, setup } from './toolchain.mjs'

process.env.MODEL_RUNS ??= '10000'
await setup()
process.exit(
  await run(process.execPath, ['node_modules/jest/bin/jest.js', 'tests/model', ...process.argv.slice(2)]),
)
